/** `force-promote`: what it takes, what it refuses, and that it never grants past a holder that lives. */
import { describe, expect, it } from "vitest";
import { ControllerWorld, isReadyOn, KEY } from "../../../test/builders/controller-world.ts";
import { agentFieldManager, FAILOVER_GROUP } from "../../api/kinds.ts";
import { parseForce } from "./plan-force.ts";
import type { Report } from "./types.ts";

const REQUIRED = { fencing: { policy: "Required", awsStopInstance: {} } };
const MANUAL = { failover: { mode: "Manual" } };

async function readyWorld(spec: object, nodes = ["node1", "node2"]): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(nodes, spec);
  await world.until(isReadyOn("node1"), 5_000);
  await world.advance(1_000);
  return world;
}

/** A group whose holder died and cannot be proven off. */
async function unprovenWorld(): Promise<ControllerWorld> {
  const world = await readyWorld(REQUIRED);
  world.machines.fail("powerOff", { error: "EndpointUnreachable" });
  world.machines.fail("state", { error: "EndpointUnreachable" });
  world.agent("node1").crash();
  await world.advance(8_000);
  return world;
}

async function reportAs(world: ControllerWorld, report: Report): Promise<void> {
  const { resourceVersion = "" } = (await world.group()).metadata;
  const body = { metadata: { ...KEY, resourceVersion }, status: { reports: [report] } };
  const patch = { type: "apply", body, fieldManager: agentFieldManager(report.node), force: true } as const;
  await world.kube.patch(FAILOVER_GROUP, KEY, patch, { subresource: "status" });
}

async function refusal(world: ControllerWorld, value: string): Promise<string> {
  world.told.length = 0;
  await world.annotate("force-promote", value);
  await world.until(() => world.told.some((event) => event.reason === "OperationRefused"), 1_000);
  const { active, history, operation } = (await world.group()).status ?? {};
  expect(active).toMatchObject({ node: "node1", epoch: 1 });
  expect(operation).toBeUndefined();
  expect(history?.[0]).toMatchObject({ result: "Refused", requestedBy: "kubectl-annotate" });
  return world.told.find((event) => event.reason === "OperationRefused")?.message ?? "";
}

describe("the value", () => {
  it.each([
    ["node2@3", { node: "node2", epoch: 3 }],
    ["node2@3,off=node1.example@7", { node: "node2", epoch: 3, off: { node: "node1.example", epoch: 7 } }],
    ["node2", undefined],
    ["node2@", undefined],
    ["node2@3,off=node1", undefined],
    ["node2@3, off=node1@3", undefined],
    ["node2@-1", undefined],
    ["", undefined],
  ])("%s is %o", (value, expected) => {
    expect(parseForce(value)).toEqual(expected);
  });
});

describe("it is refused", () => {
  it("while the holder's session is renewed, whatever the request says", async () => {
    const world = await readyWorld(REQUIRED);
    expect(await refusal(world, "node2@1")).toContain("is being renewed");
    expect(await refusal(world, "node2@1,off=node1@1")).toContain("it is not off");
    expect(world.mostServing).toBe(1);
  });

  it("after mere expiry where proof is Required, and says what to state", async () => {
    const world = await unprovenWorld();
    expect(await refusal(world, "node2@1")).toContain(",off=node1@1");
  });

  it.each([
    ["node2@0,off=node1@1", "the group is at 1"],
    ["node2@1,off=node2@1", "does not name the holder"],
    ["node2@1,off=node1@2", "does not name the holder"],
    ["node2", "expected <node>@<status.epoch>"],
    ["node9@1,off=node1@1", "node9 is not a member"],
    ["node1@1,off=node1@1", "node1 cannot take the group"],
  ])("as %s: %s", async (value, why) => {
    expect(await refusal(await unprovenWorld(), value)).toContain(why);
  });

  it("while a live peer has promised the holder to keep off", async () => {
    const world = await readyWorld(MANUAL);
    const promise = { node: "node1", session: "node1_1", epoch: 1, state: "Open" } as const;
    await reportAs(world, { node: "node2", session: "node2_1", epoch: 0, state: "Inactive", promise });
    world.agent("node1").freeze();
    await world.advance(2_000);
    expect(await refusal(world, "node2@1,off=node1@1")).toContain("node2 promised node1");
    await world.advance(6_000);
    expect(await refusal(world, "node2@1,off=node1@1")).toContain("node2 promised node1");
  });

  it("after expiry for a member that the holder did not have to ask", async () => {
    const world = await readyWorld({ ...MANUAL, members: [{ node: "node1" }] });
    world.agent("node1").freeze();
    await world.patch({ members: [{ node: "node1" }, { node: "node2" }] });
    await world.advance(8_000);
    expect(await refusal(world, "node2@1")).toContain("does not prove it down for this member");
  });
});

describe("it is carried out", () => {
  it("on the person's word, which the history keeps, and the session ends as Fenced", async () => {
    const world = await unprovenWorld();
    await world.annotate("force-promote", "node2@1,off=node1@1");
    await world.until(isReadyOn("node2"), 2_000);
    const [move] = (await world.group()).status?.history ?? [];
    expect(move).toMatchObject({ epoch: 2, cause: "ForcePromote", to: "node2", requestedBy: "kubectl-annotate" });
    expect(move?.message).toContain("force-promote: node2@1,off=node1@1: on the requester's word that node1 is off");
    expect(world.mostServing).toBe(1);
  });

  it("on expiry, for a member that the holder had to ask", async () => {
    const world = await readyWorld(MANUAL);
    world.agent("node1").crash();
    await world.advance(8_000);
    await world.annotate("force-promote", "node2@1");
    await world.until(isReadyOn("node2"), 2_000);
    expect(world.mostServing).toBe(1);
  });

  it("on the word, for a member that the holder did not have to ask", async () => {
    const world = await readyWorld({ ...MANUAL, members: [{ node: "node1" }] });
    world.agent("node1").crash();
    await world.patch({ members: [{ node: "node1" }, { node: "node2" }] });
    await world.advance(8_000);
    await world.annotate("force-promote", "node2@1,off=node1@1");
    await world.until(isReadyOn("node2"), 2_000);
  });

  it("not twice: the same request is stale once it was carried out", async () => {
    const world = await unprovenWorld();
    await world.annotate("force-promote", "node2@1,off=node1@1");
    await world.until(isReadyOn("node2"), 2_000);
    await world.annotate("force-promote", "node2@1,off=node1@1");
    await world.until(() => world.told.some((event) => event.message.includes("the group is at 2")), 1_000);
    expect((await world.group()).status?.epoch).toBe(2);
  });

  it("to the same end when the leader dies after any of its writes", async () => {
    for (let writes = 1; writes <= 8; writes++) {
      const world = await unprovenWorld();
      const { isDead } = world.killControllerAfterWrites(writes, 500);
      await world.advance(2_500, 50);
      await world.annotate("force-promote", "node2@1,off=node1@1");
      await world.until(isReadyOn("node2"), 10_000);
      expect((await world.group()).status?.epoch).toBe(2);
      expect((await world.group()).status?.operation).toBeUndefined();
      expect(world.mostServing).toBe(1);
      world.controller.kill();
      if (!isDead()) return;
    }
  }, 30_000);

  it("never past a holder that comes back while the request is carried out", async () => {
    const world = await readyWorld(MANUAL);
    const match = { userAgent: "controller-", resource: "leases", verbs: ["update"] } as const;
    world.kube.faults.add({ match, action: { kind: "delay", ms: 400 }, times: 1 });
    const renewals = { userAgent: "agent-node1", resource: "leases", verbs: ["update"] } as const;
    const stuck = world.kube.faults.add({ match: renewals, action: { kind: "freeze" } });
    await world.advance(1_700);
    await world.annotate("force-promote", "node2@1,off=node1@1");
    await world.advance(150);
    world.kube.faults.remove(stuck);
    await world.advance(3_000);
    expect(world.mostServing).toBe(1);
    expect((await world.group()).status?.active?.node).toBe("node1");
  });
});
