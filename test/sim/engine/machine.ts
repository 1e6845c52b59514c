/**
 * A computer with clocks of its own, and the processes on it. Its clocks run at a rate within the bound of the protocol
 * and its wall clock may be stepped; it can be frozen (nothing on it takes a step) and reset (everything on it is gone).
 *
 *   Running ──freeze──> Frozen ──thaw──> Running ──reset──> Off ──boot──> Running
 *
 * What the world gives to a frozen machine waits and arrives after the thaw.
 */
import type { Scheduler } from "./scheduler.ts";
import type { SimProcess } from "./process.ts";

export interface MachineClocks {
  /** Milliseconds of this machine's clocks per true millisecond. */
  readonly rate: number;
  readonly wallMs: number;
}

export class SimMachine {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly rate: number;
  readonly processes = new Set<SimProcess>();
  /** Counts boots; what belongs to an earlier one never happens any more. */
  boot = 1;
  isOn = true;
  #freezes = 0;
  #wallOffsetMs: number;
  /** True milliseconds that the monotonic clock did not count. */
  #suspendedMs = 0;
  #suspendedSince: number | undefined;
  #held: (() => void)[] = [];
  /** It has been up for a day when a world begins. */
  #bootedMs = -86_400_000;

  constructor(name: string, clocks: MachineClocks, scheduler: Scheduler) {
    this.name = name;
    this.rate = clocks.rate;
    this.#wallOffsetMs = clocks.wallMs;
    this.scheduler = scheduler;
  }

  get isFrozen(): boolean {
    return this.#freezes > 0;
  }

  monotonicAt(trueMs: number): number {
    const suspended = this.#suspendedMs + (this.#suspendedSince === undefined ? 0 : trueMs - this.#suspendedSince);
    return (trueMs - suspended) * this.rate;
  }

  wallAt(trueMs: number): number {
    return trueMs * this.rate + this.#wallOffsetMs;
  }

  /** True time at which the monotonic clock will show `localMs` if nothing happens to it. */
  trueTimeOf(localMs: number): number {
    return localMs / this.rate + this.#suspendedMs;
  }

  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Freezes add up. `stopsMonotonic`: as a suspend, which only the wall clock shows afterwards. */
  freeze(options: { readonly stopsMonotonic?: boolean } = {}): void {
    this.#freezes += 1;
    if (options.stopsMonotonic === true) this.#suspendedSince ??= this.scheduler.nowMs;
  }

  thaw(): void {
    if (this.#freezes === 0) return;
    this.#freezes -= 1;
    if (this.#freezes > 0) return;
    if (this.#suspendedSince !== undefined) this.#suspendedMs += this.scheduler.nowMs - this.#suspendedSince;
    this.#suspendedSince = undefined;
    for (const run of this.#held.splice(0)) this.scheduler.at(this.scheduler.nowMs, () => this.kernel(run));
    for (const process of this.processes) process.thawed();
  }

  /** Does something in the kernel of this machine, now or after the thaw; never after a reset. */
  kernel(run: () => void): void {
    if (!this.isOn) return;
    if (this.isFrozen) this.#held.push(run);
    else run();
  }

  kernelAfter(delayMs: number, run: () => void): void {
    const { boot } = this;
    this.scheduler.after(delayMs, () => {
      if (this.boot === boot) this.kernel(run);
    });
  }

  /** Power off at once: no process ends in order, nothing that waited happens. */
  off(): void {
    this.isOn = false;
    this.boot += 1;
    this.#freezes = 0;
    this.#held = [];
    if (this.#suspendedSince !== undefined) this.#suspendedMs += this.scheduler.nowMs - this.#suspendedSince;
    this.#suspendedSince = undefined;
    for (const process of this.processes) process.kill();
  }

  on(): void {
    this.isOn = true;
    this.#bootedMs = this.monotonicAt(this.scheduler.nowMs);
  }

  /** Since the boot, on the machine's own clock. */
  get uptimeMs(): number {
    return this.monotonicAt(this.scheduler.nowMs) - this.#bootedMs;
  }
}
