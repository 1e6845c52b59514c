import { describe, expect, test } from "vitest";
import { activeMachine, machineHost, MachineHost, moveTo } from "../../../test/builders/machine-host.ts";
import { APP, grantTo, PROBE, SESSION, VIP } from "../../../test/builders/worker-group.ts";
import { isProvenDown } from "./group-state.ts";

describe("activation", () => {
  test("reads, asks and records before anything starts; then follows the order, and reports", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    made.settle();
    expect(made.trace.slice(0, 5)).toEqual(["read", "ask", "mustAsk node1,node2", "write Activating", "start vip"]);
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
    const made = machineHost({
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
    const made = machineHost({
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
    const made = machineHost({ status });
    made.settle();
    expect(made.trace).toEqual([]);
  });

  test("a grant that is gone by the time of the consistent read starts nothing", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    made.store({ ...made.group, status: grantTo("node2", 6) });
    made.settle();
    expect(made.trace.filter((word) => word.startsWith("start") || word === "ask")).toEqual([]);
  });

  test("what the guard denies for now is asked again, what it denies for good is given up", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    made.denied = "promised";
    made.settle();
    expect(made.up.size).toBe(0);
    made.denied = undefined;
    made.advance(300);
    expect(made.report()?.state).toBe("Active");

    const given = machineHost({ status: grantTo("node1", 5) });
    given.denied = "given-up";
    given.settle();
    expect(given.report()).toMatchObject({ state: "Inactive", epoch: 5 });
    expect(given.trace).not.toContain("start vip");
  });

  test("a lost race for the report is read and written again, without starting anything in between", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    while (made.pending[0]?.type !== "write") made.carryOut();
    made.store(made.group);
    made.carryOut();
    expect(made.trace.at(-1)).toBe("write Activating");
    made.settle();
    expect(made.trace.slice(3, 7)).toEqual(["write Activating", "read", "write Activating", "start vip"]);
    expect(made.report()?.state).toBe("Active");
  });

  test("a report with unknown result is read back before it is written again", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    while (made.pending[0]?.type !== "write") made.carryOut();
    made.pending = [];
    made.send({ type: "notStored", isConflict: false });
    made.settle();
    made.advance(1_000);
    expect(made.report()?.state).toBe("Active");
  });
});

describe("a server that went back", () => {
  const restored = (made: MachineHost): void => {
    made.group = { ...made.group, metadata: { ...made.group.metadata, resourceVersion: "7" }, status: { epoch: 2 } };
  };

  test("is believed once a read of ours shows it, and told the epoch that was served", () => {
    const made = activeMachine();
    restored(made);
    made.watch();
    made.settle();
    expect(made.up.size).toBe(3);
    made.advance(1_000);
    expect(made.up.size).toBe(0);
    expect(made.report()).toMatchObject({ state: "Inactive", epoch: 5 });
  });

  test("is told the epoch by a standby as well", () => {
    const made = activeMachine();
    moveTo("node2")(made);
    made.settle();
    restored(made);
    made.send({ type: "notStored", isConflict: true });
    made.settle();
    expect(made.report()).toMatchObject({ state: "Inactive", epoch: 5 });
    expect(made.report()?.knownMembers).toBeUndefined();
  });

  test("a race that is lost again and again waits longer each time", () => {
    const made = machineHost({ status: grantTo("node1", 5) });
    const writesWithin = (ms: number): number => {
      const before = made.trace.length;
      for (let passed = 0; passed < ms; passed += 10) {
        made.advance(10);
        made.store(made.group);
      }
      return made.trace.slice(before).filter((word) => word.startsWith("write")).length;
    };
    made.losesRaces = true;
    made.settle();
    expect(writesWithin(10_000)).toBeLessThan(20);
    made.losesRaces = false;
    made.advance(10_000);
    expect(made.report()?.state).toBe("Active");
  });
});

describe("leaving", () => {
  test("a planned move stops in reverse order, tells the guard and reports Inactive once", () => {
    const made = activeMachine();
    moveTo("node2")(made);
    made.settle();
    expect(made.trace).toEqual(["cut", "stop probe", "stop app", "stop vip", "tellDeactivated", "write Inactive"]);
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
    const made = activeMachine();
    change(made);
    made.settle();
    expect([...made.up]).toEqual([]);
    expect(isProvenDown(made.state)).toBe(true);
  });

  test("an epoch that began to leave is never served again, even if the move is called off", () => {
    const made = activeMachine();
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
    const made = machineHost({ status: grantTo("node1", 5) });
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
    const made = activeMachine();
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
    const made = activeMachine({
      resources: [
        { ...APP, dependsOn: [] },
        { ...VIP, dependsOn: ["app"] },
        { ...PROBE, dependsOn: ["app"] },
      ],
    });
    made.send({ type: "takeDown", budgetMs: 600 });
    made.settle();
    expect(made.trace.filter((word) => word.startsWith("stop"))).toEqual(["stop probe", "stop vip", "stop app"]);

    const hanging = activeMachine();
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
    const made = activeMachine();
    moveTo("node2")(made);
    while (made.pending[0]?.type !== "stop" || made.pending[0].plan.key !== "app") made.carryOut();
    expect(made.pending[0]).toMatchObject({ type: "stop", plan: { key: "app" } });
    made.pending = [];
    made.send({ type: "takeDown", budgetMs: 600 });
    expect(made.pending).toContainEqual({ type: "abort", part: "app" });
  });

  test("connections to the service's ports are cut when leaving begins, and again at the end where no command stops the service", () => {
    const commanded = activeMachine({ servicePorts: [8080] });
    moveTo("node2")(commanded);
    commanded.settle();
    expect(commanded.trace.filter((word) => word === "cut")).toHaveLength(1);
    const made = activeMachine({ servicePorts: [8080], resources: [VIP, PROBE] });
    moveTo("node2")(made);
    made.settle();
    expect(made.trace[0]).toBe("cut");
    expect(made.trace.slice(-3)).toEqual(["cut", "tellDeactivated", "write Inactive"]);
  });

  test("a grant that must be left before it was begun is reported Inactive, so that the move goes on", () => {
    const made = machineHost({ status: { ...grantTo("node1", 5), target: { node: "node2", cause: "Requested" } } });
    made.settle();
    expect(made.trace).toEqual(["tellDeactivated", "write Inactive"]);
    expect(made.report()).toMatchObject({ epoch: 5, session: SESSION, state: "Inactive" });
  });

  test("a group that is deleted with whenDeleted Leave stays up and is forgotten", () => {
    const made = activeMachine();
    made.write((group) => ({
      ...group,
      spec: { ...group.spec, whenDeleted: "Leave" },
      metadata: { ...group.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    }));
    made.send({ type: "gone" });
    made.settle();
    expect(made.trace).toEqual(["leaveBehind"]);
    expect(made.up.size).toBe(3);
    expect(made.state.tenure).toBeUndefined();
  });

  test("nothing is begun between a take-down and the next session", () => {
    const made = machineHost();
    made.send({ type: "takeDown", budgetMs: 600 });
    made.write((group) => ({ ...group, status: grantTo("node1", 5) }));
    made.settle();
    expect(made.trace).toEqual([]);
    made.send({ type: "session", session: SESSION });
    made.settle();
    expect(made.report()?.state).toBe("Active");
  });
});
