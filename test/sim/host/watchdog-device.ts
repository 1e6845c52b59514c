/**
 * A hardware watchdog and the handle that one life of the guard has on it. Its clock is true time: a frozen machine does
 * not stop it, unless the pause stops the device too (DESIGN 4.11).
 */
import type { Watchdog, WatchdogKind } from "../../../src/nodeagent/guard/watchdog.ts";
import type { SimMachine } from "../engine/machine.ts";
import type { SimProcess } from "../engine/process.ts";
import type { Entry } from "../engine/scheduler.ts";

export class WatchdogDevice {
  readonly timeoutMs: number;
  readonly #machine: SimMachine;
  #entry: Entry | undefined;
  onFire: () => void = () => undefined;
  /** For adversaries: `before` the write of a pet leaves the guard, and when the device got it. */
  onPet: (moment: "before" | "after", guard: SimProcess) => void = () => undefined;

  constructor(machine: SimMachine, timeoutMs: number) {
    this.#machine = machine;
    this.timeoutMs = timeoutMs;
  }

  get isRunning(): boolean {
    return this.#entry !== undefined;
  }

  /** Until it fires; 0 when it does not run. */
  get leftMs(): number {
    return this.#entry === undefined ? 0 : this.#entry.atMs - this.#machine.scheduler.nowMs;
  }

  restart(): void {
    this.#startFor(this.timeoutMs);
  }

  #startFor(leftMs: number): void {
    this.stop();
    this.#entry = this.#machine.scheduler.after(leftMs, () => {
      this.#entry = undefined;
      this.onFire();
    });
  }

  /** Its clock stands still, as in a pause of the whole machine; `go` lets it go on. */
  pause(): { readonly go: () => void } {
    const { leftMs, isRunning } = this;
    this.stop();
    return { go: () => (isRunning ? this.#startFor(leftMs) : undefined) };
  }

  stop(): void {
    if (this.#entry !== undefined) this.#entry.run = undefined;
    this.#entry = undefined;
  }
}

export class WatchdogHandle implements Watchdog {
  readonly kind: WatchdogKind;
  readonly #device: WatchdogDevice | undefined;
  readonly #guard: SimProcess;
  isArmed = false;

  constructor(device: WatchdogDevice | undefined, guard: SimProcess) {
    this.#device = device;
    this.#guard = guard;
    this.kind = device === undefined ? "None" : "Hardware";
  }

  arm(): boolean {
    const device = this.#device;
    if (device === undefined) return false;
    if (this.isArmed) return true;
    this.isArmed = true;
    this.#guard.emit(() => device.restart());
    return true;
  }

  pet(): boolean {
    const device = this.#device;
    if (device === undefined || !this.isArmed) return false;
    device.onPet("before", this.#guard);
    this.#guard.emit(() => {
      device.restart();
      device.onPet("after", this.#guard);
    });
    return true;
  }

  disarm(): boolean {
    const device = this.#device;
    if (device === undefined || !this.isArmed) return true;
    this.isArmed = false;
    this.#guard.emit(() => device.stop());
    return true;
  }
}
