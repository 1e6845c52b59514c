/** How much is stopped, by how many groups, and what becomes of a stopped machine. */
import { describe, expect, it } from "vitest";
import { condition, isReadyOn, LEASES } from "../../../test/builders/controller-world.ts";
import { fencedWorld, isOn, REQUIRED, stalled } from "../../../test/builders/fencing-world.ts";
import type { KubeObject } from "../../kube/ports.ts";

describe("afterwards: Start", () => {
  it("starts the machine once the group is Ready elsewhere, and only once", async () => {
    const world = await fencedWorld({ fencing: { ...REQUIRED.fencing, afterwards: "Start" } });
    world.agent("node1").freeze();
    await world.until(isReadyOn("node2"), 8_000);
    await world.advance(3_000);
    expect(world.machines.stateOf("i-node1")).toBe("running");
    expect(world.told.map(({ reason }) => reason)).toContain("FencedStarted");
    expect(world.machines.calls.filter((call) => call.startsWith("powerOn"))).toHaveLength(1);
    await world.until((group) => condition(group, "StandbyReady")?.status === "True", 3_000);
    expect(world.mostServing).toBe(1);
  });

  it("leaves a machine alone that a person vouched for", async () => {
    const world = await fencedWorld({ fencing: { ...REQUIRED.fencing, afterwards: "Start" } });
    world.machines.fail("powerOff", { error: "NotAuthorized" });
    world.agent("node1").crash();
    await world.until(stalled("FenceUnproven"), 6_000);
    await world.patchNode("node1", { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] });
    await world.until(isReadyOn("node2"), 2_000);
    await world.patchNode("node1", { taints: [] });
    await world.advance(2_000);
    expect(world.machines.calls.filter((call) => call.startsWith("powerOn"))).toEqual([]);
  });
});

describe("several groups on one lost member", () => {
  it("cost one stop, and all move on the same proof", async () => {
    const world = await fencedWorld();
    for (let n = 2; n <= 6; n++) {
      await world.addProbe(`probe${n}`, 26_000 + n);
      const resources = [{ kind: "LbProbePort", name: `probe${n}` }];
      await world.addGroup(`failover${n}`, ["node1", "node2"], { ...(n === 6 ? {} : REQUIRED), resources });
    }
    const everyone = async (): Promise<string[]> =>
      await Promise.all(
        [2, 3, 4, 5, 6].map(async (n) => (await world.group(`failover${n}`)).status?.active?.node ?? ""),
      );
    await world.advance(1_000);
    expect(new Set(await everyone())).toEqual(new Set(["node1"]));
    world.agent("node1").freeze();
    await world.until(isOn("node2"), 8_000);
    await world.advance(500);
    expect(new Set(await everyone())).toEqual(new Set(["node2"]));
    // The shot, and the call whose answer is the proof.
    expect(world.machines.shotsAt("i-node1")).toBeLessThanOrEqual(2);
  });

  it("that name different machines for it stop none", async () => {
    const world = await fencedWorld();
    await world.addGroup("other", ["node2"], {
      members: [{ node: "node2" }, { node: "node1", providerID: "aws:///eu-central-1a/i-else" }],
    });
    await world.advance(2_000);
    world.agent("node1").crash();
    await world.until(stalled("FenceUnproven"), 6_000);
    expect(condition(await world.group(), "Stalled")?.message).toContain("not certain");
    expect(world.machines.calls.filter((call) => call.startsWith("powerOff"))).toEqual([]);
  });
});

describe("the limit per period", () => {
  it("stops a storm, also across leaders, and says when the next machine may be stopped", async () => {
    const world = await fencedWorld(REQUIRED, ["node1", "node2", "node3", "node4"]);
    for (const [from, to] of [
      ["node1", "node2"],
      ["node2", "node3"],
    ] as const) {
      world.agent(from).freeze();
      await world.until(isReadyOn(to), 8_000);
    }
    world.replaceController();
    await world.advance(2_000);
    world.agent("node3").freeze();
    await world.until(stalled("FenceUnproven"), 8_000);
    expect(condition(await world.group(), "Stalled")?.message).toMatch(/maxPerPeriod.*node2, node1.*9m/);
    await world.advance(60_000, 100);
    expect(world.machines.shotsAt("i-node3")).toBe(0);
    await world.advance(540_000, 250);
    await world.until(isReadyOn("node4"), 15_000);
  }, 60_000);

  it("an unreadable record stops nobody", async () => {
    const world = await fencedWorld();
    const type = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
    const map: KubeObject & { data: object } = {
      metadata: { namespace: LEASES, name: "understudy-fencing" },
      data: { shots: "{" },
    };
    await world.kube.create(type, map);
    world.agent("node1").crash();
    await world.until(stalled("FenceUnproven"), 6_000);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
  });
});

describe("a cloud whose reads are never older than its writes", () => {
  it("proves by a read alone: one call suffices", async () => {
    const world = await fencedWorld();
    world.machines.areReadsConsistent = true;
    world.agent("node1").freeze();
    await world.until(isReadyOn("node2"), 8_000);
    expect(world.machines.shotsAt("i-node1")).toBe(1);
    expect(world.mostServing).toBe(1);
  });
});

describe("the end of an outage of the API server", () => {
  it("stops nobody who needs longer than others to come back, and has lived on promises that nobody has reported yet", async () => {
    const world = await fencedWorld();
    await world.advance(6_000);
    const outage = world.kube.faults.add({ action: { kind: "cut" } });
    await world.advance(30_000, 50);
    const late = world.kube.faults.add({ match: { userAgent: "agent-node1" }, action: { kind: "cut" } });
    world.kube.faults.remove(outage);
    await world.advance(3_500, 20);
    world.kube.faults.remove(late);
    await world.advance(6_000, 20);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
  });
});
