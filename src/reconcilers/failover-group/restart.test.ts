import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn, TIMINGS } from "../../../test/builders/controller-world.ts";
import { revokeWaitMs } from "../../api/timings.ts";

async function worldOnNode1(spec: object = {}): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(["node1", "node2"], spec);
  await world.until(isReadyOn("node1"));
  return world;
}

/** As the guard does: the word first, and time for the leader to hear it. */
async function stopsToRestart(world: ControllerWorld): Promise<void> {
  world.agent("node1").isRestarting = true;
  await world.advance(TIMINGS.renewIntervalMs + TIMINGS.requestTimeoutMs + TIMINGS.readGapMs);
  expect(isReadyOn("node1")(await world.group())).toBe(true);
  await world.agent("node1").release();
}

describe("a machine that shuts down in order", () => {
  it("gives the group up at once: the interruption of a planned move [REQ 5.3.8]", async () => {
    const world = await worldOnNode1();
    await world.agent("node1").release();
    expect(await world.until(isReadyOn("node2"))).toBeLessThan(1_500);
    expect((await world.group()).status?.history?.[0]).toMatchObject({ cause: "Shutdown", from: "node1", to: "node2" });
    expect(world.mostServing).toBe(1);
  });
});

describe("an agent that ends alone and comes back", () => {
  it("keeps its group: nothing moves, and nobody is shot meanwhile", async () => {
    const world = await worldOnNode1({ fencing: { awsStopInstance: {} } });
    await stopsToRestart(world);
    await world.advance(2_000);
    expect(condition(await world.group(), "Ready")?.message).toContain("the agent of node1 restarts");
    await world.agent("node1").start();
    await world.until(isReadyOn("node1"), 2_000);
    expect(world.agent("node2").servedEpochs).toEqual([]);
    expect((await world.group()).status?.active?.epoch).toBe(2);
  });

  it("is granted nothing under the session that it is about to release", async () => {
    const world = await worldOnNode1();
    const before = await world.group();
    world.agent("node1").isRestarting = true;
    await world.advance(TIMINGS.renewIntervalMs + TIMINGS.requestTimeoutMs + TIMINGS.readGapMs);
    await world.agent("node1").takeDown();
    await world.advance(500);
    await world.agent("node1").release();
    await world.advance(500);
    expect((await world.group()).status?.epoch).toBe(before.status?.epoch);
    await world.agent("node1").start();
    await world.until(isReadyOn("node1"), 2_000);
    expect((await world.group()).status?.epoch).toBe((before.status?.epoch ?? 0) + 1);
    expect(world.agent("node2").servedEpochs).toEqual([]);
  });

  it("is waited for as long as its session would have lasted, no longer", async () => {
    const world = await worldOnNode1();
    await stopsToRestart(world);
    const tookMs = await world.until(isReadyOn("node2"), 20_000);
    expect(tookMs).toBeGreaterThan(revokeWaitMs(TIMINGS) - 1_000);
    expect(tookMs).toBeLessThan(revokeWaitMs(TIMINGS) + 1_500);
  });

  it("is not waited for on a Node that is cordoned: it will not be upgraded, but emptied", async () => {
    const world = await worldOnNode1({ failover: { onCordon: "Stay" } });
    await world.patchNode("node1", { unschedulable: true });
    await world.advance(100);
    await stopsToRestart(world);
    expect(await world.until(isReadyOn("node2"))).toBeLessThan(1_500);
  });

  it("is not waited for once it took its word back: the machine goes down", async () => {
    const world = await worldOnNode1();
    world.agent("node1").isRestarting = true;
    await world.advance(1_000);
    world.agent("node1").isRestarting = false;
    await world.advance(500);
    await world.agent("node1").release();
    expect(await world.until(isReadyOn("node2"))).toBeLessThan(1_500);
  });

  it("is not waited for where a resource had failed", async () => {
    const world = await worldOnNode1({ failover: { mode: "Manual" } });
    world.agent("node1").broken.add("probe");
    await world.advance(500);
    world.agent("node1").isRestarting = true;
    await world.advance(2_000);
    await world.patch({ failover: { mode: "Automatic" } });
    await world.until(isReadyOn("node2"), 3_000);
  });
});
