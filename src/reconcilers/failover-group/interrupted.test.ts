/**
 * Apply the first k steps, look and plan again, for every k: the leader dies after its k-th write of each scenario,
 * and another one brings the group to the same end, without two members ever serving at once.
 */
import { describe, expect, it } from "vitest";
import { ControllerWorld, isReadyOn, KEY } from "../../../test/builders/controller-world.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import type { FailoverGroup } from "./types.ts";

interface Scenario {
  readonly name: string;
  readonly begin: (world: ControllerWorld) => Promise<void>;
  readonly end: (group: FailoverGroup | undefined) => boolean;
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: "crash",
    begin: (world) => Promise.resolve(world.agent("node1").crash()),
    end: (group) => group !== undefined && isReadyOn("node2")(group),
  },
  {
    name: "restart of the guard",
    begin: async (world) => {
      world.agent("node1").crash();
      await world.agent("node1").start();
    },
    end: (group) => group?.status?.active?.session === "node1_2" && isReadyOn("node1")(group),
  },
  {
    name: "orderly shutdown",
    begin: (world) => world.agent("node1").release(),
    end: (group) => group !== undefined && isReadyOn("node2")(group),
  },
  {
    name: "move",
    begin: (world) => world.annotate("move-to", "node2"),
    end: (group) => group !== undefined && isReadyOn("node2")(group) && group.status?.operation === undefined,
  },
  {
    name: "stop",
    begin: (world) => world.annotate("stop", "night"),
    end: (group) => group?.status?.phase === "Stopped" && group.status.operation === undefined,
  },
  {
    name: "failed resource on the target of a move",
    begin: async (world) => {
      world.agent("node2").broken.add("probe");
      await world.annotate("move-to", "node2");
    },
    end: (group) => group?.status?.epoch === 3 && isReadyOn("node1")(group) && group.status.operation === undefined,
  },
  {
    name: "deletion",
    begin: (world) => world.kube.delete(FAILOVER_GROUP, KEY),
    end: (group) => group === undefined,
  },
];

const MOST_WRITES = 12;

async function untilEnd(world: ControllerWorld, scenario: Scenario): Promise<void> {
  for (let passed = 0; passed < 30_000; passed += 20) {
    const group = await world.kube.get<FailoverGroup>(FAILOVER_GROUP, KEY);
    if (scenario.end(group)) return;
    await world.advance(20, 20);
  }
  const group = await world.kube.get<FailoverGroup>(FAILOVER_GROUP, KEY);
  throw new Error(`${scenario.name} did not end: ${JSON.stringify(group?.status)}`);
}

describe.each(SCENARIOS)("a leader that dies in the middle of: $name", (scenario) => {
  it("changes nothing about the end, after whichever write it died", async () => {
    for (let writes = 1; writes <= MOST_WRITES; writes++) {
      const world = await ControllerWorld.create(["node1", "node2"]);
      await world.until(isReadyOn("node1"), 5_000);
      await world.advance(1_000, 50);
      const { isDead } = world.killControllerAfterWrites(writes, 500);
      await world.advance(700, 50);
      await scenario.begin(world);
      await untilEnd(world, scenario);
      expect(world.mostServing).toBe(1);
      const { servedEpochs } = world.agent("node1");
      expect(servedEpochs, `after write ${writes}`).toEqual([...new Set(servedEpochs)]);
      world.controller.kill();
      if (!isDead()) return;
    }
  });
});
