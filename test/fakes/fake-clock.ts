/** A clock that moves only when a test moves it; timers fire in order of their time, then of their creation. */
import type { Clock, Timer } from "../../src/lib/clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const pending: Pending = { at: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fire };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Moves the wall clock alone, as NTP or a resumed VM would. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  get timersPending(): number {
    return this.#pending.size;
  }

  /** Lets promises settle, fires every timer due within `byMs` in order, and lets promises settle after each. */
  async advance(byMs: number): Promise<void> {
    const end = this.#nowMs + byMs;
    await settle();
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.#nowMs = next.at;
      this.#pending.delete(next);
      next.fire();
      await settle();
    }
    this.#nowMs = end;
    await settle();
  }

  #nextDue(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.at > end) continue;
      if (first === undefined || pending.at < first.at || (pending.at === first.at && pending.order < first.order))
        first = pending;
    }
    return first;
  }
}

/** Runs microtasks (and what they queue) until a turn of the event loop has passed. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
