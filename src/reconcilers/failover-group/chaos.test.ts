/**
 * Random faults by seed: whatever happens, never two members serve at once, no epoch is served by two, and when the
 * faults end the group becomes Ready. A failing seed is replayed by `SEEDS=<seed> vitest run <this file>`.
 */
import { describe, expect, it } from "vitest";
import { condition, ControllerWorld } from "../../../test/builders/controller-world.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import type { Random } from "../../lib/random.ts";

const NODES = ["node1", "node2", "node3"];
const SEEDS = (process.env["SEEDS"] ?? "1,2,3,4").split(",").map(Number);
const EVENTS = 40;

function pick<T>(random: Random, list: readonly T[]): T {
  const found = list[Math.floor(random.next() * list.length)];
  if (found === undefined) throw new Error("an empty list");
  return found;
}

type Disturbance = (world: ControllerWorld, random: Random) => Promise<void> | void;

/** A fault rule that goes away by itself. */
function during(
  world: ControllerWorld,
  rule: Parameters<ControllerWorld["kube"]["faults"]["add"]>[0],
  ms: number,
): void {
  const id = world.kube.faults.add(rule);
  world.clock.setTimer(ms, () => void world.kube.faults.remove(id));
}

const DISTURBANCES: readonly Disturbance[] = [
  (world, random) => world.agent(pick(random, NODES)).crash(),
  async (world, random) => {
    const agent = world.agent(pick(random, NODES));
    agent.crash();
    await agent.start();
  },
  async (world, random) => await world.agent(pick(random, NODES)).start(),
  async (world, random) =>
    await world
      .agent(pick(random, NODES))
      .release()
      .catch(() => undefined),
  (world, random) =>
    during(
      world,
      { match: { userAgent: `agent-${pick(random, NODES)}` }, action: { kind: "cut" } },
      random.next() * 8_000,
    ),
  (world) => during(world, { match: { userAgent: "agent-" }, action: { kind: "lose-reply" }, probability: 0.3 }, 2_000),
  (world, random) =>
    during(
      world,
      { match: { userAgent: "controller-" }, action: { kind: "lose-reply" }, probability: 0.3 },
      random.next() * 3_000,
    ),
  (world, random) =>
    during(world, { match: { userAgent: "controller-" }, action: { kind: "delay", ms: random.next() * 900 } }, 3_000),
  (world, random) =>
    during(world, { match: { userAgent: "controller-" }, action: { kind: "freeze" } }, random.next() * 6_000),
  (world, random) => during(world, { action: { kind: "refuse", status: 503 } }, random.next() * 4_000),
  (world) => world.replaceController(),
  async (world, random) => await world.annotate("move-to", pick(random, [...NODES, "any"])).catch(() => undefined),
  async (world) => {
    await world.annotate("stop", "").catch(() => undefined);
    world.clock.setTimer(2_000, () => void world.annotate("start", "").catch(() => undefined));
  },
  async (world) => await world.annotate("start", "").catch(() => undefined),
  async (world, random) =>
    await world.patchNode(pick(random, NODES), { unschedulable: random.next() < 0.3 }).catch(() => undefined),
];

async function heal(world: ControllerWorld): Promise<void> {
  await world.advance(10_000, 50);
  for (const node of NODES) {
    await world.patchNode(node, { unschedulable: false });
    await world.agent(node).start();
  }
  world.replaceController();
  await world.annotate("start", "");
}

describe.each(SEEDS)("seed %i", (seed) => {
  it("never has two members serve at once, and heals", { timeout: 60_000 }, async () => {
    const random = seededRandom(seed);
    const world = await ControllerWorld.create(NODES, { failover: { startWait: "1s" } });
    await world.advance(1_500, 20);
    for (let event = 0; event < EVENTS; event++) {
      await pick(random, DISTURBANCES)(world, random);
      await world.advance(Math.round(random.next() * 3_000), 20);
      expect(world.mostServing, `event ${event}`).toBeLessThanOrEqual(1);
    }
    await heal(world);
    await world.until((group) => condition(group, "Ready")?.status === "True", 40_000);
    expect(world.mostServing).toBe(1);
    const served = NODES.flatMap((node) => [...new Set(world.agent(node).servedEpochs)]);
    expect(served.toSorted((a, b) => a - b)).toEqual([...new Set(served)].toSorted((a, b) => a - b));
  });
});
