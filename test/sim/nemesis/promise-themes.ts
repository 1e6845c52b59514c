/** Lives on promises: holders that cannot renew, promisers that forget, leaders that do not hear of it. */
import { revokeWaitMs } from "../../../src/api/timings.ts";
import { between, chance, pick } from "../seeds.ts";
import type { Fault, FaultKind } from "./fault.ts";
import { criticalMs, oneFault, TARGETS, WAYS } from "./random-faults.ts";
import { FOR_EVER, type Theme } from "./theme.ts";

export const PROMISE_THEMES = {
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
} as const satisfies Readonly<Record<string, Theme>>;
