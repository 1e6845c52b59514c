import { describe, expect, test } from "vitest";
import { MachineHost } from "../../../test/builders/machine-host.ts";
import {
  APP,
  grantTo,
  type GroupOptions,
  PROBE,
  SESSION,
  VIP,
  workerGroup,
} from "../../../test/builders/worker-group.ts";
import { isProvenDown } from "./group-state.ts";

function host(options: GroupOptions = {}): MachineHost {
  const made = new MachineHost(workerGroup(options));
  made.restart();
  made.trace.length = 0;
  return made;
}

function active(options: GroupOptions = {}): MachineHost {
  const made = host({ ...options, status: { ...grantTo("node1", 5), ...options.status } });
  made.settle();
  expect(made.report()?.state).toBe("Active");
  made.trace.length = 0;
  return made;
}

const moveTo = (node: string) => (made: MachineHost) =>
  made.write((group) => ({ ...group, status: { ...group.status, target: { node, cause: "Requested" } } }));

describe("activation", () => {
  test("reads, asks and records before anything starts; then follows the order, and reports", () => {
    const made = host({ status: grantTo("node1", 5) });
    made.settle();
    expect(made.trace.slice(0, 4)).toEqual(["read", "ask", "write Activating", "start vip"]);
    expect(made.trace.filter((word) => word.startsWith("start"))).toEqual(["start vip", "start app", "start probe"]);
    expect(made.report()).toMatchObject({
      node: "node1",
      session: SESSION,
      epoch: 5,
      state: "Active",
      knownMembers: ["node1", "node2"],
      resources: [
        { name: "vip", state: "Active" },
        { name: "app", state: "Active" },
        { name: "probe", state: "Active" },
      ],
    });
  });

  test("branches that do not wait for each other start at once", () => {
    const made = host({
      resources: [
        { ...VIP, dependsOn: [] },
        { ...APP, dependsOn: [] },
      ],
      status: grantTo("node1", 5),
    });
    while (!made.pending.some((effect) => effect.type === "start")) made.carryOut();
    expect(made.pending.filter((effect) => effect.type === "start")).toHaveLength(2);
  });

  test("a part that waits for a pointer starts when the controller says that it is active under this epoch", () => {
    const service = { ...APP, dependsOn: ["dns"] };
    const made = host({
      resources: [{ kind: "AwsDns", name: "dns", onFailure: "Failover", dependsOn: [] }, service],
      status: grantTo("node1", 5),
    });
    made.settle();
    expect(made.up.size).toBe(0);
    made.write((group) => ({
      ...group,
      status: { ...group.status, resources: [{ name: "dns", kind: "AwsDns", state: "Active" }] },
    }));
    made.settle();
    expect([...made.up]).toEqual(["app"]);
  });

  test.each([
    { name: "of another node", status: grantTo("node2", 5) },
    { name: "of an earlier session of this node", status: grantTo("node1", 5, "node1_session-old") },
  ])("a grant $name starts nothing", ({ status }) => {
    const made = host({ status });
    made.settle();
    expect(made.trace).toEqual([]);
  });

  test("a grant that is gone by the time of the consistent read starts nothing", () => {
    const made = host({ status: grantTo("node1", 5) });
    made.store({ ...made.group, status: grantTo("node2", 6) });
    made.settle();
    expect(made.trace.filter((word) => word.startsWith("start") || word === "ask")).toEqual([]);
  });

  test("what the guard denies for now is asked again, what it denies for good is given up", () => {
    const made = host({ status: grantTo("node1", 5) });
    made.denied = "promised";
    made.settle();
    expect(made.up.size).toBe(0);
    made.denied = undefined;
    made.advance(300);
    expect(made.report()?.state).toBe("Active");

    const given = host({ status: grantTo("node1", 5) });
    given.denied = "given-up";
    given.settle();
    expect(given.report()).toMatchObject({ state: "Inactive", epoch: 5 });
    expect(given.trace).not.toContain("start vip");
  });

  test("a lost race for the report is read and written again, without starting anything in between", () => {
    const made = host({ status: grantTo("node1", 5) });
    while (made.pending[0]?.type !== "write") made.carryOut();
    made.store(made.group);
    made.carryOut();
    expect(made.trace.at(-1)).toBe("write Activating");
    made.settle();
    expect(made.trace.slice(2, 6)).toEqual(["write Activating", "read", "write Activating", "start vip"]);
    expect(made.report()?.state).toBe("Active");
  });

  test("a report with unknown result is read back before it is written again", () => {
    const made = host({ status: grantTo("node1", 5) });
    while (made.pending[0]?.type !== "write") made.carryOut();
    made.pending = [];
    made.send({ type: "notStored", isConflict: false });
    made.settle();
    made.advance(1_000);
    expect(made.report()?.state).toBe("Active");
  });
});

describe("leaving", () => {
  test("a planned move stops in reverse order, tells the guard and reports Inactive once", () => {
    const made = active();
    moveTo("node2")(made);
    made.settle();
    expect(made.trace).toEqual(["stop probe", "stop app", "stop vip", "tellDeactivated", "write Inactive"]);
    expect(made.report()).toMatchObject({
      state: "Inactive",
      session: SESSION,
      epoch: 5,
      knownMembers: ["node1", "node2"],
    });
    expect(made.state.tenure).toBeUndefined();
  });

  test.each([
    [
      "the group is held",
      (made: MachineHost) =>
        made.write((group) => ({
          ...group,
          status: { ...group.status, hold: { reason: "StoppedByRequest", since: "2026-01-01T00:00:00Z" } },
        })),
    ],
    [
      "the grant is removed",
      (made: MachineHost) =>
        made.write((group) => ({ ...group, status: { epoch: 5, reports: group.status?.reports ?? [] } })),
    ],
    [
      "the group is being deleted",
      (made: MachineHost) =>
        made.write((group) => ({
          ...group,
          metadata: { ...group.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
        })),
    ],
    ["the session is another one", (made: MachineHost) => made.send({ type: "session", session: "node1_session-b" })],
    ["the guard says take down", (made: MachineHost) => made.send({ type: "takeDown", budgetMs: 600 })],
    ["the object is gone", (made: MachineHost) => made.send({ type: "gone" })],
  ] as const)("everything goes down when %s", (_name, change) => {
    const made = active();
    change(made);
    made.settle();
    expect([...made.up]).toEqual([]);
    expect(isProvenDown(made.state)).toBe(true);
  });

  test("an epoch that began to leave is never served again, even if the move is called off", () => {
    const made = active();
    moveTo("node2")(made);
    made.carryOut();
    made.write((group) => ({ ...group, status: { ...grantTo("node1", 5), reports: group.status?.reports ?? [] } }));
    made.settle();
    made.advance(60_000);
    expect([...made.up]).toEqual([]);
    expect(made.report()?.state).toBe("Inactive");
    made.write((group) => ({ ...group, status: { ...grantTo("node1", 6), reports: group.status?.reports ?? [] } }));
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active", epoch: 6 });
  });

  test("leaving in the middle of an activation aborts the step in flight and stops what it may have left", () => {
    const made = host({ status: grantTo("node1", 5) });
    while (made.pending[0]?.type !== "start" || made.pending[0].plan.key !== "app") made.carryOut();
    const [inFlight] = made.pending.splice(0, 1);
    moveTo("node2")(made);
    expect(made.pending.map((effect) => effect.type)).toContain("abort");
    made.settle();
    expect(made.report()?.state).not.toBe("Inactive");
    expect(inFlight?.type).toBe("start");
    made.send({ type: "started", part: "app", outcome: { ok: false, reason: "ActivationFailed", message: "aborted" } });
    made.settle();
    expect(made.trace.slice(-4)).toEqual(["stop app", "stop vip", "tellDeactivated", "write Inactive"]);
  });

  test("a stop that fails keeps the group from being reported down, and is repeated", () => {
    const made = active();
    made.failing.set("stop app", { reason: "Deactivating", message: "exit 1" });
    moveTo("node2")(made);
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active" });
    made.advance(250);
    expect(made.report()?.state).toBe("Deactivating");
    expect(made.report()?.resources).toContainEqual(
      expect.objectContaining({ name: "app", state: "Failed", message: "exit 1" }),
    );
    made.failing.clear();
    made.advance(15_000);
    expect(made.report()?.state).toBe("Inactive");
  });

  test("under a deadline the order is probe port, addresses, commands, and one that hangs delays the others only by its share", () => {
    const made = active({
      resources: [
        { ...APP, dependsOn: [] },
        { ...VIP, dependsOn: ["app"] },
        { ...PROBE, dependsOn: ["app"] },
      ],
    });
    made.send({ type: "takeDown", budgetMs: 600 });
    made.settle();
    expect(made.trace.filter((word) => word.startsWith("stop"))).toEqual(["stop probe", "stop vip", "stop app"]);

    const hanging = active();
    hanging.send({ type: "takeDown", budgetMs: 600 });
    hanging.pending = hanging.pending.filter((effect) => !(effect.type === "stop" && effect.plan.key === "probe"));
    hanging.settle();
    expect([...hanging.up]).toEqual(["vip", "app", "probe"]);
    hanging.advance(160);
    expect([...hanging.up]).toEqual(["app", "probe"]);
    hanging.advance(160);
    expect([...hanging.up]).toEqual(["probe"]);
    expect(isProvenDown(hanging.state)).toBe(false);
  });

  test("a take-down hurries a stop that is under way", () => {
    const made = active();
    moveTo("node2")(made);
    made.carryOut();
    expect(made.pending[0]).toMatchObject({ type: "stop", plan: { key: "app" } });
    made.pending = [];
    made.send({ type: "takeDown", budgetMs: 600 });
    expect(made.pending).toContainEqual({ type: "abort", part: "app" });
  });

  test("connections to the service's ports are cut when leaving begins and again when all is down", () => {
    const made = active({ servicePorts: [8080] });
    moveTo("node2")(made);
    made.settle();
    expect(made.trace[0]).toBe("cut");
    expect(made.trace.slice(-3)).toEqual(["cut", "tellDeactivated", "write Inactive"]);
  });

  test("a grant that must be left before it was begun is reported Inactive, so that the move goes on", () => {
    const made = host({ status: { ...grantTo("node1", 5), target: { node: "node2", cause: "Requested" } } });
    made.settle();
    expect(made.trace).toEqual(["tellDeactivated", "write Inactive"]);
    expect(made.report()).toMatchObject({ epoch: 5, session: SESSION, state: "Inactive" });
  });

  test("nothing is begun between a take-down and the next session", () => {
    const made = host();
    made.send({ type: "takeDown", budgetMs: 600 });
    made.write((group) => ({ ...group, status: grantTo("node1", 5) }));
    made.settle();
    expect(made.trace).toEqual([]);
    made.send({ type: "session", session: SESSION });
    made.settle();
    expect(made.report()?.state).toBe("Active");
  });
});

describe("monitoring and repair", () => {
  test("a missing address is repaired at once and counted; after the last repair the part is Failed", () => {
    const made = active({ failover: { reactivations: 2 } });
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
    const made = active({ failover: { resetAfter: "1m" } });
    made.up.delete("vip");
    made.send({ type: "changed", kind: "address" });
    made.settle();
    expect(made.state.tenure?.parts["vip"]?.repairs).toBe(1);
    made.advance(80_000);
    expect(made.state.tenure?.parts["vip"]?.repairs).toBe(0);
  });

  test("a command is stopped before it is started again", () => {
    const made = active();
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
    const made = active({ resources: [resource], failover });
    made.up.delete("vip");
    made.send({ type: "changed", kind: "address" });
    made.settle();
    expect(made.trace).not.toContain("start vip");
    expect(made.report()).toMatchObject({ state, resources: [{ name: "vip", state: "Failed" }] });
  });

  test("Reactivate repairs without end and never reports Failed", () => {
    const made = active({ resources: [{ ...VIP, onFailure: "Reactivate" }], failover: { reactivations: 0 } });
    for (let round = 0; round < 5; round++) {
      made.up.delete("vip");
      made.send({ type: "changed", kind: "address" });
      made.settle();
      expect(made.up.has("vip")).toBe(true);
    }
    expect(made.report()?.state).toBe("Active");
  });

  test("a failed activation is Failed with its reason, is retried while the grant stands, and ends well", () => {
    const made = host({ resources: [APP], status: grantTo("node1", 5) });
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
    const made = host({ resources: [APP], status: grantTo("node1", 5) });
    made.failing.set("start app", { reason: "ActivationFailed", message: "exit 3" });
    made.settle();
    moveTo("node2")(made);
    made.settle();
    expect(made.report()?.state).toBe("Inactive");
  });

  test("attemptsPerMember starts are tried before it is Failed", () => {
    const made = host({ resources: [APP], status: grantTo("node1", 5), failover: { attemptsPerMember: 3 } });
    made.failing.set("start app", { reason: "ActivationFailed", message: "exit 3" });
    made.settle();
    expect(made.trace.filter((word) => word === "start app")).toHaveLength(3);
    expect(made.report()?.state).toBe("Failed");
  });

  test("a simulated fault is repaired like a real one", () => {
    const made = active({ resources: [APP] });
    made.write((group) => ({
      ...group,
      status: { ...group.status, operation: { verb: "simulate-fault", value: "app", since: "2026-01-01T00:00:00Z" } },
    }));
    made.advance(15_000);
    expect(made.trace).toContain("stop app");
    expect(made.state.tenure?.parts["app"]?.repairs).toBe(1);
  });
});

describe("changes of the spec while serving", () => {
  test("a new member is recorded under the own grant", () => {
    const made = active();
    made.write((group) => ({ ...group, spec: { ...group.spec, members: [...group.spec.members, { node: "node3" }] } }));
    made.settle();
    expect(made.report()).toMatchObject({ state: "Active", knownMembers: ["node1", "node2", "node3"] });
  });

  test("a resource that was removed is taken down, one that was added is brought up", () => {
    const made = active({ resources: [VIP] });
    made.write((group) => ({ ...group, spec: { ...group.spec, resources: [PROBE] } }));
    made.settle();
    expect([...made.up]).toEqual(["probe"]);
    expect(made.report()).toMatchObject({ state: "Active", resources: [{ name: "probe" }] });
  });

  test("a resource whose object does not exist is Failed with that reason and starts when it appears", () => {
    const made = host({ resources: [{ ...VIP, name: "missing" }], status: grantTo("node1", 5) });
    made.settle();
    expect(made.report()).toMatchObject({
      state: "Failed",
      resources: [{ name: "missing", reason: "ResourceNotFound" }],
    });
  });
});

describe("restarts", () => {
  test("what an earlier life left up is taken down, reported, and served again only under a new epoch", () => {
    const made = active();
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
      const made = host({ status: grantTo("node1", 5) });
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
    const made = host({ status: grantTo("node1", 5) });
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
    const made = active();
    const old = {
      ...made.group,
      metadata: { ...made.group.metadata, resourceVersion: "1" },
      status: grantTo("node2", 4),
    };
    made.send({ type: "seen", group: old, plans: made.plans(), isConsistent: false });
    made.settle();
    expect(made.trace).toEqual([]);
  });
});

describe("standby", () => {
  test("says what it should not have, and takes it back", () => {
    const made = host({ status: grantTo("node2", 5) });
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

  test("keeps the members it recorded under its last grant", () => {
    const made = active();
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
