import { describe, expect, test } from "vitest";
import type { ResourceKind } from "../../api/kinds.ts";
import { RESOURCE_KINDS } from "../../api/kinds.ts";
import { presetTimings } from "../../api/timings.ts";
import { NO_MEMORY } from "./memory.ts";
import { joinResources } from "./plan-resources.ts";
import type { MemberSeen, ResourceSeen, Seen } from "./seen.ts";
import type { FailoverGroup, Report } from "./types.ts";

const GRANT = { node: "node1", session: "s1", epoch: 5 };

interface Found {
  readonly kind: ResourceKind;
  /** Reason of Ready of the object; undefined: it is ready. */
  readonly cloud?: string;
  readonly local?: { readonly state: NonNullable<Report["resources"]>[number]["state"]; readonly reason?: string };
}

function seenOf({ kind, cloud, local }: Found): Seen {
  const report: Report = {
    ...GRANT,
    state: "Active",
    resources: local === undefined ? [] : [{ name: "r", ...local }],
  };
  const member = { node: "node1", report } as unknown as MemberSeen;
  const conditions = [
    { type: "Ready", status: cloud === undefined ? "True" : "False", reason: cloud ?? "Active", message: "" } as const,
  ].map((condition) => ({ ...condition, lastTransitionTime: "2026-01-01T00:00:00Z" }));
  const entry: ResourceSeen = {
    resource: { kind, name: "r", onFailure: "Failover" },
    kind,
    object: { kind, name: "r", conditions, active: { node: "node1", epoch: 5 }, epochs: [] },
  };
  const settings = { timings: presetTimings("fast"), isRecoveryPaused: false };
  const group = {} as unknown as FailoverGroup;
  return { group, members: [member], resources: [entry], agentNodes: [], memory: NO_MEMORY, settings };
}

const joined = (found: Found) => joinResources(seenOf(found), GRANT, undefined)[0];

describe.each(["AwsDns", "AzureDns"] as const)("the name of an %s", (kind) => {
  test.each(["NotResolved", "ResolvedElsewhere"])("that is %s is the member's failure, not a rewrite's", (reason) => {
    expect(joined({ kind, local: { state: "Failed", reason } })).toMatchObject({
      state: "Failed",
      reason,
      failedHalf: "local",
    });
    expect(joined({ kind, cloud: reason, local: { state: "Failed", reason } })).toMatchObject({ failedHalf: "local" });
  });

  test("that is being looked at again keeps the group from being Ready, and does not move it", () => {
    const local = { state: "Activating", reason: "NotResolved" } as const;
    expect(joined({ kind, cloud: "NotResolved", local })).toMatchObject({ state: "Activating", reason: "NotResolved" });
  });

  test("says nothing while the record itself is wrong: that is repaired first [REQ 5.3.3b]", () => {
    const local = { state: "Failed", reason: "ResolvedElsewhere" } as const;
    expect(joined({ kind, cloud: "RecordWrong", local })).toMatchObject({ reason: "RecordWrong", failedHalf: "cloud" });
  });

  test("that leads here again ends the trouble, whatever the object still repeats", () => {
    expect(joined({ kind, cloud: "NotResolved", local: { state: "Active" } })).toMatchObject({ state: "Activating" });
    expect(joined({ kind, local: { state: "Active" } })).toEqual({
      name: "r",
      kind,
      state: "Active",
      onFailure: "Failover",
    });
  });
});

describe("a simulated fault", () => {
  test.each(RESOURCE_KINDS)(
    "of an %s is a failure of the member, which is repaired and then left [REQ 5.3.16]",
    (kind) => {
      const operation = { verb: "simulate-fault", value: "r", since: "2026-01-01T00:00:00Z" } as const;
      const seen = seenOf({ kind, local: { state: "Active" } });
      expect(joinResources(seen, GRANT, operation)[0]).toMatchObject({
        state: "Failed",
        reason: "SimulatedFault",
        failedHalf: "local",
      });
      expect(joinResources(seen, GRANT, { ...operation, value: "other" })[0]).toMatchObject({ state: "Active" });
    },
  );
});

describe("a pointer that is wrong", () => {
  const withStalled = (isStalled: boolean) => {
    const seen = seenOf({ kind: "AzureDns", cloud: "RecordMissing" });
    const [entry] = seen.resources;
    const stalled = { type: "Stalled", status: "True", reason: "NeedsOperator", message: "", lastTransitionTime: "" };
    const conditions = [...(entry?.object?.conditions ?? []), ...(isStalled ? [stalled as never] : [])];
    const object = entry?.object === undefined ? undefined : { ...entry.object, conditions };
    return joinResources({ ...seen, resources: [{ ...entry, object } as ResourceSeen] }, GRANT, undefined)[0];
  };

  test("is its reconciler's to repair, until the repair was refused [REQ 5.3.3b]", () => {
    expect(withStalled(false)).toMatchObject({ state: "Failed", reason: "RecordMissing", failedHalf: "cloud" });
    expect(withStalled(false)?.isStalled).toBeUndefined();
    expect(withStalled(true)).toMatchObject({ state: "Failed", failedHalf: "cloud", isStalled: true });
  });
});
