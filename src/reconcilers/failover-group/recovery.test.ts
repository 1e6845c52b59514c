import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";

async function worldOn(nodes: readonly string[], spec: object = {}): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(nodes, spec);
  await world.until(isReadyOn(nodes[0] ?? ""));
  return world;
}

describe("the final action", () => {
  it("is not carried out while no other member is up: the group goes on trying [REQ 5.3.18 final action]", async () => {
    for (const finalAction of ["Stop", "RebootNode"]) {
      const world = await worldOn(["node1", "node2"], { failover: { finalAction } });
      world.agent("node2").crash();
      await world.advance(7_000);
      world.agent("node1").broken.add("probe");
      await world.until((group) => condition(group, "Stalled")?.reason === "AttemptsExhausted", 5_000);
      await world.advance(10_000, 50);
      const { hold, active } = (await world.group()).status ?? {};
      expect([hold, active?.node]).toEqual([undefined, "node1"]);
      world.agent("node1").broken.clear();
      await world.until(isReadyOn("node1"), 5_000);
    }
  });

  it("waits for a member that has just booted and may not take over yet", async () => {
    const world = await worldOn(["node1", "node2"]);
    world.agent("node2").isWaitingAfterBoot = true;
    await world.advance(1_000);
    world.agent("node1").broken.add("probe");
    await world.advance(6_000);
    const { hold, active } = (await world.group()).status ?? {};
    expect([hold, active?.node]).toEqual([undefined, "node1"]);
    world.agent("node2").isWaitingAfterBoot = false;
    await world.until(isReadyOn("node2"), 5_000);
  });

  it("holds the group, and its last member boots anew, when every member failed with RebootNode", async () => {
    const world = await worldOn(["node1", "node2"], { failover: { finalAction: "RebootNode" } });
    world.agent("node2").broken.add("probe");
    world.agent("node1").broken.add("probe");
    await world.until((group) => group.status?.hold?.reason === "StoppedAfterFailure", 10_000);
    await world.until((group) => group.status?.phase === "Stopped", 2_000);
    await world.annotate("start", "mended");
    for (const agent of world.agents.values()) agent.broken.clear();
    await world.until((group) => condition(group, "Ready")?.status === "True", 5_000);
  });

  it("with None leaves the group where it is", async () => {
    const world = await worldOn(["node1", "node2"], { failover: { finalAction: "None" } });
    world.agent("node1").broken.add("probe");
    world.agent("node2").broken.add("probe");
    await world.until((group) => condition(group, "Stalled")?.reason === "AttemptsExhausted", 10_000);
    expect((await world.group()).status?.hold).toBeUndefined();
  });
});

describe("recovery that is switched off", () => {
  const fails = async (world: ControllerWorld): Promise<void> => {
    world.agent("node1").broken.add("probe");
    await world.advance(20_000, 50);
    const group = await world.group();
    expect(group.status?.active?.node).toBe("node1");
    expect(condition(group, "Ready")).toMatchObject({ status: "False", reason: "ResourceFailed" });
    expect(condition(group, "Paused")).toMatchObject({ status: "True", reason: "FailoverPaused" });
    expect(world.agent("node2").servedEpochs).toEqual([]);
  };

  it("for one group only reports, by the spec or for a while [REQ 5.3.18 switches]", async () => {
    await fails(await paused());
    const world = await worldOn(["node1", "node2"]);
    await world.annotate("pause", "1h");
    await world.until((group) => condition(group, "Paused") !== undefined, 2_000);
    await fails(world);
    await world.annotate("pause", "none");
    await world.until(isReadyOn("node2"), 5_000);
  });

  it("for all groups only reports, and a move by request still works [REQ 5.3.18 switches]", async () => {
    const world = await ControllerWorld.create(["node1", "node2"], {}, undefined, { isRecoveryPaused: true });
    await world.annotate("move-to", "node1");
    await world.until(isReadyOn("node1"));
    await fails(world);
    world.agent("node1").broken.clear();
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"), 10_000);
  });

  /** A paused group is not brought up by itself either: a person does. */
  async function paused(): Promise<ControllerWorld> {
    const world = await ControllerWorld.create(["node1", "node2"], { failover: { mode: "Paused" } });
    await world.annotate("move-to", "node1");
    await world.until(isReadyOn("node1"));
    return world;
  }
});

describe("a Node that is cordoned, as drain does first", () => {
  it("is left at once with the interruption of a planned move, and not chosen until it is back", async () => {
    const world = await worldOn(["node1", "node2", "node3"]);
    await world.patchNode("node2", { unschedulable: true });
    await world.advance(200);
    await world.patchNode("node1", { unschedulable: true });
    expect(await world.until(isReadyOn("node3"))).toBeLessThan(1_500);
    expect((await world.group()).status?.history?.[0]).toMatchObject({ cause: "Cordoned", from: "node1", to: "node3" });
    await world.patchNode("node3", { unschedulable: true });
    await world.advance(10_000, 50);
    expect(isReadyOn("node3")(await world.group())).toBe(true);
    await world.patchNode("node2", { unschedulable: null });
    await world.until(isReadyOn("node2"), 2_000);
    expect(world.mostServing).toBe(1);
  });

  it("keeps its group with onCordon Stay", async () => {
    const world = await worldOn(["node1", "node2"], { failover: { onCordon: "Stay" } });
    await world.patchNode("node1", { unschedulable: true });
    await world.advance(10_000, 50);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });
});
