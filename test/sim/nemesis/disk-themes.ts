/** Lives of the in-sync set of a disk. */
import { revokeWaitMs } from "../../../src/api/timings.ts";
import { between, pick } from "../seeds.ts";
import { criticalMs, oneFault, WAYS } from "./random-faults.ts";
import { sometimes, type Theme } from "./theme.ts";

export const DISK_THEMES = {
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
} as const satisfies Readonly<Record<string, Theme>>;
