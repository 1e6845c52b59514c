/** Faults at random: times are drawn around the deadlines of the protocol, where mistakes would show. */
import { CLOCK_RATE_BOUND, revokeWaitMs, type Timings } from "../../../src/api/timings.ts";
import type { Random } from "../../../src/lib/random.ts";
import { between, chance, pick } from "../seeds.ts";
import type { FaultKind, Target } from "./fault.ts";

export interface PlanOptions {
  readonly timings: Timings;
  readonly hasWatchdog: boolean;
  /** How long faults may begin, milliseconds. */
  readonly phaseMs: number;
}

export const WAYS = ["both", "both", "out", "in"] as const;
export const TARGETS: readonly Target[] = ["active", "active", "active", "standby", "any"];

/** Around one of the protocol's deadlines, or anything up to twice the session. */
export function criticalMs(random: Random, timings: Timings): number {
  const { sessionDurationMs: L, renewDeadlineMs: R, stopBudgetMs: S, watchdogTimeoutMs: W } = timings;
  const edges = [R, R + S, W, 2 * W, L, CLOCK_RATE_BOUND * L, revokeWaitMs(timings), revokeWaitMs(timings)];
  if (chance(random, 0.3)) return between(random, 50, 2 * L);
  const edge = pick(random, edges);
  return Math.max(20, edge + between(random, -400, 500));
}

export function oneFault(random: Random, { timings, hasWatchdog }: PlanOptions): FaultKind {
  const ms = (): number => criticalMs(random, timings);
  const target = pick(random, TARGETS);
  const way = pick(random, WAYS);
  const kinds: (() => FaultKind)[] = [
    () => ({ kind: "cut-api", target, way, forMs: ms() }),
    () => ({ kind: "cut-api", target, way, forMs: ms() }),
    () => ({ kind: "cut-peers", target, way, forMs: ms() }),
    () => ({ kind: "isolate", target, forMs: ms() }),
    () => ({ kind: "crash", target, downMs: between(random, 300, 6_000) }),
    () => ({ kind: "kill-worker", target }),
    () => ({ kind: "stop-guard", target }),
    () => ({ kind: "pause-worker", target, forMs: ms() }),
    () => ({ kind: "kill-leader" }),
    () => ({ kind: "stop-leader" }),
    () => ({ kind: "pause-leader", forMs: ms() }),
    () => ({ kind: "cut-leader", way, forMs: ms() }),
    () => ({ kind: "api-outage", hangs: chance(random, 0.5), forMs: ms() }),
    () => ({ kind: "api-flaky", refusals: between(random, 0, 0.3), stale: between(random, 0, 0.5), forMs: ms() }),
    () => ({ kind: "drop-watches" }),
    () => ({
      kind: "bad-client",
      target: chance(random, 0.3) ? "leader" : target,
      loss: between(random, 0, 0.4),
      late: between(random, 0, 0.5),
      lateMs: ms(),
      forMs: ms(),
    }),
    () => ({
      kind: "bad-peers",
      loss: between(random, 0, 0.4),
      late: between(random, 0, 0.5),
      lateMs: ms(),
      repeat: between(random, 0, 0.3),
      forMs: ms(),
    }),
    () => ({
      kind: "bad-cloud",
      loss: between(random, 0, 0.3),
      late: between(random, 0, 0.3),
      throttle: between(random, 0, 0.3),
      stale: between(random, 0, 0.3),
      forMs: ms(),
    }),
    () => ({ kind: "move" }),
    () => ({ kind: "drop-member", target, forMs: ms() }),
    () => ({
      kind: "step-wall",
      target: chance(random, 0.3) ? "leader" : target,
      byMs: between(random, -8_000, 8_000),
    }),
    () => ({ kind: "slow-host", target, factor: between(random, 2, 40), forMs: ms() }),
    () => ({ kind: "change-timings", durationMs: pick(random, [4_300, 5_200, 6_000, 9_000]) }),
  ];
  // What only a watchdog makes safe (DESIGN 4.2).
  const guarded: (() => FaultKind)[] = [
    () => ({ kind: "kill-guard", target }),
    () => ({ kind: "pause-guard", target, forMs: ms() }),
    () => ({ kind: "freeze-vm", target, forMs: ms(), stopsMonotonic: chance(random, 0.5) }),
    () => ({
      kind: "stall-guard",
      target,
      after: Math.floor(random.next() * 6),
      forMs: ms(),
      isMachineWide: chance(random, 0.5),
    }),
    () => ({ kind: "freeze-around-pet", target, share: between(random, 0.5, 0.999) }),
    () => ({ kind: "stuck-app", target, forMs: ms() }),
    () => ({ kind: "slow-stop", target, stopMs: ms(), forMs: ms() }),
  ];
  return pick(random, hasWatchdog ? [...kinds, ...guarded] : kinds)();
}
