import { describe, expect, test } from "vitest";
import { activeMachine, machineHost, moveTo } from "../../../test/builders/machine-host.ts";
import { APP, grantTo, PROBE, SESSION, VIP } from "../../../test/builders/worker-group.ts";

describe("monitoring and repair", () => {
  test("a missing address is repaired at once and counted; after the last repair the part is Failed", () => {
    const made = activeMachine({ failover: { reactivations: 2 } });
    for (const left of [1, 2]) {
      made.up.delete("vip");
      made.send({ type: "changed", kind: "address" });
      made.settle();
      expect(made.up.has("vip")).toBe(true);
      expect(made.state.tenure?.parts["vip"]?.repairs).toBe(left);
    }
    made.up.delete("vip");
    made.send({ type: "changed", kind: "address" });
    made.settle();
    expect(made.report()).toMatchObject({ state: "Failed" });
    expect(made.report()?.resources).toContainEqual(
      expect.objectContaining({ name: "vip", state: "Failed", reason: "Missing" }),
    );
  });

  test("long health forgets the repairs", () => {
    const made = activeMachine({ failover: { resetAfter: "1m" } });
    made.up.delete("vip");
    made.send({ type: "changed", kind: "address" });
    made.settle();
    expect(made.state.tenure?.parts["vip"]?.repairs).toBe(1);
    made.advance(80_000);
    expect(made.state.tenure?.parts["vip"]?.repairs).toBe(0);
  });

  test("a command is stopped before it is started again", () => {
    const made = activeMachine();
    made.failing.set("check app", { reason: "ResourceFailed", message: "exit 1" });
    made.advance(10_000);
    expect(made.trace.filter((word) => word.endsWith(" app")).slice(0, 3)).toEqual([
      "check app",
      "stop app",
      "start app",
    ]);
  });

  test.each([
    { name: "Warn never repairs", resource: { ...VIP, onFailure: "Warn" as const }, failover: {}, state: "Active" },
    { name: "Paused never repairs", resource: VIP, failover: { mode: "Paused" as const }, state: "Failed" },
  ])("$name", ({ resource, failover, state }) => {
    const made = activeMachine({ resources: [resource], failover });
    made.up.delete("vip");
    made.send({ type: "changed", kind: "address" });
    made.settle();
    expect(made.trace).not.toContain("start vip");
    expect(made.report()).toMatchObject({ state, resources: [{ name: "vip", state: "Failed" }] });
  });

  test("Reactivate repairs without end and never reports Failed", () => {
    const made = activeMachine({ resources: [{ ...VIP, onFailure: "Reactivate" }], failover: { reactivations: 0 } });
    for (let round = 0; round < 5; round++) {
      made.up.delete("vip");
      made.send({ type: "changed", kind: "address" });
      made.settle();
      expect(made.up.has("vip")).toBe(true);
    }
    expect(made.report()?.state).toBe("Active");
  });

  test("a failed activation is Failed with its reason, is retried while the grant stands, and ends well", () => {
    const made = machineHost({ resources: [APP], status: grantTo("node1", 5) });
    made.failing.set("start app", { reason: "ActivationFailed", message: "exit 3" });
    made.settle();
    expect(made.report()).toMatchObject({
      state: "Failed",
      resources: [{ name: "app", state: "Failed", reason: "ActivationFailed", message: "exit 3" }],
    });
    made.failing.clear();
    made.advance(5_000);
    expect(made.report()?.state).toBe("Active");
  });

  test("a failed activation is stopped at once when the controller moves the group", () => {
    const made = machineHost({ resources: [APP], status: grantTo("node1", 5) });
    made.failing.set("start app", { reason: "ActivationFailed", message: "exit 3" });
    made.settle();
    moveTo("node2")(made);
    made.settle();
    expect(made.report()?.state).toBe("Inactive");
  });

  test("attemptsPerMember starts are tried before it is Failed", () => {
    const made = machineHost({ resources: [APP], status: grantTo("node1", 5), failover: { attemptsPerMember: 3 } });
    made.failing.set("start app", { reason: "ActivationFailed", message: "exit 3" });
    made.settle();
    expect(made.trace.filter((word) => word === "start app")).toHaveLength(3);
    expect(made.report()?.state).toBe("Failed");
  });

  test("a resource that only warns does not keep the group from being Active", () => {
    const made = machineHost({ resources: [VIP, { ...APP, onFailure: "Warn" }], status: grantTo("node1", 5) });
    made.failing.set("start app", { reason: "ActivationFailed", message: "exit 3" });
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active", resources: [{ state: "Active" }, { state: "Failed" }] });
  });
});

describe("changes of the spec while serving", () => {
  test("a new member is recorded under the own grant", () => {
    const made = activeMachine();
    made.write((group) => ({ ...group, spec: { ...group.spec, members: [...group.spec.members, { node: "node3" }] } }));
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active", knownMembers: ["node1", "node2", "node3"] });
  });

  test("the guard asks old and new members before a record is sent, and the new ones only after it was stored", () => {
    const made = activeMachine({ members: ["node1", "node2", "node4"] });
    made.mutesAskSets = true;
    made.write((group) => ({
      ...group,
      spec: { ...group.spec, members: [{ node: "node1" }, { node: "node2" }, { node: "node3" }] },
    }));
    made.settle();
    expect(made.trace.filter((word) => word.startsWith("write"))).toEqual([]);
    made.mutesAskSets = false;
    made.advance(300);
    expect(made.trace.filter((word) => /mustAsk|write/.test(word)).slice(-3)).toEqual([
      "mustAsk node1,node2,node3,node4",
      "write Active",
      "mustAsk node1,node2,node3",
    ]);
    expect(made.report()?.knownMembers).toEqual(["node1", "node2", "node3"]);
  });

  test("a record without an answer keeps the guard asking everybody until a later write is answered", () => {
    const made = activeMachine();
    made.write((group) => ({
      ...group,
      spec: { ...group.spec, members: [{ node: "node1" }, { node: "node2" }, { node: "node3" }] },
    }));
    while (made.pending[0]?.type !== "write") made.carryOut();
    made.pending = [];
    made.send({ type: "notStored", isConflict: false });
    made.write((group) => ({ ...group, spec: { ...group.spec, members: [{ node: "node1" }, { node: "node2" }] } }));
    made.settle();
    made.advance(1_000);
    expect(made.asked).toEqual(["node1", "node2", "node3"]);
    made.write((group) => ({
      ...group,
      spec: { ...group.spec, members: [{ node: "node1" }, { node: "node2" }, { node: "node5" }] },
    }));
    made.settle();
    expect(made.asked).toEqual(["node1", "node2", "node5"]);
  });

  test("a resource that was removed is taken down, one that was added is brought up", () => {
    const made = activeMachine({ resources: [VIP] });
    made.write((group) => ({ ...group, spec: { ...group.spec, resources: [PROBE] } }));
    made.settle();
    expect([...made.up]).toEqual(["probe"]);
    expect(made.report()).toMatchObject({ state: "Active", resources: [{ name: "probe" }] });
  });

  test("a resource whose object does not come is Failed with that reason", () => {
    const made = machineHost({ resources: [{ ...VIP, name: "missing" }], status: grantTo("node1", 5) });
    made.settle();
    expect(made.report()).toMatchObject({ state: "Activating" });
    made.advance(10_000);
    expect(made.report()).toMatchObject({
      state: "Failed",
      resources: [{ name: "missing", reason: "ResourceNotFound" }],
    });
  });
});

describe("restarts", () => {
  test("what an earlier life left up is taken down, reported, and served again only under a new epoch", () => {
    const made = activeMachine();
    made.restart();
    made.settle();
    expect(made.trace.filter((word) => word.startsWith("start"))).toEqual([]);
    expect(made.report()).toMatchObject({ state: "Inactive", epoch: 5 });
    made.write((group) => ({ ...group, status: { ...grantTo("node1", 6), reports: group.status?.reports ?? [] } }));
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active", epoch: 6 });
  });

  test("a crash after any number of effects never leaves two lives of one epoch, and always ends active under a new one", () => {
    for (let crashAfter = 0; crashAfter < 14; crashAfter++) {
      const made = machineHost({ status: grantTo("node1", 5) });
      for (let count = 0; count < crashAfter; count++) made.carryOut();
      made.restart();
      const began = made.trace.length;
      made.settle();
      const starts = made.trace.slice(began).filter((word) => word.startsWith("start"));
      if (made.report()?.state === "Inactive") expect(starts).toEqual([]);
      else expect(made.report()?.state).toBe("Active");
      made.write((group) => ({ ...group, status: { ...grantTo("node1", 6), reports: group.status?.reports ?? [] } }));
      made.settle();
      made.advance(1_000);
      expect(made.report(), `crash after ${crashAfter}`).toMatchObject({ state: "Active", epoch: 6 });
    }
  });

  test("a new epoch that arrives in the middle of an activation ends the old one first", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    while (made.pending[0]?.type !== "start" || made.pending[0].plan.key !== "app") made.carryOut();
    made.session = "node1_session-b";
    made.send({ type: "session", session: "node1_session-b" });
    made.write((group) => ({
      ...group,
      status: { ...grantTo("node1", 6, "node1_session-b"), reports: group.status?.reports ?? [] },
    }));
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active", epoch: 6, session: "node1_session-b" });
    expect(made.deactivated.has(`${SESSION}/5`)).toBe(true);
  });

  test("an older view that arrives late changes nothing", () => {
    const made = activeMachine();
    const old = {
      ...made.group,
      metadata: { ...made.group.metadata, resourceVersion: "1" },
      status: grantTo("node2", 4),
    };
    made.send({ type: "seen", group: old, plans: made.plans(), isConsistent: false });
    made.settle();
    made.advance(1_000);
    expect(made.trace).toEqual(["read"]);
  });
});

describe("standby", () => {
  test("says what it should not have, and takes it back", () => {
    const made = machineHost({ status: grantTo("node2", 5) });
    made.send({ type: "found", findings: [{ resource: "probe", reason: "PortInUse", message: "port 26001" }] });
    made.settle();
    expect(made.report()).toMatchObject({
      state: "Inactive",
      resources: [{ name: "probe", state: "Inactive", reason: "PortInUse" }],
    });
    made.send({ type: "found", findings: [] });
    made.settle();
    made.advance(5_000);
    expect(made.report()?.resources).toEqual([]);
  });

  test("reports a promise at once and under the session in force, which alone counts", () => {
    const made = machineHost({ status: grantTo("node2", 5) });
    made.send({ type: "promised", promise: { node: "node2", session: "node2_s", epoch: 5, state: "Open" } });
    made.settle();
    expect(made.report()).toMatchObject({
      state: "Inactive",
      session: SESSION,
      promise: { node: "node2", epoch: 5, state: "Open" },
    });
    made.send({ type: "session", session: "node1_session-b" });
    made.settle();
    expect(made.report()).toMatchObject({ session: "node1_session-b", promise: { state: "Open" } });
    made.send({ type: "promised", promise: { node: "node2", session: "node2_s", epoch: 5, state: "Lapsed" } });
    made.settle();
    expect(made.report()?.promise?.state).toBe("Lapsed");
  });

  test("keeps the members it recorded under its last grant", () => {
    const made = activeMachine();
    moveTo("node2")(made);
    made.settle();
    made.write((group) => ({ ...group, status: { ...grantTo("node2", 6), reports: group.status?.reports ?? [] } }));
    made.send({ type: "found", findings: [{ resource: "probe", reason: "PortInUse", message: "" }] });
    made.settle();
    expect(made.report()).toMatchObject({
      epoch: 5,
      knownMembers: ["node1", "node2"],
      resources: [{ reason: "PortInUse" }],
    });
  });
});
