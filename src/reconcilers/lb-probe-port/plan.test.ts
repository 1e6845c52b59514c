import { describe, expect, it } from "vitest";
import type { FailoverGroup, LbProbePort, MemberReport } from "../../api/generated/types.ts";
import { FINALIZERS } from "../../api/kinds.ts";
import { planProbePort } from "./plan.ts";
import type { Seen } from "./seen.ts";

const NOTHING = { group: undefined, isListedElsewhere: undefined, members: [], balancer: undefined } as const;
const NOW = { monotonicMs: 0, wallMs: Date.UTC(2026, 0, 1) };

function probe(change: { spec?: object; metadata?: object; status?: object } = {}): LbProbePort {
  const metadata = {
    namespace: "ha",
    name: "probe",
    generation: 1,
    finalizers: [FINALIZERS.inUse],
    ...change.metadata,
  };
  return {
    metadata,
    spec: { port: 26_001, ...change.spec },
    ...(change.status === undefined ? {} : { status: change.status }),
  } as LbProbePort;
}

function group(reports: MemberReport[], status: object = {}): FailoverGroup {
  const active = { node: "node1", epoch: 1, session: "s1", since: "2026-01-01T00:00:00Z" };
  return {
    metadata: { namespace: "ha", name: "g", uid: "u1" },
    spec: {
      members: [{ node: "node1" }, { node: "node2" }],
      resources: [{ kind: "LbProbePort", name: "probe", onFailure: "Failover" }],
    },
    status: { active, reports, ...status },
  } as unknown as FailoverGroup;
}

function report(node: string, state: MemberReport["state"], resource: object = {}, under: object = {}): MemberReport {
  const name = "probe";
  return {
    node,
    session: "s1",
    epoch: 1,
    state,
    resources: [{ name, state: state === "Frozen" ? "Unknown" : state, ...resource }],
    ...under,
  };
}

function statusOf(seen: Partial<Seen>): { ready: string; preflight: string; members: unknown; active: unknown } {
  const { steps } = planProbePort({ ...NOTHING, probe: probe(), ...seen }, NOW);
  const [step] = steps;
  if (step?.do !== "WriteStatus") throw new Error(`expected a status, got ${JSON.stringify(steps)}`);
  const reason = (type: string): string =>
    step.status.conditions?.find((condition) => condition.type === type)?.reason ?? "";
  return {
    ready: reason("Ready"),
    preflight: reason("PreflightOK"),
    members: step.status.members,
    active: step.status.active,
  };
}

describe("planProbePort", () => {
  it.each([
    { what: "no group lists it", seen: {}, ready: "NotInGroup", preflight: "NotChecked" },
    {
      what: "the group is down",
      seen: { group: group([], { active: undefined }) },
      ready: "Inactive",
      preflight: "Passed",
    },
    { what: "the holder has not reported", seen: { group: group([]) }, ready: "Activating", preflight: "Passed" },
    {
      what: "the holder's port answers",
      seen: { group: group([report("node1", "Active")]) },
      ready: "Active",
      preflight: "Passed",
    },
    {
      what: "the report is of another epoch",
      seen: { group: group([report("node1", "Active", {}, { epoch: 0 })]) },
      ready: "Activating",
      preflight: "Passed",
    },
    {
      what: "the report is of another session",
      seen: { group: group([report("node1", "Active", {}, { session: "s0" })]) },
      ready: "Activating",
      preflight: "Passed",
    },
    {
      what: "the group is leaving",
      seen: { group: group([report("node1", "Deactivating")], { target: { node: "node2", cause: "Requested" } }) },
      ready: "Deactivating",
      preflight: "Passed",
    },
    {
      what: "it could not be opened",
      seen: { group: group([report("node1", "Failed", { reason: "PortInUse" })]) },
      ready: "ActivationFailed",
      preflight: "PortInUse",
    },
    {
      what: "something else listens on a standby",
      seen: { group: group([report("node1", "Active"), report("node2", "Inactive", { reason: "PortInUse" })]) },
      ready: "Active",
      preflight: "PortInUse",
    },
    {
      what: "another group lists it too",
      seen: { group: group([]), isListedElsewhere: "held by ha/g" },
      ready: "Activating",
      preflight: "ClaimedElsewhere",
    },
  ])("says $ready and $preflight when $what", ({ seen, ready, preflight }) => {
    expect(statusOf(seen)).toMatchObject({ ready, preflight });
  });

  it.each([
    { reason: "ListenerDown", ready: "ListenerDown" },
    { reason: "PortInUse", ready: "ListenerDown" },
    { reason: "FrontendMissing", ready: "FrontendMissing" },
  ])("calls what was up under this epoch and failed with $reason $ready, and goes on doing so", ({ reason, ready }) => {
    const failed = group([report("node1", "Failed", { reason })]);
    const seen = { ...NOTHING, group: failed };
    const before = probe({ status: { active: { node: "node1", epoch: 1 } } });
    const [step] = planProbePort({ ...seen, probe: before }, NOW).steps;
    const status = step?.do === "WriteStatus" ? step.status : {};
    expect(status.conditions?.find(({ type }) => type === "Ready")?.reason).toBe(ready);
    expect(planProbePort({ ...seen, probe: probe({ status }) }, NOW).steps).toEqual([]);
  });

  it("shows the frontend of Direct Server Return where no load balancer is named", () => {
    const dsr = probe({ spec: { dsr: { frontendAddress: "10.5.0.200" } } });
    const [step] = planProbePort({ ...NOTHING, probe: dsr, group: group([]) }, NOW).steps;
    expect(step?.do === "WriteStatus" ? step.status.frontends : []).toEqual(["10.5.0.200"]);
  });

  it("shows where the port is open", () => {
    const { members, active } = statusOf({ group: group([report("node1", "Active"), report("node2", "Inactive")]) });
    expect(members).toEqual([
      { node: "node1", listening: true },
      { node: "node2", listening: false },
    ]);
    expect(active).toEqual({ node: "node1", epoch: 1 });
  });

  it("does nothing when the status says so already", () => {
    const seen = { ...NOTHING, group: group([report("node1", "Active")]) };
    const [step] = planProbePort({ ...seen, probe: probe() }, NOW).steps;
    const status = step?.do === "WriteStatus" ? step.status : {};
    expect(planProbePort({ ...seen, probe: probe({ status }) }, NOW).steps).toEqual([]);
  });

  it.each([
    { what: "adds its finalizer first", metadata: { finalizers: [] }, group: undefined, step: "AddFinalizer" },
    {
      what: "lets go of a deleted object that no group lists",
      metadata: { deletionTimestamp: "t" },
      group: undefined,
      step: "RemoveFinalizer",
    },
    {
      what: "keeps a deleted object while a group lists it",
      metadata: { deletionTimestamp: "t" },
      group: group([]),
      step: "WriteStatus",
    },
  ])("$what", ({ metadata, group: listing, step }) => {
    const { steps } = planProbePort({ ...NOTHING, probe: probe({ metadata }), group: listing }, NOW);
    expect(steps.map((each) => each.do)).toEqual([step]);
  });
});
