import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn, KEY, TIMINGS } from "../../../test/builders/controller-world.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { revokeWaitMs } from "../../api/timings.ts";

const MEMBERS = ["node1", "node2"];

async function readyWorld(spec: object = {}, nodes = MEMBERS): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(nodes, spec);
  await world.until(isReadyOn("node1"), 5_000);
  return world;
}

describe("a FailoverGroup starts", () => {
  it("on the first member and is Ready with a standby [REQ 5.1 Group]", async () => {
    const world = await readyWorld();
    const group = await world.group();
    expect(group.status).toMatchObject({
      phase: "Active",
      epoch: 1,
      active: { node: "node1", epoch: 1, session: "node1_1" },
    });
    expect(condition(group, "StandbyReady")?.status).toBe("True");
    expect(condition(group, "WatchdogReady")?.status).toBe("True");
    expect(condition(group, "PreflightOK")?.status).toBe("True");
    expect(group.status?.history?.[0]).toMatchObject({ cause: "ColdStart", to: "node1", result: "Succeeded" });
    expect(world.mostServing).toBe(1);
  });

  it("elsewhere only after startWait when an earlier member is missing [REQ 5.3.18 group wait]", async () => {
    const world = await ControllerWorld.create(MEMBERS, { failover: { startWait: "5s" } });
    world.agent("node1").crash();
    await world.advance(4_000);
    expect((await world.group()).status?.active).toBeUndefined();
    await world.until(isReadyOn("node2"), 3_000);
  });

  it("only on request with coldStart Manual", async () => {
    const world = await ControllerWorld.create(MEMBERS, { failover: { coldStart: "Manual" } });
    await world.advance(3_000);
    expect(condition(await world.group(), "Ready")?.reason).toBe("Held");
    await world.annotate("start", "go");
    await world.until(isReadyOn("node1"), 2_000);
  });
});

describe("a FailoverGroup that loses its member", () => {
  it("is granted to the standby within rho*L + M and one interval, and the step times are recorded", async () => {
    const world = await readyWorld();
    world.agent("node1").crash();
    const tookMs = await world.until((group) => group.status?.active?.node === "node2");
    expect(tookMs).toBeLessThanOrEqual(revokeWaitMs(TIMINGS) + TIMINGS.renewIntervalMs + 50);
    await world.until(isReadyOn("node2"), 1_000);
    const [move] = (await world.group()).status?.history ?? [];
    expect(move).toMatchObject({
      epoch: 2,
      cause: "SessionExpired",
      from: "node1",
      to: "node2",
      result: "Succeeded",
    });
    expect(Object.keys(move?.steps ?? {})).toEqual(expect.arrayContaining(["detect", "revoke", "grant", "activate"]));
    expect(world.mostServing).toBe(1);
  });

  it("comes back to the same member at once when only its guard was restarted", async () => {
    const world = await readyWorld();
    world.agent("node1").crash();
    await world.agent("node1").start();
    const tookMs = await world.until((group) => group.status?.active?.session === "node1_2");
    expect(tookMs).toBeLessThan(1_000);
    await world.until(isReadyOn("node1"), 1_000);
    expect((await world.group()).status?.epoch).toBe(2);
  });

  it("moves at once when the member shuts down in order", async () => {
    const world = await readyWorld();
    await world.agent("node1").release();
    const tookMs = await world.until(isReadyOn("node2"));
    expect(tookMs).toBeLessThan(1_000);
    expect((await world.group()).status?.history?.[0]?.cause).toBe("Shutdown");
  });

  it("is not revoked by a leader that comes back from an API outage", async () => {
    const world = await readyWorld();
    const outage = world.kube.faults.add({ match: { resource: "leases" }, action: { kind: "refuse", status: 503 } });
    await world.advance(10_000);
    world.kube.faults.remove(outage);
    await world.until(isReadyOn("node1"), 2_000);
    expect((await world.group()).status).toMatchObject({ epoch: 1, active: { session: "node1_1" } });
  });

  it("says NoCandidate while nobody may take it, and goes on as soon as somebody may", async () => {
    const world = await readyWorld();
    world.agent("node1").crash();
    world.agent("node2").crash();
    await world.until((group) => condition(group, "Ready")?.reason === "NoCandidate", 10_000);
    await world.agent("node2").start();
    await world.until(isReadyOn("node2"), 3_000);
  });

  it("waits for proof when fencing is Required, and the out-of-service taint is one", async () => {
    const world = await readyWorld({ fencing: { policy: "Required", awsStopInstance: {} } });
    world.machines.fail("powerOff", { error: "NotAuthorized" });
    world.agent("node1").crash();
    await world.until((group) => condition(group, "Stalled")?.reason === "FenceUnproven", 10_000);
    expect((await world.group()).status?.active?.node).toBe("node1");
    await world.patchNode("node1", { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] });
    await world.until(isReadyOn("node2"), 1_000);
    const lease = await world.kube.get<Lease>(LEASE, { namespace: "understudy-system", name: "node1" });
    expect(lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBe("Fenced");
  });

  it("is held after an unclean stop when coldStart says so [REQ 5.3.18 dirty stop]", async () => {
    const world = await readyWorld({ failover: { coldStart: "HoldAfterUncleanStop" } });
    world.agent("node2").crash();
    await world.advance(7_000);
    world.agent("node1").crash();
    await world.until((group) => group.status?.hold?.reason === "UncleanStop", 10_000);
    await world.agent("node1").start();
    await world.advance(2_000);
    expect((await world.group()).status?.phase).toBe("Stopped");
    await world.annotate("start", "");
    await world.until(isReadyOn("node1"), 3_000);
  });

  it("does not move by itself in mode Manual, but comes back where it was", async () => {
    const world = await readyWorld({ failover: { mode: "Manual" } });
    world.agent("node1").crash();
    await world.advance(8_000);
    expect((await world.group()).status?.active?.node).toBe("node1");
    expect(condition(await world.group(), "Ready")?.reason).toBe("Held");
    await world.agent("node1").start();
    await world.until(isReadyOn("node1"), 2_000);
    world.agent("node1").crash();
    await world.advance(8_000);
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"), 2_000);
  });
});

describe("a failed resource", () => {
  it("moves the group, and the finalAction stops it when every member failed [REQ 5.3.18 final action]", async () => {
    const world = await readyWorld();
    world.agent("node1").broken.add("probe");
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"), 2_000);
    world.agent("node2").broken.add("probe");
    await world.annotate("move-to", "node1");
    await world.until((group) => group.status?.hold?.reason === "StoppedAfterFailure", 10_000);
    await world.until((group) => group.status?.phase === "Stopped", 2_000);
    expect(world.told.some((event) => event.reason === "OperationRefused")).toBe(true);
    expect(world.mostServing).toBe(1);
  });

  it("goes back to the old member when the target of a move fails", async () => {
    const world = await readyWorld();
    world.agent("node2").broken.add("probe");
    await world.annotate("move-to", "node2");
    await world.until((group) => group.status?.epoch === 3 && isReadyOn("node1")(group), 5_000);
    const { history, operation, members } = (await world.group()).status ?? {};
    expect(history?.map(({ result, to }) => [result, to])).toEqual([
      ["Succeeded", "node1"],
      ["Failed", "node2"],
      ["Succeeded", "node1"],
    ]);
    expect(operation).toBeUndefined();
    expect(members?.find((member) => member.node === "node2")?.reason).toBe("AttemptsExhausted");
  });

  it("of a member is worse than none only while another member lives", async () => {
    const world = await readyWorld();
    world.agent("node2").broken.add("probe");
    await world.annotate("move-to", "node2");
    await world.until((group) => group.status?.epoch === 3 && isReadyOn("node1")(group), 5_000);
    world.agent("node2").broken.clear();
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 8_000);
  });
});

describe("a planned move", () => {
  it("moves, answers, and reacts at once to the report of the old member", async () => {
    const world = await readyWorld();
    await world.annotate("move-to", "node2");
    const tookMs = await world.until(isReadyOn("node2"));
    expect(tookMs).toBeLessThan(400);
    await world.advance(200);
    const group = await world.group();
    expect(group.metadata.annotations?.["understudy.dev/move-to"]).toBeUndefined();
    expect(group.status?.operation).toBeUndefined();
    expect(group.status?.history?.[0]).toMatchObject({
      cause: "Requested",
      from: "node1",
      to: "node2",
      result: "Succeeded",
      requestedBy: "kubectl-annotate",
    });
    expect(world.told.filter((event) => event.reason === "OperationDone")).toHaveLength(1);
    expect(world.mostServing).toBe(1);
  });

  it.each([
    { value: "nobody", why: "is not a member" },
    { value: "node3", why: "SessionMissing" },
  ])("to $value is refused and says why", async ({ value, why }) => {
    const world = await readyWorld({ members: [{ node: "node1" }, { node: "node2" }, { node: "node3" }] });
    await world.addNode("node3");
    world.agent("node3").crash();
    await world.advance(6_000);
    await world.annotate("move-to", value);
    await world.until((group) => group.status?.history?.[0]?.result === "Refused", 1_000);
    await world.advance(300);
    expect(world.told.find((event) => event.reason === "OperationRefused")?.message).toContain(why);
    expect((await world.group()).metadata.annotations ?? {}).toEqual({});
    expect(world.agent("node1").isServing).toBe(true);
  });

  it("to the member that is active is done, and to any goes to the standby", async () => {
    const world = await readyWorld();
    await world.annotate("move-to", "node1");
    await world.until(() => world.told.some((event) => event.reason === "OperationDone"), 1_000);
    await world.annotate("move-to", "any");
    await world.until(isReadyOn("node2"), 1_000);
  });

  it("goes to no member whose machine booted too recently to have forgotten no promise", async () => {
    const world = await readyWorld();
    world.agent("node2").isWaitingAfterBoot = true;
    await world.advance(1_000);
    world.agent("node1").crash();
    await world.advance(8_000);
    expect(world.agent("node2").isServing).toBe(false);
    world.agent("node2").isWaitingAfterBoot = false;
    await world.until(isReadyOn("node2"), 2_000);
  });

  it("leaves a cordoned Node and a member that was removed from the spec", async () => {
    const world = await readyWorld();
    await world.patchNode("node1", { unschedulable: true });
    await world.until(isReadyOn("node2"), 1_000);
    expect((await world.group()).status?.history?.[0]?.cause).toBe("Cordoned");
    await world.patchNode("node1", { unschedulable: false });
    await world.patch({ members: [{ node: "node1" }] });
    await world.until(isReadyOn("node1"), 1_000);
    expect(world.mostServing).toBe(1);
  });

  it("returns to an earlier member after failbackAfter", async () => {
    const world = await readyWorld({ failover: { failback: "Automatic", failbackAfter: "3s" } });
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 7_000);
    await world.agent("node1").start();
    const tookMs = await world.until(isReadyOn("node1"), 6_000);
    expect(tookMs).toBeGreaterThan(2_900);
    expect((await world.group()).status?.history?.[0]?.cause).toBe("Failback");
  });
});

describe("operations", () => {
  it("stop and start", async () => {
    const world = await readyWorld();
    await world.annotate("stop", "upgrade");
    await world.until((group) => group.status?.phase === "Stopped", 1_000);
    const stopped = await world.group();
    expect(stopped.status).toMatchObject({ hold: { reason: "StoppedByRequest", message: "upgrade" } });
    expect(stopped.status?.active).toBeUndefined();
    expect(condition(stopped, "Ready")?.reason).toBe("Stopped");
    expect(condition(stopped, "Stalled")).toBeUndefined();
    expect(world.agent("node1").isServing).toBe(false);
    await world.annotate("start", "");
    await world.until(isReadyOn("node1"), 1_000);
    expect((await world.group()).status?.epoch).toBe(2);
  });

  it("stop interrupts a move", async () => {
    const world = await readyWorld();
    world.agent("node2").broken.add("probe");
    await world.annotate("move-to", "node2");
    await world.until((group) => group.status?.operation?.verb === "move-to", 1_000);
    await world.annotate("stop", "");
    await world.until((group) => group.status?.phase === "Stopped", 2_000);
    expect(world.told.map((event) => event.reason)).toContain("OperationRefused");
    expect(world.mostServing).toBeLessThanOrEqual(1);
  });

  it("pause keeps the group where it is, until the time is over", async () => {
    const world = await readyWorld();
    await world.annotate("pause", "20s");
    await world.until((group) => condition(group, "Paused")?.status === "True", 1_000);
    world.agent("node1").crash();
    await world.advance(8_000);
    expect((await world.group()).status?.active?.node).toBe("node1");
    await world.until(isReadyOn("node2"), 15_000);
    expect(condition(await world.group(), "Paused")).toBeUndefined();
  });

  it("simulate-fault counts the repairs and then moves the group [REQ 5.3.3] [REQ 5.3.16]", async () => {
    const world = await readyWorld();
    await world.annotate("simulate-fault", "probe");
    await world.until(isReadyOn("node2"), 10_000);
    await world.advance(500);
    const { operation, history } = (await world.group()).status ?? {};
    expect(operation).toBeUndefined();
    expect(history?.some((entry) => entry.cause === "ResourceFailed" && entry.to === "node2")).toBe(true);
    expect(world.told.filter((event) => event.reason === "Reactivating")).toHaveLength(3);
  });

  it("simulate-fault leaves a member that may take the group again: nothing failed there", async () => {
    const world = await readyWorld();
    await world.annotate("simulate-fault", "probe");
    await world.until(isReadyOn("node2"), 10_000);
    await world.advance(500);
    const { members, history } = (await world.group()).status ?? {};
    expect(members?.find((member) => member.node === "node1")?.state).toBe("Promotable");
    expect(history?.find((entry) => entry.to === "node2")?.message).toBe("simulate-fault: probe");
    await world.annotate("move-to", "node1");
    await world.until(isReadyOn("node1"), 10_000);
  });
});

describe("deletion", () => {
  it("waits until the group is deactivated", async () => {
    const world = await readyWorld();
    await world.kube.delete(FAILOVER_GROUP, KEY);
    await world.advance(1_000);
    expect(await world.kube.get(FAILOVER_GROUP, KEY)).toBeUndefined();
    expect(world.agent("node1").isServing).toBe(false);
  });

  it("of a group whose member is lost waits until the session is ended", async () => {
    const world = await readyWorld();
    world.agent("node1").crash();
    await world.kube.delete(FAILOVER_GROUP, KEY);
    await world.advance(3_000);
    expect(await world.kube.get(FAILOVER_GROUP, KEY)).toBeDefined();
    await world.advance(4_000);
    expect(await world.kube.get(FAILOVER_GROUP, KEY)).toBeUndefined();
  });

  it("with whenDeleted Leave lets go at once", async () => {
    const world = await readyWorld({ whenDeleted: "Leave" });
    await world.kube.delete(FAILOVER_GROUP, KEY);
    await world.advance(100);
    expect(await world.kube.get(FAILOVER_GROUP, KEY)).toBeUndefined();
  });
});
