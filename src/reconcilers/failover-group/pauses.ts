/**
 * How much longer a silent session is waited for while its cloud has announced that the machine stands still about now
 * (REQUIREMENTS 5.3.11). It only ever adds to the wait of rho*L+M: who waits longer ends no right too early. Pure.
 */
import type { NodeFacts } from "../../api/session-lease.ts";
import { beginsInMs, isPause, scheduledEventsOf } from "../../api/scheduled-events.ts";
import { presetTimings } from "../../api/timings.ts";

/** The clouds' clock and this one may differ, in milliseconds. */
const CLOCKS_DIFFER_MS = 5_000;

/** Azure: "up to 30 seconds"; the longest pause that the preset made for it outlasts, in milliseconds (API.md 2). */
function longestPauseMs(): number {
  const { renewDeadlineMs, renewIntervalMs, requestTimeoutMs } = presetTimings("azure-freeze-tolerant");
  return renewDeadlineMs - renewIntervalMs - requestTimeoutMs;
}

/** Nobody is waited for longer than this, whatever a cloud says, in milliseconds. */
const MOST_MS = 120_000;

/** In milliseconds; undefined: no pause is announced for now. */
export function pauseAllowanceMs(facts: NodeFacts | undefined, wallMs: number): number | undefined {
  const due = scheduledEventsOf(facts?.events).filter(
    (event) => isPause(event) && beginsInMs(event, wallMs) <= CLOCKS_DIFFER_MS,
  );
  if (due.length === 0) return undefined;
  const announcedMs = due.map(({ durationSeconds = 0 }) => durationSeconds * 1_000);
  return Math.min(MOST_MS, Math.max(longestPauseMs(), ...announcedMs));
}
