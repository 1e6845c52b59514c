/** Lives in which members come and go, and people decide. */
import { revokeWaitMs } from "../../../src/api/timings.ts";
import { between, pick } from "../seeds.ts";
import { criticalMs, oneFault, WAYS } from "./random-faults.ts";
import { type Theme } from "./theme.ts";

export const MEMBER_THEMES = {
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
} as const satisfies Readonly<Record<string, Theme>>;
