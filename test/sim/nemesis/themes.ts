/**
 * Chains of faults that lead to the edge of a rule, each with the world it needs. A seed draws one of them or a mixture
 * without a plan; what a chain leaves open is drawn as well.
 */
import { revokeWaitMs } from "../../../src/api/timings.ts";
import type { Random } from "../../../src/lib/random.ts";
import { between, chance, pick } from "../seeds.ts";
import type { Fault, FaultKind } from "./fault.ts";
import { criticalMs, oneFault, type PlanOptions, TARGETS, WAYS } from "./random-faults.ts";

/** What a theme asks of the world; anything else is drawn. */
export interface Shape {
  readonly members?: number;
  readonly groups?: number;
  readonly controllers?: number;
  readonly hasWatchdog?: boolean;
  /** L, milliseconds. */
  readonly sessionMs?: number;
  readonly isFenced?: boolean;
  readonly hasDisks?: boolean;
}

/** What must follow from the faults besides the invariants. */
export type Expectation =
  /** Nothing moves, nothing stops. */
  | "stillness"
  /** Served again in bounded time after the first fault, without any healing. */
  | "recovery";

export interface Theme {
  readonly shape?: Shape;
  readonly expect?: Expectation;
  readonly faults: (random: Random, options: PlanOptions) => Fault[];
}

const FOR_EVER = Number.POSITIVE_INFINITY;

function sometimes(random: Random, probability: number, fault: () => Fault): Fault[] {
  return chance(random, probability) ? [fault()] : [];
}

export const THEMES: Readonly<Record<string, Theme>> = {
  mixture: {
    faults: (random, options) =>
      Array.from({ length: 2 + Math.floor(random.next() * 5) }, () => {
        const fault = { atMs: between(random, 0, options.phaseMs), what: oneFault(random, options) };
        if (!chance(random, 0.25)) return fault;
        const on = pick(random, ["grant", "revoke", "activation"] as const);
        return { ...fault, on, afterMs: between(random, 0, 800) };
      }),
  },

  /** Cut off just as it is granted, and back just as its session may be ended. */
  "back-in-time": {
    faults: (random, { timings }) => {
      const waitMs = revokeWaitMs(timings);
      const forMs = waitMs + between(random, -500, 700);
      const sleepMs = between(random, 50, 900);
      return [
        { atMs: 0, what: { kind: "move" } },
        { atMs: 0, on: "grant", afterMs: between(random, 0, 12), what: { kind: "isolate", target: "active", forMs } },
        ...sometimes(random, 0.4, () => ({
          atMs: waitMs * between(random, 0.7, 1.1),
          what: { kind: "pause-leader", forMs: sleepMs },
        })),
      ];
    },
  },

  /** A report that the group is down arrives after its guard began anew (V2). */
  "late-report": {
    shape: { groups: 1 },
    faults: (random, { timings }) => {
      const { renewDeadlineMs: R } = timings;
      const killMs = R + between(random, 60, 400);
      // So that it comes when the next life has read the group.
      const leastLateMs = killMs - R + 200;
      const lateMs = leastLateMs + 800;
      return [
        { atMs: 0, what: { kind: "cut-peers", target: "active", way: "both", forMs: R * 2 } },
        {
          atMs: 0,
          what: {
            kind: "bad-client",
            target: "active",
            loss: 0,
            late: 1,
            lateMs,
            leastLateMs,
            forMs: killMs + 30,
          },
        },
        { atMs: killMs, what: { kind: "kill-guard", target: "active" } },
        {
          atMs: killMs + 40,
          what: {
            kind: "bad-client",
            target: "active",
            loss: 0,
            late: 0,
            lateMs: 0,
            delayMs: between(random, 30, 70),
            forMs: 5_000,
          },
        },
      ];
    },
  },

  /** The leader sleeps while a session runs out and wakes to act on what it saw. */
  "sleeping-leader": {
    faults: (random, options) => {
      const forMs = criticalMs(random, options.timings);
      const lost: FaultKind = chance(random, 0.5)
        ? { kind: "crash", target: "active", downMs: between(random, 500, 6_000) }
        : { kind: "isolate", target: "active", forMs };
      return [
        { atMs: 0, what: lost },
        {
          atMs: revokeWaitMs(options.timings) * between(random, 0.2, 1.02),
          what: { kind: "pause-leader", forMs: criticalMs(random, options.timings) },
        },
        { atMs: between(random, 0, options.phaseMs), what: oneFault(random, options) },
      ];
    },
  },

  /** The leader stops in the middle of a move and goes on when another has followed it. */
  "leader-stops-in-a-move": {
    shape: { controllers: 2, groups: 1 },
    faults: (random) => [
      {
        atMs: 0,
        what: {
          kind: "bad-client",
          target: "leader",
          loss: 0,
          late: 0,
          lateMs: 0,
          delayMs: between(random, 4, 12),
          forMs: 20_000,
        },
      },
      { atMs: 10, what: { kind: "move" } },
      {
        // Between the report that it is up and the write of its pointer the leader reads the group once more.
        atMs: 20,
        on: "active",
        afterMs: between(random, 0, 30),
        what: { kind: "pause-leader", forMs: between(random, 4_500, 9_000) },
      },
      ...sometimes(random, 0.3, () => ({
        atMs: between(random, 0, 300),
        what: { kind: "bad-cloud", loss: 0, late: 0.6, throttle: 0.2, stale: 0.3, forMs: 6_000 },
      })),
    ],
  },

  /** A new leader whose caches are behind. */
  "leader-of-yesterday": {
    shape: { controllers: 2 },
    faults: (random) => [
      { atMs: 0, what: { kind: "hold-watches", target: "followers", forMs: between(random, 6_000, 10_000) } },
      { atMs: between(random, 20, 200), what: { kind: "move" } },
      { atMs: between(random, 400, 1_500), what: { kind: "kill-leader" } },
    ],
  },

  /** The guard of the active member sleeps past its rights. */
  "frozen-holder": {
    faults: (random, options) => {
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
      const cut: FaultKind = { kind: "isolate", target: "active", forMs: criticalMs(random, timings) };
      return [
        { atMs: between(random, 0, 2_000), what: hasWatchdog ? pick(random, frozen) : cut },
        { atMs: between(random, 0, 2_500), what: cut },
        ...sometimes(random, 0.5, () => ({
          atMs: between(random, 0, options.phaseMs),
          what: oneFault(random, options),
        })),
      ];
    },
  },

  /** Frozen between the decision to pet and the pet, as late as it can be, and again right after it (V9). */
  "last-pet": {
    shape: { hasWatchdog: true, groups: 1, sessionMs: 4_300 },
    faults: (random, { timings }) => [
      { atMs: 0, what: { kind: "isolate", target: "active", forMs: revokeWaitMs(timings) + 3_000 } },
      {
        atMs: timings.renewDeadlineMs - between(random, 400, 900),
        what: { kind: "freeze-around-pet", target: "active", share: between(random, 0.97, 0.999) },
      },
    ],
  },

  /** No API server for the holder or for all; peers only. */
  "on-promises": {
    faults: (random, options) => {
      const { timings } = options;
      const forMs = timings.sessionDurationMs * between(random, 0.5, 3);
      const reach: FaultKind = chance(random, 0.4)
        ? { kind: "api-outage", hangs: chance(random, 0.5), forMs }
        : { kind: "cut-api", target: "active", way: pick(random, WAYS), forMs };
      const more = Array.from({ length: 1 + Math.floor(random.next() * 3) }, (): Fault => {
        const kinds: FaultKind[] = [
          {
            kind: "cut-peers",
            target: pick(random, TARGETS),
            way: pick(random, WAYS),
            forMs: criticalMs(random, timings),
          },
          {
            kind: "bad-peers",
            loss: between(random, 0, 0.5),
            late: between(random, 0, 0.7),
            lateMs: criticalMs(random, timings),
            repeat: 0.2,
            forMs,
          },
          oneFault(random, options),
        ];
        return { atMs: between(random, 0, forMs), what: pick(random, kinds) };
      });
      return [{ atMs: 200, what: reach }, ...more];
    },
  },

  /** The leader does not hear of the promises that the holder lives on, and the holder's worker does not hear of the end. */
  "unseen-promise": {
    shape: { groups: 1, hasWatchdog: true },
    faults: (random, { timings }) => {
      const waitMs = revokeWaitMs(timings);
      const forMs = waitMs + between(random, -300, 1_500);
      return [
        { atMs: 0, what: { kind: "pause-worker", target: "standby", forMs: waitMs + between(random, 300, 2_000) } },
        { atMs: 0, what: { kind: "pause-worker", target: "active", forMs: 15_000 } },
        { atMs: 5, what: { kind: "cut-api", target: "active", way: pick(random, WAYS), forMs } },
      ];
    },
  },

  /** Who promised begins anew just before it is granted the group. */
  "promise-and-restart": {
    shape: { members: 2, groups: 1, hasWatchdog: true },
    faults: (random, { timings }) => {
      const waitMs = revokeWaitMs(timings);
      const againMs = waitMs - between(random, 700, 2_000);
      return [
        { atMs: 0, what: { kind: "cut-api", target: "active", way: "both", forMs: waitMs + 4_000 } },
        {
          atMs: againMs,
          what: chance(random, 0.8)
            ? { kind: "kill-guard", target: "standby" }
            : { kind: "crash", target: "standby", downMs: between(random, 100, 300) },
        },
        { atMs: againMs + between(random, -50, 150), what: { kind: "pause-guard", target: "active", forMs: 4_000 } },
      ];
    },
  },

  /** A holder without a watchdog sleeps on a promise as long as it may. */
  "promise-to-a-sleeper": {
    shape: { members: 2, groups: 1, hasWatchdog: false },
    faults: (random, { timings }) => [
      { atMs: 0, what: { kind: "cut-api", target: "active", way: "both", forMs: 16_000 } },
      {
        atMs: timings.renewDeadlineMs * between(random, 0.6, 3),
        what: { kind: "pause-guard", target: "active", forMs: 12_000 },
      },
    ],
  },

  /** The holder lives on promises and sleeps until its right has just lapsed; an answer waits for it (V8). */
  "lapsed-asleep": {
    shape: { groups: 1, hasWatchdog: true },
    faults: (random, { timings }) => {
      const { renewDeadlineMs: R } = timings;
      const peers = {
        kind: "bad-peers",
        loss: 0,
        late: 0,
        lateMs: 0,
        repeat: 0,
        delayMs: between(random, 20, 70),
      } as const;
      return [
        { atMs: 0, what: { ...peers, forMs: 16_000 } },
        { atMs: 0, what: { kind: "cut-api", target: "active", way: "both", forMs: 16_000 } },
        {
          atMs: between(random, R, 3 * R),
          what: { kind: "pause-guard", target: "active", forMs: R * between(random, 0.7, 1) },
        },
      ];
    },
  },

  /** Renewals that are carried out long after they were sent. */
  "late-renewals": {
    faults: (random, options) => [
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
        what: {
          kind: "cut-api",
          target: "active",
          way: pick(random, WAYS),
          forMs: criticalMs(random, options.timings),
        },
      },
      ...sometimes(random, 0.4, () => ({
        atMs: between(random, 0, options.phaseMs),
        what: oneFault(random, options),
      })),
    ],
  },

  /** Answers take almost as long as they may, then nothing comes any more. */
  "slow-answers": {
    shape: { hasWatchdog: true },
    faults: (random) => [
      { atMs: 0, what: { kind: "cut-peers", target: "active", way: "both", forMs: 8_000 } },
      {
        atMs: 0,
        what: {
          kind: "bad-client",
          target: "active",
          loss: chance(random, 0.5) ? between(random, 0.2, 0.6) : 0,
          late: 0,
          lateMs: 0,
          delayMs: between(random, 40, 75),
          forMs: 8_000,
        },
      },
      { atMs: between(random, 800, 3_000), what: { kind: "cut-api", target: "active", way: "both", forMs: 5_000 } },
    ],
  },

  /** Members leave and come back while others fail. */
  "changing-members": {
    faults: (random, options) => [
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
  },

  /** The session's settings change, on one node sooner than on the other, while rights run out. */
  "changing-timings": {
    faults: (random, options) => {
      const changes = [4_300, 5_200, 6_000, 9_000];
      return [
        { atMs: 0, what: { kind: "change-timings", durationMs: pick(random, changes) } },
        ...sometimes(random, 0.5, () => ({
          atMs: between(random, 4_000, 9_000),
          what: { kind: "change-timings", durationMs: pick(random, changes) },
        })),
        {
          atMs: between(random, 1_000, 6_000),
          what: {
            kind: "cut-api",
            target: "active",
            way: pick(random, WAYS),
            forMs: criticalMs(random, options.timings) * 2,
          },
        },
        ...Array.from({ length: 2 }, () => ({
          atMs: between(random, 0, options.phaseMs),
          what: oneFault(random, options),
        })),
      ];
    },
  },

  /** A record of members is stored long after it was sent (V7). */
  "late-record": {
    shape: { members: 2, groups: 1 },
    faults: (random) => {
      const goneMs = 6_500 + between(random, 0, 800);
      return [
        { atMs: 0, what: { kind: "set-members", members: ["active"] } },
        {
          atMs: 1_500,
          what: {
            kind: "bad-client",
            target: "active",
            loss: 0,
            late: 1,
            leastLateMs: goneMs - 1_500,
            lateMs: goneMs + 1_200,
            forMs: between(random, 60, 420),
          },
        },
        { atMs: 1_500 + 0.5, what: { kind: "set-members", members: ["active", "standby"] } },
        { atMs: 1_500 + between(random, 430, 1_000), what: { kind: "set-members", members: ["active"] } },
        { atMs: goneMs, what: { kind: "cut-api", target: "active", way: "both", forMs: 12_000 } },
        { atMs: goneMs + between(random, 0, 2_500), what: { kind: "set-members", members: ["active", "standby"] } },
      ];
    },
  },

  /** A person promotes a member that the holder never had to ask (V6). */
  "forced-past-a-loner": {
    shape: { members: 2, groups: 1 },
    faults: (random, { timings }) => [
      { atMs: 0, what: { kind: "set-members", members: ["active"] } },
      { atMs: 1_000, what: { kind: "cut-api", target: "active", way: "both", forMs: 15_000 } },
      { atMs: between(random, 1_010, 2_000), what: { kind: "set-members", members: ["active", "standby"] } },
      {
        atMs: 1_000 + revokeWaitMs(timings) + between(random, 200, 3_000),
        what: { kind: "force-promote", target: "standby" },
      },
    ],
  },

  /** The holder goes on on a promise when it is revoked, and takes the promiser out of the set behind the leader's back (V5). */
  "shrunk-behind-the-grant": {
    shape: { members: 2, groups: 1, hasDisks: true, isFenced: false, hasWatchdog: true },
    faults: (random, { timings }) => {
      const waitMs = revokeWaitMs(timings);
      return [
        { atMs: 0, what: { kind: "no-leases", target: "active", forMs: 16_000 } },
        { atMs: 0, what: { kind: "hold-watches", target: "active", forMs: 16_000 } },
        // So that the leader does not hear of the promise.
        { atMs: 0, what: { kind: "pause-worker", target: "standby", forMs: waitMs + between(random, 800, 3_000) } },
        {
          atMs: waitMs + between(random, -100, 900),
          what: { kind: "cut-peers", target: "active", way: "both", forMs: 9_000 },
        },
      ];
    },
  },

  /** A set that grows is stored long after it was sent, when the holder has lost the copy again and everybody else (V4). */
  "late-growth": {
    shape: { members: 2, groups: 1, hasDisks: true, isFenced: false, hasWatchdog: true },
    faults: (random) => {
      const lateMs = between(random, 5_500, 9_500);
      const cutMs = between(random, 5_800, 6_800);
      return [
        { atMs: 0, what: { kind: "cut-peers", target: "active", way: "both", forMs: 1_500 } },
        {
          atMs: 1_300,
          what: { kind: "late-disk-writes", target: "active", leastLateMs: lateMs, lateMs: lateMs + 500, forMs: 4_000 },
        },
        {
          atMs: between(random, 2_500, 3_500),
          what: { kind: "cut-peers", target: "active", way: "both", forMs: 16_000 },
        },
        { atMs: cutMs, what: { kind: "cut-api", target: "active", way: "both", forMs: 13_000 } },
      ];
    },
  },

  /** A holder that runs alone has lost its session when a copy comes back (V3). */
  "grown-alone": {
    shape: { members: 2, groups: 1, hasDisks: true, isFenced: false, hasWatchdog: true },
    faults: (random, { timings }) => [
      {
        atMs: 0,
        what: {
          kind: "cut-peers",
          target: "active",
          way: "both",
          forMs: 1_300 + revokeWaitMs(timings) + between(random, -900, 2_000),
        },
      },
      { atMs: 1_300, what: { kind: "no-leases", target: "active", forMs: 14_000 } },
      ...sometimes(random, 0.7, () => ({
        atMs: 1_300,
        what: { kind: "hold-watches", target: "active", forMs: 14_000 },
      })),
    ],
  },

  /** A person promotes a copy that the holder took out of the set before it went on alone (V6). */
  "forced-past-a-copy": {
    shape: { members: 2, groups: 1, hasDisks: true, isFenced: false },
    faults: (random, { timings }) => [
      { atMs: 0, what: { kind: "cut-peers", target: "active", way: "both", forMs: 14_000 } },
      { atMs: 1_300, what: { kind: "cut-api", target: "active", way: "both", forMs: 14_000 } },
      {
        atMs: 1_300 + revokeWaitMs(timings) + between(random, 400, 3_000),
        what: { kind: "force-promote", target: "standby" },
      },
    ],
  },

  /** Copies come and go while everything else fails too. */
  "failing-copies": {
    shape: { hasDisks: true, isFenced: false },
    faults: (random, options) => {
      const ms = (): number => criticalMs(random, options.timings);
      return [
        {
          atMs: between(random, 0, 1_000),
          what: { kind: "cut-peers", target: "active", way: pick(random, WAYS), forMs: ms() },
        },
        ...sometimes(random, 0.5, () => ({
          atMs: between(random, 0, 3_000),
          what: { kind: "late-disk-writes", target: "active", leastLateMs: 0, lateMs: ms(), forMs: ms() },
        })),
        ...sometimes(random, 0.5, () => ({
          atMs: between(random, 0, 4_000),
          what: { kind: "no-leases", target: "active", forMs: ms() },
        })),
        ...sometimes(random, 0.5, () => ({
          atMs: between(random, 0, 5_000),
          what: { kind: "cut-api", target: "active", way: pick(random, WAYS), forMs: ms() },
        })),
        ...Array.from({ length: 2 }, () => ({
          atMs: between(random, 0, options.phaseMs),
          what: oneFault(random, options),
        })),
      ];
    },
  },

  /** One member is off for good and the holder is heard by the last one alone (A10). */
  "heard-by-one": {
    shape: { members: 3, groups: 1, hasDisks: false },
    faults: (random, options) => [
      { atMs: 0, what: { kind: "crash", target: "standby", downMs: FOR_EVER }, isLasting: true },
      {
        atMs: between(random, 0, options.phaseMs / 2),
        what: { kind: "cut-api", target: "active", way: "both", forMs: FOR_EVER },
        isLasting: true,
      },
    ],
  },

  /** Proof through the cloud, which takes its time and fails. */
  fenced: {
    shape: { isFenced: true, hasWatchdog: true },
    faults: (random, options) => {
      const forMs = criticalMs(random, options.timings);
      const lost: FaultKind[] = [
        { kind: "isolate", target: "active", forMs },
        { kind: "crash", target: "active", downMs: between(random, 1_000, 8_000) },
        { kind: "pause-guard", target: "active", forMs },
        { kind: "freeze-vm", target: "active", forMs, stopsMonotonic: false },
      ];
      return [
        { atMs: between(random, 0, 500), what: pick(random, lost) },
        ...sometimes(random, 0.6, () => ({ atMs: between(random, 0, 900), what: pick(random, lost) })),
        ...sometimes(random, 0.5, () => ({
          atMs: between(random, 0, 3_000),
          what: {
            kind: "bad-cloud",
            loss: between(random, 0, 0.4),
            late: between(random, 0, 0.4),
            throttle: between(random, 0, 0.4),
            stale: between(random, 0, 0.4),
            forMs: 5_000,
          },
        })),
        ...sometimes(random, 0.3, () => ({
          atMs: between(random, 0, options.phaseMs),
          what: oneFault(random, options),
        })),
      ];
    },
  },

  /** The API server is gone for a while, and nothing else. */
  "outage-alone": {
    shape: { hasWatchdog: true },
    expect: "stillness",
    faults: (random, { timings }) => [
      {
        atMs: between(random, 0, 1_000),
        what: {
          kind: "api-outage",
          hangs: chance(random, 0.5),
          forMs: timings.sessionDurationMs * between(random, 0.3, 3),
        },
      },
    ],
  },

  /** Neither members nor leader can use session Leases for a while; the leader stays leader, and sees much time pass (L2). */
  "sessions-unreadable": {
    shape: { hasWatchdog: true },
    expect: "stillness",
    faults: (random, { timings }) => {
      const forMs = revokeWaitMs(timings) + between(random, -500, 6_000);
      return [
        { atMs: 10, what: { kind: "cut-members", forMs } },
        { atMs: 10, what: { kind: "no-leases", target: "leader", forMs } },
      ];
    },
  },

  /** Proof by fencing against a holder that sleeps and that nothing else ends. */
  "fenced-sleeper": {
    shape: { isFenced: true, hasWatchdog: false },
    faults: (random) => [
      {
        atMs: between(random, 0, 500),
        what: { kind: "pause-guard", target: "active", forMs: between(random, 3_000, 9_000) },
      },
    ],
  },

  /** One fault, and help comes from nobody. */
  "single-fault": {
    expect: "recovery",
    faults: (random, options) => {
      const kinds: FaultKind[] = [
        { kind: "crash", target: "active", downMs: FOR_EVER },
        { kind: "isolate", target: "active", forMs: FOR_EVER },
        { kind: "kill-worker", target: "active" },
        { kind: "stop-guard", target: "active" },
      ];
      const guarded: FaultKind[] = [
        { kind: "freeze-vm", target: "active", forMs: FOR_EVER, stopsMonotonic: false },
        { kind: "pause-guard", target: "active", forMs: FOR_EVER },
        { kind: "kill-guard", target: "active" },
      ];
      return [
        {
          atMs: between(random, 0, 500),
          what: pick(random, options.hasWatchdog ? [...kinds, ...guarded] : kinds),
          isLasting: true,
        },
      ];
    },
  },
};

export const THEME_NAMES = Object.keys(THEMES);
