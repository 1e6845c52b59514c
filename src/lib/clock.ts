/**
 * Time as a port. Nothing outside adapters asks the operating system for the time or sets a timer: every
 * machine, queue and loop takes a `Clock`, so that tests and the simulator own time.
 *
 * Two clocks exist because they fail differently: the monotonic one may stop while the VM is suspended, the wall
 * clock may be stepped by NTP. Rules about rights take the larger of the two elapsed times (DESIGN 4.1).
 */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never falls within one process. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump in either direction. */
  wallMs(): number;
  /** Calls `fire` once, not before `delayMs` (>= 0) have passed on the monotonic clock. */
  setTimer(delayMs: number, fire: () => void): Timer;
}

export interface Timer {
  /** Idempotent; after it returns, `fire` is not called any more. */
  cancel(): void;
}

/** One reading of both clocks. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function readInstant(clock: Clock): Instant {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/** The larger of what the two clocks say has passed since `since`: the careful reading for anyone who holds a right. */
export function elapsedMs(since: Instant, now: Instant): number {
  return Math.max(now.monotonicMs - since.monotonicMs, now.wallMs - since.wallMs);
}

/** Resolves after `delayMs`, or at once when `signal` aborts; tell the two apart by `signal.aborted`. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.setTimer(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
