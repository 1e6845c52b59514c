/**
 * All timings of the exclusivity protocol, derived from one number (the session duration L) and checked against
 * the relations that make the protocol safe (DESIGN 4.2, API.md 2; model 2 of the research gives the factor 2).
 *
 *   send of a renewal ──R──> take-down starts ──S──> hard cut          (holder's clock)
 *                     └────────────── W ──────────────> watchdog fires, at the latest after 2W
 *                     └───────────────────────── rho*L + M ─────────────> others may revoke (their clock)
 *
 * Must never do: let a caller choose two of these numbers independently.
 */
import { assert } from "../lib/assert.ts";

/** Bound on the ratio of two machines' clock rates (DESIGN 4). */
export const CLOCK_RATE_BOUND = 1.05;

export const PRESETS = ["default", "fast", "azure-freeze-tolerant"] as const;
export type Preset = (typeof PRESETS)[number];

/** Every duration in milliseconds. */
export interface Timings {
  /** L: how long a session lasts from the send of its last successful renewal. */
  readonly sessionDurationMs: number;
  readonly renewIntervalMs: number;
  readonly requestTimeoutMs: number;
  /** Longest gap between the leader's successful reads that does not restart its count (DESIGN 4.3, A11). */
  readonly readGapMs: number;
  /** R: the holder starts to take everything down so long after the send. */
  readonly renewDeadlineMs: number;
  /** S: what is not down so long after R is cut hard. */
  readonly stopBudgetMs: number;
  /** W: whole seconds, since hardware watchdogs count seconds. */
  readonly watchdogTimeoutMs: number;
  /** M */
  readonly marginMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatLostAfterMs: number;
}

const PRESET_TIMINGS: Readonly<Record<Preset, Timings>> = {
  default: {
    sessionDurationMs: 15_000,
    renewIntervalMs: 1_000,
    requestTimeoutMs: 1_000,
    readGapMs: 2_000,
    renewDeadlineMs: 4_000,
    stopBudgetMs: 2_400,
    watchdogTimeoutMs: 7_000,
    marginMs: 250,
    heartbeatIntervalMs: 1_000,
    heartbeatLostAfterMs: 3_000,
  },
  fast: {
    sessionDurationMs: 4_500,
    renewIntervalMs: 300,
    requestTimeoutMs: 300,
    readGapMs: 600,
    renewDeadlineMs: 1_200,
    stopBudgetMs: 600,
    watchdogTimeoutMs: 2_000,
    marginMs: 100,
    heartbeatIntervalMs: 200,
    heartbeatLostAfterMs: 600,
  },
  "azure-freeze-tolerant": {
    sessionDurationMs: 90_000,
    renewIntervalMs: 2_000,
    requestTimeoutMs: 2_000,
    readGapMs: 4_000,
    renewDeadlineMs: 35_000,
    stopBudgetMs: 4_500,
    watchdogTimeoutMs: 42_000,
    marginMs: 500,
    heartbeatIntervalMs: 2_000,
    heartbeatLostAfterMs: 6_000,
  },
};

export function presetTimings(preset: Preset): Timings {
  return PRESET_TIMINGS[preset];
}

/** What is wrong with `timings`, as sentences; empty when every relation holds. */
export function brokenRelations(timings: Timings): string[] {
  const { sessionDurationMs: L, renewDeadlineMs: R, stopBudgetMs: S, watchdogTimeoutMs: W, marginMs: M } = timings;
  const rho = CLOCK_RATE_BOUND;
  const relations: readonly (readonly [boolean, string])[] = [
    [rho * (R + S) + M <= W, `rho*(R+S)+M = ${rho * (R + S) + M} ms must be at most the watchdog timeout ${W} ms`],
    [rho * 2 * W + M <= L, `rho*2W+M = ${rho * 2 * W + M} ms must be at most the session duration ${L} ms`],
    [
      timings.renewIntervalMs + timings.requestTimeoutMs < R,
      "renew interval + request timeout must be below the renew deadline",
    ],
    [
      timings.readGapMs >= timings.renewIntervalMs + timings.requestTimeoutMs,
      "the read gap must be at least renew interval + request timeout",
    ],
    [
      timings.heartbeatIntervalMs * 2 <= timings.heartbeatLostAfterMs,
      "two heartbeat intervals must fit into the time after which a peer is lost",
    ],
    [W % 1_000 === 0, `the watchdog timeout ${W} ms must be whole seconds`],
    [M > 0 && S > 0, "margin and stop budget must be above zero"],
  ];
  return relations.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}

/** Timings of a preset, or derived from `sessionDurationMs` (and a larger stop budget) when given. Throws when they break a relation. */
export function deriveTimings(preset: Preset, sessionDurationMs?: number, stopBudgetMs?: number): Timings {
  const base = PRESET_TIMINGS[preset];
  const L = sessionDurationMs ?? base.sessionDurationMs;
  if (L === base.sessionDurationMs && stopBudgetMs === undefined) return base;
  const M = Math.min(500, Math.max(100, Math.floor(L / 60)));
  const W = Math.floor((L - M) / (2 * CLOCK_RATE_BOUND) / 1_000) * 1_000;
  const stopAndDeadlineMs = Math.floor((W - M) / CLOCK_RATE_BOUND / 100) * 100;
  const S =
    stopBudgetMs ?? Math.floor((stopAndDeadlineMs * base.stopBudgetMs) / (base.renewDeadlineMs + base.stopBudgetMs));
  const R = stopAndDeadlineMs - S;
  const timings: Timings = {
    ...base,
    sessionDurationMs: L,
    marginMs: M,
    watchdogTimeoutMs: W,
    stopBudgetMs: S,
    renewDeadlineMs: R,
  };
  const broken = brokenRelations(timings);
  if (broken.length > 0)
    throw new RangeError(`session.duration ${L} ms with preset ${preset} cannot be used: ${broken.join("; ")}`);
  return timings;
}

/** How long an observer must see a session unchanged before it may end it, on its own clock: rho*L + M. */
export function revokeWaitMs(timings: Pick<Timings, "sessionDurationMs" | "marginMs">): number {
  const waitMs = CLOCK_RATE_BOUND * timings.sessionDurationMs + timings.marginMs;
  assert(waitMs > timings.sessionDurationMs, "an observer waits longer than the holder's right lasts");
  return waitMs;
}

/**
 * How long an observer must see a session unchanged before a holder that works has taken everything down or lives on the
 * promises of its peers, on the observer's clock: rho*(R+S) + M. Before that nobody is shot.
 */
export function silenceMs(timings: Pick<Timings, "renewDeadlineMs" | "stopBudgetMs" | "marginMs">): number {
  return CLOCK_RATE_BOUND * (timings.renewDeadlineMs + timings.stopBudgetMs) + timings.marginMs;
}
