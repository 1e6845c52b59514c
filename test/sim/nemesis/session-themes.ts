/** Lives at the edge of the session: renewals, deadlines, the watchdog, outages. */
import { revokeWaitMs } from "../../../src/api/timings.ts";
import { between, chance, pick } from "../seeds.ts";
import type { FaultKind } from "./fault.ts";
import { criticalMs, oneFault, WAYS } from "./random-faults.ts";
import { FOR_EVER, sometimes, type Theme } from "./theme.ts";

export const SESSION_THEMES = {
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
    shape: { hasWatchdog: true, groups: 1 },
    faults: (random) => {
      const cutMs = between(random, 800, 3_000);
      return [
        { atMs: 0, what: { kind: "cut-peers", target: "active", way: "both", forMs: 8_000 } },
        {
          atMs: 0,
          what: {
            kind: "bad-client",
            target: "active",
            loss: chance(random, 0.3) ? between(random, 0.2, 0.6) : 0,
            late: 0,
            lateMs: 0,
            delayMs: between(random, 50, 75),
            forMs: 8_000,
          },
        },
        // So that what is up goes down by the hard cut, as late as it may.
        ...sometimes(random, 0.7, () => ({
          atMs: cutMs,
          what: { kind: "pause-worker", target: "active", forMs: 6_000 },
        })),
        { atMs: cutMs, what: { kind: "cut-api", target: "active", way: "both", forMs: 5_000 } },
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
} as const satisfies Readonly<Record<string, Theme>>;
