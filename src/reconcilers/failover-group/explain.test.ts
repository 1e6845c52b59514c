import { expect, test } from "vitest";
import { KINDS } from "../../api/kinds.ts";
import { LEASE, type Lease, SESSION_LABEL } from "../../api/session-lease.ts";
import { readInstant } from "../../lib/clock.ts";
import { ControllerWorld, KEY, LEASES, TIMINGS } from "../../../test/builders/controller-world.ts";
import { type Dump, DUMP_VERSION, seenInDump, takenInstant, whatIsWrongWithDump } from "./dump.ts";
import { explainGroup, type Explanation } from "./explain.ts";

/** As `understudy dump` takes it: four reads, a renew interval apart. */
async function dumpOf(world: ControllerWorld): Promise<Dump> {
  const reads: Dump["reads"][number][] = [];
  for (let read = 0; read < 4; read++) {
    if (read > 0) await world.advance(TIMINGS.renewIntervalMs);
    const sentMs = world.clock.monotonicMs();
    const { items } = await world.kube.list<Lease>(LEASE, { namespace: LEASES, labelSelector: SESSION_LABEL });
    reads.push({ sentMs, arrival: readInstant(world.clock), leases: items });
  }
  const nodes = await world.kube.list({ group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false });
  const probes = await world.kube.list(KINDS.LbProbePort, { namespace: KEY.namespace });
  return {
    understudyDump: DUMP_VERSION,
    takenAt: "2026-01-01T00:00:00Z",
    timings: TIMINGS,
    leaseNamespace: LEASES,
    reads,
    groups: [await world.group()],
    nodes: nodes.items,
    resources: { LbProbePort: probes.items },
  };
}

async function explained(world: ControllerWorld): Promise<Explanation> {
  // A dump is a file: what does not survive JSON is not in it.
  const dump = JSON.parse(JSON.stringify(await dumpOf(world))) as Dump;
  const seen = await seenInDump(dump, KEY);
  if (seen === undefined) throw new Error("the group is not in the dump");
  return explainGroup(seen, takenInstant(dump));
}

test("a healthy group would follow to its standby, after rho*L+M", async () => {
  const world = await ControllerWorld.create(["node1", "node2"]);
  await world.advance(8_000);
  const explanation = await explained(world);
  expect(explanation.where).toMatch(/^on node1 under epoch 1/);
  expect(explanation).toMatchObject({ group: "ha/failover1", wouldFollow: true });
  expect(explanation.ifActiveDied).toBe(
    "after its session was seen unchanged for 4s825ms it would be revoked and node2 granted epoch 2",
  );
});

test("without a standby it says that nobody would follow, and why", async () => {
  const world = await ControllerWorld.create(["node1"]);
  await world.advance(8_000);
  const explanation = await explained(world);
  expect(explanation.wouldFollow).toBe(false);
  expect(explanation.ifActiveDied).toMatch(/^nobody would follow: NoCandidate/);
});

test("a cordoned standby blocks, and is named", async () => {
  const world = await ControllerWorld.create(["node1", "node2"]);
  await world.advance(8_000);
  await world.patchNode("node2", { unschedulable: true });
  const explanation = await explained(world);
  expect(explanation.wouldFollow).toBe(false);
  expect(explanation.members).toContainEqual(expect.objectContaining({ node: "node2", reason: "Cordoned" }));
});

test("members that reach no isolation target are named, with what the others say", async () => {
  const isolation = { targets: [{ ping: { address: "10.0.0.1" } }] };
  const world = await ControllerWorld.create(["node1", "node2", "node3"], { isolation, failover: { mode: "Manual" } });
  world.agent("node1").isolation = "Lost";
  world.agent("node2").isolation = "NotChecked";
  await world.advance(8_000);
  expect((await explained(world)).blocks).toEqual(
    expect.arrayContaining([
      "node1 reaches none of its isolation targets; nor does anybody: they count as down",
      "node2 cannot tell whether it reaches its isolation targets; its log says why",
    ]),
  );
  world.agent("node3").isolation = "Reached";
  await world.advance(200);
  expect((await explained(world)).blocks).toContain("node1 reaches none of its isolation targets; node3 does");
});

test("what is no dump is refused with what was found", () => {
  expect(whatIsWrongWithDump({})).toBe("this is not a dump of understudy dump");
  expect(whatIsWrongWithDump({ understudyDump: 7 })).toBe("the dump has version 7, this program reads version 1");
});
