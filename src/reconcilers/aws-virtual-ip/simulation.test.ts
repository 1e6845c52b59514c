/**
 * Seeded runs of the whole reconciler: slow, lost, failing and late cloud calls, strangers, and a group that moves all
 * the time. Safety: a route is only ever written towards the member that holds the group at that moment. Liveness: once
 * things calm down, every table leads there, although calls of the past may still land.
 */
import { describe, expect, it } from "vitest";
import { VipWorld } from "../../../test/builders/vip-world.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";
import type { Random } from "../../lib/random.ts";

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);
const ROUNDS = 25;
const FAILURES: readonly CloudErrorCode[] = ["CallTimeout", "EndpointUnreachable", "Throttled", "CallFailed"];
const ACTIONS = ["ReplaceRoute", "DescribeRouteTables", "DescribeNetworkInterfaces", "DescribeVpcs"];

function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random.next() * from.length)];
  if (found === undefined) throw new RangeError("nothing to pick from");
  return found;
}

class Run {
  readonly world: VipWorld;
  readonly random: Random;
  holder: string | undefined;
  epoch = 0;
  readonly violations: string[] = [];

  constructor(world: VipWorld, random: Random) {
    this.world = world;
    this.random = random;
    const enis: Readonly<Record<string, string>> = { node1: world.cloud.eni1, node2: world.cloud.eni2 };
    world.ec2.onCall = (call) => {
      if (!call.startsWith("ReplaceRoute ")) return;
      const wanted = this.holder === undefined ? "none" : enis[this.holder];
      if (!call.endsWith(` ${wanted}`))
        this.violations.push(`${call} while ${this.holder ?? "nobody"} holds epoch ${this.epoch}`);
    };
  }

  async move(): Promise<void> {
    this.epoch++;
    const node = pick(this.random, ["node1", "node2"]);
    this.holder = node;
    await this.world.grant(node, this.epoch);
    await this.world.clock.advance(this.random.next() * 300);
    await this.world.report(node, this.epoch);
  }

  async disturb(): Promise<void> {
    const { world, random } = this;
    const dice = random.next();
    if (dice < 0.3) await this.move();
    else if (dice < 0.4) {
      this.holder = undefined;
      await world.revoke(this.epoch);
    } else if (dice < 0.7) {
      const outcome = { code: pick(random, FAILURES), after: random.next() < 0.5 };
      world.ec2.fail(pick(random, ACTIONS), outcome, 1 + Math.floor(random.next() * 4));
    } else {
      const table = pick(random, [world.cloud.table1, world.cloud.table2, world.cloud.mainTable]);
      const networkInterfaceId = pick(random, [world.cloud.eni1, world.cloud.eni2]);
      world.cloud.ec2.replaceRoute(table, "10.1.0.20/32", { type: "networkInterface", networkInterfaceId });
    }
    await world.clock.advance(random.next() * 3_000);
  }
}

describe("under a storm of faults", () => {
  it.each(SEEDS)("seed %i: no route towards anybody but the holder, and all of them in the end", async (seed) => {
    const timeouts = { call: "1s", activate: "10s", deactivate: "10s" };
    const world = await VipWorld.create({ spec: { timeouts } });
    const run = new Run(world, seededRandom(seed));
    const trip = (): { thereMs: number; backMs: number } =>
      run.random.next() < 0.15 ? { thereMs: run.random.next() * 1_900, backMs: 10 } : { thereMs: 25, backMs: 25 };
    world.ec2.network = { clock: world.clock, trip };
    for (let round = 0; round < ROUNDS; round++) await run.disturb();
    world.ec2.network = { clock: world.clock, trip: () => ({ thereMs: 25, backMs: 25 }) };
    await run.move();
    await world.clock.advance(25_000);
    expect(run.violations).toEqual([]);
    const eni = run.holder === "node1" ? world.cloud.eni1 : world.cloud.eni2;
    expect(world.targets()).toEqual([eni, eni, eni]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect((await world.vip()).status?.active).toEqual({ node: run.holder, epoch: run.epoch });
    await world.close();
  });
});
