/**
 * What goes wrong in the life of one seed. Half of the lives follow a theme, a chain of faults that by experience leads
 * to the edge of a rule; the others are mixtures. Either way times are drawn around the deadlines of the protocol.
 */
import { CLOCK_RATE_BOUND, revokeWaitMs, type Timings } from "../../../src/api/timings.ts";
import type { Random } from "../../../src/lib/random.ts";
import { between, chance, pick } from "../seeds.ts";
import type { Fault, FaultKind, Target } from "./fault.ts";

export interface PlanOptions {
  readonly timings: Timings;
  readonly members: number;
  readonly hasWatchdog: boolean;
  /** How long faults may begin, milliseconds. */
  readonly phaseMs: number;
  /** Only this theme. */
  readonly theme?: string;
}

type Theme = (random: Random, options: PlanOptions) => Fault[];

const WAYS = ["both", "both", "out", "in"] as const;
const TARGETS: readonly Target[] = ["active", "active", "active", "standby", "any"];

/** Around one of the protocol's deadlines, or anything up to twice the session. */
export function criticalMs(random: Random, timings: Timings): number {
  const { sessionDurationMs: L, renewDeadlineMs: R, stopBudgetMs: S, watchdogTimeoutMs: W } = timings;
  const edges = [R, R + S, W, 2 * W, L, CLOCK_RATE_BOUND * L, revokeWaitMs(timings), revokeWaitMs(timings)];
  if (chance(random, 0.3)) return between(random, 50, 2 * L);
  const edge = pick(random, edges);
  return Math.max(20, edge + between(random, -400, 500));
}

function oneFault(random: Random, { timings, hasWatchdog }: PlanOptions): FaultKind {
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
    () => ({ kind: "change-timings", durationMs: pick(random, [4_500, 6_500, 9_000]) }),
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
  ];
  return pick(random, hasWatchdog ? [...kinds, ...guarded] : kinds)();
}

/** Named so that a theme can be asked for, and so that a failure says which it was. */
export const THEMES: Readonly<Record<string, Theme>> = {
  mixture: (random, options) =>
    Array.from({ length: 2 + Math.floor(random.next() * 5) }, () => ({
      atMs: between(random, 0, options.phaseMs),
      ...(chance(random, 0.25)
        ? { on: pick(random, ["grant", "revoke", "activation"] as const), afterMs: between(random, 0, 800) }
        : {}),
      what: oneFault(random, options),
    })),

  /** Cut off just as it is granted, and back just as its session may be ended. */
  "back-in-time": (random, { timings }) => {
    const waitMs = revokeWaitMs(timings);
    const forMs = waitMs + between(random, -500, 700);
    return [
      { atMs: 0, what: { kind: "move" } },
      { atMs: 0, on: "grant", afterMs: between(random, 0, 12), what: { kind: "isolate", target: "active", forMs } },
      ...(chance(random, 0.4)
        ? [
            {
              atMs: waitMs * between(random, 0.7, 1.1),
              what: { kind: "pause-leader", forMs: between(random, 50, 900) },
            } as const,
          ]
        : []),
    ];
  },

  /** A report that it is down arrives after its guard began anew. */
  "late-report": (random, { timings }) => [
    { atMs: 0, what: { kind: "move" } },
    {
      atMs: between(random, 0, 60),
      what: {
        kind: "bad-client",
        target: "active",
        loss: 0,
        late: 0.7,
        lateMs: between(random, 300, 3_000),
        forMs: 1_500,
      },
    },
    { atMs: between(random, 20, 700), what: { kind: "kill-guard", target: "active" } },
    { atMs: between(random, 0, timings.sessionDurationMs), what: { kind: "drop-watches" } },
  ],

  /** The leader sleeps while a session runs out and wakes to act on what it saw. */
  "sleeping-leader": (random, options) => [
    {
      atMs: 0,
      what: chance(random, 0.5)
        ? { kind: "crash", target: "active", downMs: between(random, 500, 6_000) }
        : { kind: "isolate", target: "active", forMs: criticalMs(random, options.timings) },
    },
    {
      atMs: revokeWaitMs(options.timings) * between(random, 0.2, 1.02),
      what: { kind: "pause-leader", forMs: criticalMs(random, options.timings) },
    },
    { atMs: between(random, 0, options.phaseMs), what: oneFault(random, options) },
  ],

  /** The guard of the active member sleeps past its rights. */
  "frozen-holder": (random, options) => {
    const { timings, hasWatchdog } = options;
    const forMs = criticalMs(random, timings);
    const frozen: FaultKind[] = [
      { kind: "pause-guard", target: "active", forMs },
      { kind: "freeze-vm", target: "active", forMs, stopsMonotonic: chance(random, 0.5) },
      {
        kind: "stall-guard",
        target: "active",
        after: Math.floor(random.next() * 6),
        forMs,
        isMachineWide: chance(random, 0.5),
      },
      { kind: "freeze-around-pet", target: "active", share: between(random, 0.7, 0.999) },
    ];
    const faults: FaultKind[] = [{ kind: "isolate", target: "active", forMs }];
    return [
      { atMs: between(random, 0, 2_000), what: pick(random, hasWatchdog ? frozen : faults) },
      {
        atMs: between(random, 0, 2_500),
        what: { kind: "isolate", target: "active", forMs: criticalMs(random, timings) },
      },
      ...(chance(random, 0.5) ? [{ atMs: between(random, 0, options.phaseMs), what: oneFault(random, options) }] : []),
    ];
  },

  /** No API server; peers only. */
  "on-promises": (random, options) => {
    const { timings } = options;
    const forMs = timings.sessionDurationMs * between(random, 0.5, 3);
    const more = Array.from({ length: 1 + Math.floor(random.next() * 3) }, () => ({
      atMs: between(random, 0, forMs),
      what: pick<() => FaultKind>(random, [
        () => ({
          kind: "cut-peers",
          target: pick(random, TARGETS),
          way: pick(random, WAYS),
          forMs: criticalMs(random, timings),
        }),
        () => ({
          kind: "bad-peers",
          loss: between(random, 0, 0.5),
          late: between(random, 0, 0.7),
          lateMs: criticalMs(random, timings),
          repeat: 0.2,
          forMs,
        }),
        () => oneFault(random, options),
      ])(),
    }));
    const reach: FaultKind = chance(random, 0.4)
      ? { kind: "api-outage", hangs: chance(random, 0.5), forMs }
      : { kind: "cut-api", target: "active", way: pick(random, WAYS), forMs };
    return [{ atMs: 200, what: reach }, ...more];
  },

  /** Renewals that are carried out long after they were sent. */
  "late-renewals": (random, options) => [
    {
      atMs: between(random, 0, 1_000),
      what: {
        kind: "bad-client",
        target: "active",
        loss: between(random, 0, 0.6),
        late: between(random, 0.2, 0.9),
        lateMs: criticalMs(random, options.timings),
        forMs: criticalMs(random, options.timings),
      },
    },
    {
      atMs: between(random, 500, 4_000),
      what: { kind: "cut-api", target: "active", way: pick(random, WAYS), forMs: criticalMs(random, options.timings) },
    },
    ...(chance(random, 0.4) ? [{ atMs: between(random, 0, options.phaseMs), what: oneFault(random, options) }] : []),
  ],

  /** Members leave and come back while others fail. */
  "changing-members": (random, options) => [
    {
      atMs: between(random, 0, 1_000),
      what: {
        kind: "drop-member",
        target: pick(random, ["standby", "active", "any"] as const),
        forMs: criticalMs(random, options.timings),
      },
    },
    {
      atMs: between(random, 0, 3_000),
      what: {
        kind: "cut-api",
        target: "active",
        way: pick(random, WAYS),
        forMs: criticalMs(random, options.timings) * 1.5,
      },
    },
    ...Array.from({ length: 2 }, () => ({
      atMs: between(random, 0, options.phaseMs),
      what: oneFault(random, options),
    })),
  ],
};

export function planFaults(
  random: Random,
  options: PlanOptions,
): { readonly theme: string; readonly faults: readonly Fault[] } {
  const names = Object.keys(THEMES);
  const theme = options.theme ?? (chance(random, 0.4) ? "mixture" : pick(random, names));
  const faults = THEMES[theme]?.(random, options) ?? [];
  return { theme, faults };
}
