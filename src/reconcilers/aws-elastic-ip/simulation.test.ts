/**
 * Safety: the address is only ever associated with the member that holds the group at that moment, and only undone while
 * the group is stopped. Liveness: once things calm down it leads to the holder, although calls of the past may still land.
 */
import { describe, expect, it } from "vitest";
import { ALLOCATION, makeEipWorld, takeAway } from "../../../test/builders/eip-world.ts";
import { pick, PointerStorm } from "../../../test/builders/pointer-storm.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);
const ACTIONS = ["AssociateAddress", "DisassociateAddress", "DescribeAddresses", "DescribeNetworkInterfaces"];
const TIMEOUTS = { call: "1s", activate: "10s", deactivate: "10s" };

describe("under a storm of faults", () => {
  it.each(SEEDS)("seed %i: associated with nobody but the holder, undone only while stopped", async (seed) => {
    const { world, clock, ec2, cloud, holder } = await makeEipWorld({
      spec: { timeouts: TIMEOUTS, whenStopped: "Disassociate" },
    });
    const enis: Readonly<Record<string, string>> = { node1: cloud.eni1, node2: cloud.eni2 };
    const storm = new PointerStorm(
      {
        clock,
        ec2,
        grant: (node, epoch) => world.grant(node, epoch),
        report: (node, epoch) => world.report(node, epoch),
        revoke: (epoch, isStopped) => world.revoke(epoch, isStopped ? "StoppedByRequest" : undefined),
        stray: (random) => takeAway(cloud, pick(random, [cloud.eni1, cloud.eni2])),
      },
      seededRandom(seed),
      ACTIONS,
    );
    const violations: string[] = [];
    ec2.onCall = (call) => {
      const wanted = `AssociateAddress ${ALLOCATION} ${enis[storm.holder ?? ""] ?? "none"}`;
      const isAstray = call.startsWith("AssociateAddress ") && call !== wanted;
      if (isAstray || (call.startsWith("DisassociateAddress ") && !storm.isStopped))
        violations.push(`${call} while ${storm.holder ?? "nobody"} holds epoch ${storm.epoch}`);
    };
    await storm.rage(25);
    await storm.calm();
    expect(violations).toEqual([]);
    expect(holder()).toBe(enis[storm.holder ?? ""]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect((await world.object()).status?.active).toEqual({ node: storm.holder, epoch: storm.epoch });
    await world.close();
  });
});
