/**
 * When to read a resource and what a row of readings means. Pure.
 *
 *   start ─startDelay─> read ─interval─> read ...
 *                         └ bad: again after retryInterval; bad once more after `retries` repeats: Bad
 *
 * A reading that proves a local fact wrong (an address that is not there) needs no confirmation. "Cannot be read" is
 * not "wrong": it counts only where the user chose `Recover` (API.md 0, Monitor).
 */
export interface MonitorTimings {
  /** All in milliseconds. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retryIntervalMs: number;
  readonly startDelayMs: number;
  /** Further bad readings before the resource counts as bad. */
  readonly retries: number;
  readonly whenUnreadable: "Warn" | "Ignore" | "Recover";
}

export interface MonitorState {
  /** On the monotonic clock. */
  readonly nextAtMs: number;
  readonly badReadings: number;
  readonly isReading: boolean;
}

export type Reading =
  | { readonly result: "good" }
  /** `isProven`: needs no second look. */
  | { readonly result: "bad"; readonly reason: string; readonly message: string; readonly isProven: boolean }
  | { readonly result: "unknown"; readonly message: string }
  /** Nothing could be judged yet; look again after `againMs`, at the latest after the interval. */
  | { readonly result: "early"; readonly message: string; readonly againMs: number };

export type Verdict = "good" | "suspected" | "bad" | "unknown";

export function startMonitor(timings: MonitorTimings, nowMs: number): MonitorState {
  return { nextAtMs: nowMs + Math.max(timings.startDelayMs, timings.intervalMs), badReadings: 0, isReading: false };
}

export function isReadingDue(state: MonitorState, nowMs: number): boolean {
  return !state.isReading && state.nextAtMs <= nowMs;
}

export function beginReading(state: MonitorState): MonitorState {
  return { ...state, isReading: true };
}

/** Something local changed: look now, if not already looking. */
export function hurryReading(state: MonitorState, nowMs: number): MonitorState {
  return { ...state, nextAtMs: Math.min(state.nextAtMs, nowMs) };
}

export function takeReading(
  state: MonitorState,
  timings: MonitorTimings,
  reading: Reading,
  nowMs: number,
): { readonly state: MonitorState; readonly verdict: Verdict } {
  const isBad = reading.result === "bad" || (reading.result === "unknown" && timings.whenUnreadable === "Recover");
  if (!isBad) {
    const badReadings = reading.result === "good" ? 0 : state.badReadings;
    const waitMs = reading.result === "early" ? Math.min(reading.againMs, timings.intervalMs) : timings.intervalMs;
    return {
      state: { nextAtMs: nowMs + waitMs, badReadings, isReading: false },
      verdict: reading.result === "good" ? "good" : "unknown",
    };
  }
  const badReadings = state.badReadings + 1;
  const isConfirmed = badReadings > timings.retries || (reading.result === "bad" && reading.isProven);
  const waitMs = isConfirmed ? timings.intervalMs : timings.retryIntervalMs;
  return {
    state: { nextAtMs: nowMs + waitMs, badReadings: isConfirmed ? 0 : badReadings, isReading: false },
    verdict: isConfirmed ? "bad" : "suspected",
  };
}
