/** Interleavings that could end in two members holding a right, each driven to its end. */
import { describe, expect, it } from "vitest";
import {
  condition,
  ControllerWorld,
  isReadyOn,
  KEY,
  LEASES,
  TIMINGS,
} from "../../../test/builders/controller-world.ts";
import { agentFieldManager, FAILOVER_GROUP } from "../../api/kinds.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { revokeWaitMs } from "../../api/timings.ts";
import type { FailoverGroup, Report } from "./types.ts";

async function readyWorld(spec: object = {}): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(["node1", "node2"], spec);
  await world.until(isReadyOn("node1"), 5_000);
  await world.advance(1_000);
  return world;
}

async function reportAs(world: ControllerWorld, report: Report): Promise<void> {
  const { resourceVersion = "" } = (await world.group()).metadata;
  const body = { metadata: { ...KEY, resourceVersion }, status: { reports: [report] } };
  const patch = { type: "apply", body, fieldManager: agentFieldManager(report.node), force: true } as const;
  await world.kube.patch(FAILOVER_GROUP, KEY, patch, { subresource: "status" });
}

const leaseOf = async (world: ControllerWorld, node: string): Promise<Lease | undefined> =>
  await world.kube.get<Lease>(LEASE, { namespace: LEASES, name: node });

describe("a late report", () => {
  it.each([
    { what: "of an older epoch", epoch: 1, session: "node1_1" },
    { what: "of an older session", epoch: 3, session: "node1_0" },
  ])("$what that the group is down moves nothing", async ({ epoch, session }) => {
    const world = await readyWorld();
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"));
    await world.annotate("move-to", "node1");
    await world.until(isReadyOn("node1"));
    expect((await world.group()).status?.epoch).toBe(3);
    world.agent("node1").freeze();
    await reportAs(world, { node: "node1", session, epoch, state: "Inactive" });
    await world.advance(600);
    expect((await world.group()).status?.active).toMatchObject({ node: "node1", epoch: 3 });
  });
});

describe("the revoke", () => {
  it("loses against a renewal that was under way all the time, and the holder lives on", async () => {
    const world = await readyWorld();
    const match = { userAgent: "agent-node1", resource: "leases", verbs: ["update"] } as const;
    const stuck = world.kube.faults.add({ match, action: { kind: "freeze" } });
    const revoke = { userAgent: "controller-", resource: "leases", verbs: ["update"] } as const;
    world.kube.faults.add({ match: revoke, action: { kind: "delay", ms: 500 }, times: 1 });
    await world.advance(revokeWaitMs(TIMINGS) + 400);
    world.kube.faults.remove(stuck);
    await world.advance(2_000);
    expect((await leaseOf(world, "node1"))?.metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBeUndefined();
    await world.until((group) => condition(group, "Ready")?.status === "True", 3_000);
    expect(world.mostServing).toBe(1);
  });

  it("whose reply is lost is found by reading and not repeated", async () => {
    const world = await readyWorld();
    world.kube.faults.add({
      match: { userAgent: "controller-", resource: "leases", verbs: ["update"] },
      action: { kind: "lose-reply" },
      times: 1,
    });
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 8_000);
    expect((await world.group()).status?.epoch).toBe(2);
  });

  it("of a Lease that somebody deleted creates the record of its end", async () => {
    const world = await readyWorld();
    world.agent("node1").crash();
    await world.kube.delete(LEASE, { namespace: LEASES, name: "node1" });
    await world.advance(4_000);
    expect((await world.group()).status?.active?.node).toBe("node1");
    await world.until(isReadyOn("node2"), 3_000);
    const lease = await leaseOf(world, "node1");
    expect(lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBe("Expired");
    expect(lease?.spec?.holderIdentity).toBe("node1_1");
  });
});

describe("the grant", () => {
  it("whose reply is lost stands, under one epoch", async () => {
    const world = await readyWorld();
    const isGrant = { userAgent: "controller-", resource: "failovergroups", subresource: "status" };
    world.kube.faults.add({ match: isGrant, action: { kind: "lose-reply" }, times: 1 });
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 8_000);
    expect((await world.group()).status?.epoch).toBe(2);
    expect(world.mostServing).toBe(1);
  });

  it("of a paused leader fails when another leader has granted meanwhile", async () => {
    const world = await readyWorld();
    world.kube.faults.add({
      match: { userAgent: "controller-0", resource: "failovergroups", subresource: "status" },
      action: { kind: "delay", ms: 4_000 },
      times: 1,
    });
    await world.annotate("move-to", "node2");
    await world.advance(200);
    world.replaceController();
    await world.until(isReadyOn("node2"), 3_000);
    await world.annotate("move-to", "node1");
    await world.until(isReadyOn("node1"), 3_000);
    await world.advance(5_000);
    expect((await world.group()).status?.active).toMatchObject({ node: "node1", epoch: 3 });
    expect(world.mostServing).toBe(1);
  });

  it("bound to a session that ended just before is void, and is given anew", async () => {
    const world = await readyWorld();
    world.kube.faults.add({
      match: { userAgent: "controller-", resource: "failovergroups", subresource: "status" },
      action: { kind: "delay", ms: 800 },
    });
    world.agent("node1").crash();
    await world.advance(5_000);
    world.agent("node2").crash();
    await world.agent("node2").start();
    await world.until((group) => group.status?.active?.session === "node2_2", 10_000);
    expect(world.mostServing).toBe(1);
  });
});

describe("a new life of the guard", () => {
  it("is not concluded from a Lease that may have been read before the grant", async () => {
    const world = await readyWorld();
    world.agent("node1").crash();
    await world.agent("node1").start();
    world.replaceController();
    await world.until((group) => isReadyOn("node1")(group) && group.status?.epoch !== 1, 3_000);
    expect((await world.group()).status).toMatchObject({ epoch: 2, active: { session: "node1_2" } });
  });
});

describe("a group restored from a backup", () => {
  it("takes an epoch above everything that was reported, and does not pass a member that is up", async () => {
    const world = await readyWorld();
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"));
    const { reports = [] } = (await world.group()).status ?? {};
    const spec = (await world.group()).spec;
    world.controller.kill();
    await world.kube.patch(FAILOVER_GROUP, KEY, { type: "merge", body: { metadata: { finalizers: [] } } });
    await world.kube.delete(FAILOVER_GROUP, KEY);
    await world.addGroup(KEY.name, ["node1", "node2"], spec);
    for (const report of reports) await reportAs(world, report);
    world.replaceController();
    await world.until(
      (group) => (group.status?.active?.epoch ?? 0) > 2 && condition(group, "Ready")?.status === "True",
      5_000,
    );
    expect(world.mostServing).toBe(1);
  });
});

describe("two groups", () => {
  it("that list one object: the older keeps it, the younger is Stalled and never granted", async () => {
    const world = await readyWorld();
    await world.addGroup("failover2", ["node2", "node1"]);
    await world.advance(3_000);
    const second = await world.group("failover2");
    expect(second.status?.active).toBeUndefined();
    expect(condition(second, "Stalled")?.reason).toBe("ClaimedElsewhere");
    expect(condition(second, "Stalled")?.message).toContain("ha/failover1");
    expect(isReadyOn("node1")(await world.group())).toBe(true);
    expect(world.told.map((event) => event.reason)).toContain("ClaimedElsewhere");
  });
});

describe("a second member that claims to be active", () => {
  it("is reported as TwoActiveSeen, and the holder of the grant survives [REQ 5.3.18 double activation]", async () => {
    const world = await readyWorld();
    await reportAs(world, { node: "node2", session: "node2_1", epoch: 0, state: "Active" });
    await world.until((group) => condition(group, "Stalled")?.reason === "TwoActiveSeen", 1_000);
    expect((await world.group()).status?.active).toMatchObject({ node: "node1", epoch: 1 });
  });

  it("is not passed when the holder is gone: nothing is granted until its session ends or it reports", async () => {
    const world = await ControllerWorld.create(["node1", "node2", "node3"], { failover: { startWait: "0s" } });
    await world.until(isReadyOn("node1"), 5_000);
    await reportAs(world, { node: "node3", session: "node3_1", epoch: 0, state: "Active" });
    await world.agent("node1").release();
    await world.advance(1_000);
    expect((await world.group()).status?.active).toBeUndefined();
    expect(condition(await world.group(), "Ready")?.reason).toBe("Blocked");
    await reportAs(world, { node: "node3", session: "node3_1", epoch: 0, state: "Inactive" });
    await world.until(isReadyOn("node2"), 1_000);
  });
});

describe("a promise", () => {
  it("of a live peer to the holder forbids the revoke until it lapses", async () => {
    const world = await readyWorld();
    const promise = { node: "node1", session: "node1_1", epoch: 1, state: "Open" } as const;
    await reportAs(world, { node: "node2", session: "node2_1", epoch: 0, state: "Inactive", promise });
    world.agent("node1").crash();
    await world.until((group) => condition(group, "Ready")?.reason === "ActiveNotHeard", 3_000);
    await world.advance(8_000);
    expect((await world.group()).status?.active?.node).toBe("node1");
    await reportAs(world, {
      node: "node2",
      session: "node2_1",
      epoch: 0,
      state: "Inactive",
      promise: { ...promise, state: "Lapsed" },
    });
    await world.until((group: FailoverGroup) => group.status?.active?.node === "node2", 1_000);
  });
});

describe("a member that is not in the holder's record", () => {
  it("is not promotable until the holder is proven down", async () => {
    const world = await readyWorld({ members: [{ node: "node1" }] });
    world.agent("node1").freeze();
    await world.patch({ members: [{ node: "node1" }, { node: "node2" }] });
    await world.advance(8_000);
    const { members, active } = (await world.group()).status ?? {};
    expect(members?.find((member) => member.node === "node2")?.reason).toBe("NotYetKnown");
    expect(active?.node).toBe("node1");
    await world.agent("node1").start();
    await world.until(isReadyOn("node1"), 2_000);
  });
});
