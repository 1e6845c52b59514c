/**
 * One operating-system process of the product in a simulated world. All that reaches it (timers, answers, messages) comes
 * through `deliver`, all that leaves it through `emit`; so it can be paused between any two steps, in the middle of a
 * step (`stall`), and killed.
 *
 * A stall strikes at a given reading of the clock or effect within one step: readings after it show the time of the end
 * of the stall, effects after it leave at that time, as if the scheduler of the machine had taken the processor away.
 */
import type { Clock, Timer } from "../../../src/lib/clock.ts";
import type { SimMachine } from "./machine.ts";
import type { Scheduler } from "./scheduler.ts";

/** As Node: no timer is shorter than a millisecond. */
const LEAST_TIMER_MS = 1;

interface Held {
  readonly isTimer: boolean;
  readonly run: () => void;
}

/** In which order a process that was held finds what waited for it. */
export type WakeOrder = "timers-first" | "as-arrived" | "timers-last";

export interface StallPlan {
  /** Clock readings and effects of a step before the stall strikes. */
  after: number;
  readonly durationMs: number;
  /** Freezes the whole machine, not only this process. */
  readonly isMachineWide: boolean;
}

/** A name, not a number, is what a trace can be read by. */
export class SimProcess implements Clock {
  readonly name: string;
  readonly machine: SimMachine;
  isDead = false;
  wakeOrder: WakeOrder = "timers-first";
  /** Called once, when the process is killed or has ended. */
  onDeath: (() => void)[] = [];
  #pauses = 0;
  #held: Held[] = [];
  #stall: StallPlan | undefined;
  #stalledUntilMs = 0;
  /** True time at which this process was last kept from running, or could run again. */
  lastHeldMs = 0;
  readonly #onCrash: (process: SimProcess, thrown: unknown) => void;

  constructor(name: string, machine: SimMachine, onCrash: (process: SimProcess, thrown: unknown) => void) {
    this.name = name;
    this.machine = machine;
    this.#onCrash = onCrash;
    machine.processes.add(this);
  }

  get scheduler(): Scheduler {
    return this.machine.scheduler;
  }

  get isHeld(): boolean {
    return this.#pauses > 0 || this.machine.isFrozen;
  }

  // ---- Clock

  monotonicMs(): number {
    return this.machine.monotonicAt(this.#touch());
  }

  wallMs(): number {
    return this.machine.wallAt(this.#touch());
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const { scheduler, machine } = this;
    let isOver = false;
    const dueMs = machine.monotonicAt(this.#touch()) + Math.max(LEAST_TIMER_MS, delayMs);
    const fireOnce = (): void => {
      if (isOver) return;
      isOver = true;
      fire();
    };
    const arrive = (): void => {
      if (isOver || this.isDead) return;
      // The clock stood still in between.
      if (machine.monotonicAt(scheduler.nowMs) < dueMs - 1e-6 && !machine.isFrozen) return arm();
      this.#enter(true, fireOnce);
    };
    let entry = scheduler.at(machine.trueTimeOf(dueMs), arrive);
    const arm = (): void => {
      entry = scheduler.at(machine.trueTimeOf(dueMs), arrive);
    };
    return {
      cancel: () => {
        isOver = true;
        entry.run = undefined;
      },
    };
  }

  // ---- what comes in

  /** Takes a step of the process, now or when it can run again; never when it is dead. */
  deliver(run: () => void): void {
    this.#enter(false, run);
  }

  #enter(isTimer: boolean, run: () => void): void {
    if (this.isDead) return;
    if (this.isHeld) {
      this.#held.push({ isTimer, run });
      return;
    }
    this.scheduler.entered();
    try {
      run();
    } catch (thrown) {
      this.#onCrash(this, thrown);
    }
  }

  // ---- what goes out

  /** Lets an effect leave the process: at once, or at the end of a stall that struck before it. */
  emit(effect: () => void): void {
    const atMs = this.#touch();
    if (atMs <= this.scheduler.nowMs) {
      if (!this.isDead) effect();
      return;
    }
    this.scheduler.at(atMs, () => {
      if (!this.isDead) effect();
    });
  }

  // ---- faults

  pause(): void {
    this.#pauses += 1;
    this.lastHeldMs = this.scheduler.nowMs;
  }

  resume(): void {
    if (this.#pauses === 0) return;
    this.#pauses -= 1;
    this.thawed();
  }

  /** The next step that this process takes stops half way. */
  stallNext(plan: StallPlan): void {
    this.#stall = { ...plan };
  }

  /** Whatever kept it from running is over, unless something else still does. */
  thawed(): void {
    if (this.isHeld || this.isDead) return;
    this.lastHeldMs = this.scheduler.nowMs;
    const held = this.#held;
    this.#held = [];
    if (this.wakeOrder !== "as-arrived") {
      const first = this.wakeOrder === "timers-first";
      held.sort((left, right) => Number(right.isTimer === first) - Number(left.isTimer === first));
    }
    for (const { isTimer, run } of held)
      this.scheduler.at(this.scheduler.nowMs, () => {
        this.#enter(isTimer, run);
      });
  }

  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.#held = [];
    this.machine.processes.delete(this);
    for (const tell of this.onDeath.splice(0)) tell();
  }

  /** True time as this step of the process sees it. */
  #touch(): number {
    const { nowMs } = this.scheduler;
    const stall = this.#stall;
    if (stall !== undefined && --stall.after < 0) {
      this.#stall = undefined;
      this.#beginStall(stall, nowMs);
    }
    return Math.max(nowMs, this.#stalledUntilMs);
  }

  #beginStall(stall: StallPlan, nowMs: number): void {
    this.#stalledUntilMs = nowMs + stall.durationMs;
    const { boot } = this.machine;
    if (!stall.isMachineWide) {
      this.pause();
      this.scheduler.at(this.#stalledUntilMs, () => this.resume());
      return;
    }
    this.machine.freeze();
    this.lastHeldMs = nowMs;
    this.scheduler.at(this.#stalledUntilMs, () => {
      if (this.machine.boot === boot) this.machine.thaw();
    });
  }
}
