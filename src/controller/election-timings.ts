/**
 * Timings of leader election, all derived from one number, so that nobody chooses two of them independently.
 * A crashed leader is followed after at most rho*D + M + one interval.
 */
import { CLOCK_RATE_BOUND, type Preset } from "../api/timings.ts";
import { assert } from "../lib/assert.ts";
import { brokenElectionRelations, type ElectionTimings } from "./lease-election.ts";

/** D of each preset, shorter than the sessions it watches over: a new leader should be there when one ends. */
const LEASE_DURATION_MS: Readonly<Record<Preset, number>> = {
  default: 10_000,
  fast: 3_000,
  "azure-freeze-tolerant": 30_000,
};

/** Timings of a preset, or derived from `leaseDurationMs` (whole seconds, at least 2 s) when given. */
export function electionTimings(preset: Preset, leaseDurationMs: number = LEASE_DURATION_MS[preset]): ElectionTimings {
  assert(leaseDurationMs >= 2_000, "a leader's Lease lasts at least 2 s");
  const marginMs = Math.min(250, leaseDurationMs / 25);
  const renewDeadlineMs = Math.floor((leaseDurationMs - marginMs) / CLOCK_RATE_BOUND);
  const timings: ElectionTimings = {
    leaseDurationMs,
    renewDeadlineMs,
    // At least four renewals, each with a lost reply, fit into the right.
    renewIntervalMs: Math.min(1_000, Math.round(renewDeadlineMs / 8)),
    requestTimeoutMs: Math.min(2_000, Math.round(renewDeadlineMs / 6)),
    marginMs,
  };
  const broken = brokenElectionRelations(timings);
  assert(broken.length === 0, `leader election timings: ${broken.join("; ")}`);
  return timings;
}
