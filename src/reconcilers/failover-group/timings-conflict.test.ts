import { describe, expect, test } from "vitest";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import { deriveTimings, presetTimings, type Timings } from "../../api/timings.ts";
import { grantBlocker } from "./checks-group.ts";
import type { MemberSeen, Seen } from "./seen.ts";
import { timingsConflicts } from "./timings-conflict.ts";

const FAST = presetTimings("fast");

function member(node: string, timings: Partial<Timings> | string | undefined, state = "Live"): MemberSeen {
  const text = typeof timings === "string" ? timings : JSON.stringify(timings);
  const annotations = timings === undefined ? {} : { [LEASE_ANNOTATIONS.timings]: text };
  const session = { verdict: { state, session: `${node}_1` }, lease: { metadata: { name: node, annotations } } };
  return { node, position: 0, session, nodeObject: {}, providerIds: [], sharedWith: [] } as unknown as MemberSeen;
}

function seenOf(...members: readonly MemberSeen[]): Seen {
  const spec = { members: members.map(({ node }) => ({ node })), resources: [], failover: {} };
  const group = { metadata: { name: "g" }, spec, status: {} };
  return { group, members, resources: [], agentNodes: [], settings: { timings: FAST } } as unknown as Seen;
}

describe("session timings", () => {
  test("of different length fit together", () => {
    expect(timingsConflicts(seenOf(member("a", FAST), member("b", deriveTimings("default", 30_000))))).toEqual([]);
  });

  test("that break a relation keep the group from being granted, and say which", () => {
    const seen = seenOf(member("a", FAST), member("b", { ...FAST, watchdogTimeoutMs: 3_000 }));
    expect(timingsConflicts(seen)).toEqual([expect.stringMatching(/^b lives by .*rho\*2W\+M = 6400 ms must be/)]);
    expect(grantBlocker(seen)).toMatchObject({ stalled: "TimingsConflict", blocks: "Grant" });
  });

  test.each([[undefined], ["no JSON"], ["7"], [{ sessionDurationMs: 1 }]])(
    "published as %o are not judged",
    (published) => {
      expect(timingsConflicts(seenOf(member("a", published)))).toEqual([]);
    },
  );

  test("of a session that is over are not judged", () => {
    expect(timingsConflicts(seenOf(member("a", { ...FAST, watchdogTimeoutMs: 3_000 }, "Ended")))).toEqual([]);
  });
});
