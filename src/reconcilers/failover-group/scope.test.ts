import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import type { ResourceType } from "../../kube/ports.ts";

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const TOKYO = "ap-northeast-1";
const OSAKA = "ap-northeast-3";

/** node1 in Tokyo, node2 in Osaka, node3 in Tokyo: the order of the list leads to the other region first. */
async function worldWith(scope: string): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(["node1", "node2", "node3"], { failover: { scope } });
  for (const [name, region] of Object.entries({ node1: TOKYO, node2: OSAKA, node3: TOKYO })) {
    const body = { metadata: { labels: { "topology.kubernetes.io/region": region } } };
    await world.kube.patch(NODE, { namespace: "", name }, { type: "merge", body });
  }
  await world.until(isReadyOn("node1"));
  return world;
}

describe("failover.scope [REQ 5.3.18 site]", () => {
  it.each([
    ["Anywhere", "node2"],
    ["PreferRegion", "node3"],
    ["SameRegion", "node3"],
  ])("%s leads to %s", async (scope, node) => {
    const world = await worldWith(scope);
    world.agent("node1").crash();
    await world.until(isReadyOn(node), 10_000);
  });

  it("PreferRegion goes to the other region when nobody is left in its own", async () => {
    const world = await worldWith("PreferRegion");
    world.agent("node3").crash();
    await world.advance(7_000);
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 10_000);
  });

  it("SameRegion leaves its region only when a person says so", async () => {
    const world = await worldWith("SameRegion");
    world.agent("node3").crash();
    await world.advance(7_000);
    const group = await world.group();
    expect(condition(group, "StandbyReady")).toMatchObject({ status: "False", reason: "NoStandby" });
    expect(group.status?.members?.find((member) => member.node === "node2")).toMatchObject({ reason: "OutOfScope" });
    world.agent("node1").crash();
    await world.advance(20_000, 50);
    expect(world.agent("node2").servedEpochs).toEqual([]);
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"), 10_000);
    expect(world.mostServing).toBe(1);
  });
});
