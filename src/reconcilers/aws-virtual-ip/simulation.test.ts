/**
 * Safety: a route is only ever written towards the member that holds the group at that moment. Liveness: once things
 * calm down, every table leads there, although calls of the past may still land.
 */
import { describe, expect, it } from "vitest";
import { pick, PointerStorm } from "../../../test/builders/pointer-storm.ts";
import { makeVipWorld } from "../../../test/builders/vip-world.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);
const ACTIONS = ["ReplaceRoute", "DescribeRouteTables", "DescribeNetworkInterfaces", "DescribeVpcs"];
const TIMEOUTS = { call: "1s", activate: "10s", deactivate: "10s" };

describe("under a storm of faults", () => {
  it.each(SEEDS)("seed %i: no route towards anybody but the holder, and all of them in the end", async (seed) => {
    const { world, clock, ec2, cloud, targets } = await makeVipWorld({ spec: { timeouts: TIMEOUTS } });
    const enis: Readonly<Record<string, string>> = { node1: cloud.eni1, node2: cloud.eni2 };
    const storm = new PointerStorm(
      {
        clock,
        ec2,
        grant: (node, epoch) => world.grant(node, epoch),
        report: (node, epoch) => world.report(node, epoch),
        revoke: (epoch) => world.revoke(epoch),
        stray: (random) => {
          const table = pick(random, [cloud.table1, cloud.table2, cloud.mainTable]);
          const networkInterfaceId = pick(random, [cloud.eni1, cloud.eni2]);
          cloud.ec2.replaceRoute(table, "10.1.0.20/32", { type: "networkInterface", networkInterfaceId });
        },
      },
      seededRandom(seed),
      ACTIONS,
    );
    const violations: string[] = [];
    ec2.onCall = (call) => {
      if (call.startsWith("ReplaceRoute ") && !call.endsWith(` ${enis[storm.holder ?? ""] ?? "none"}`))
        violations.push(`${call} while ${storm.holder ?? "nobody"} holds epoch ${storm.epoch}`);
    };
    await storm.rage(25);
    await storm.calm();
    expect(violations).toEqual([]);
    const eni = enis[storm.holder ?? ""];
    expect(targets()).toEqual([eni, eni, eni]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect((await world.object()).status?.active).toEqual({ node: storm.holder, epoch: storm.epoch });
    await world.close();
  });
});
