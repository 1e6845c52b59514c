/** Lives of leaders that sleep, stop half way or know yesterday, and of proof through the cloud. */
import { revokeWaitMs } from "../../../src/api/timings.ts";
import { between, chance, pick } from "../seeds.ts";
import type { FaultKind } from "./fault.ts";
import { criticalMs, oneFault, TARGETS } from "./random-faults.ts";
import { sometimes, type Theme } from "./theme.ts";

export const LEADER_THEMES = {
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

  /** Members lose their isolation targets in turn, and are asked to leave while other things fail. */
  "lost-targets": {
    shape: { hasTargets: true },
    faults: (random, options) => {
      const ms = (): number => 3_000 + criticalMs(random, options.timings);
      return [
        { atMs: between(random, 0, 500), what: { kind: "cut-targets", target: "active", forMs: ms() } },
        ...sometimes(random, 0.6, () => ({
          atMs: between(random, 1_000, 6_000),
          what: { kind: "cut-targets", target: pick(random, TARGETS), forMs: ms() },
        })),
        ...Array.from({ length: 2 }, () => ({
          atMs: between(random, 0, options.phaseMs),
          what: oneFault(random, options),
        })),
      ];
    },
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
} as const satisfies Readonly<Record<string, Theme>>;
