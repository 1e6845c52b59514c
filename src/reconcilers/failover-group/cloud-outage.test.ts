/** A group with an Elastic IP whose cloud cannot be asked, from the controller's own wiring. */
import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeEc2, smallVpc } from "../../../test/fakes/fake-ec2.ts";
import type { KubeObject } from "../../kube/ports.ts";
import { KINDS } from "../../api/kinds.ts";
import { Ec2Knowledge } from "../../cloud/aws/ec2-knowledge.ts";

const ALLOCATION = "eipalloc-0123456789abcdef0";
const NODES = ["node1", "node2", "node3"];

interface OutageWorld {
  readonly world: ControllerWorld;
  /** Interface that the address leads to. */
  readonly holder: () => string | undefined;
  readonly outage: (isOn: boolean) => void;
}

async function start(): Promise<OutageWorld> {
  const { ec2: region, subnet1 } = smallVpc(new FakeClock());
  for (const node of NODES) {
    const networkInterfaceId = `eni-${node}`;
    region.createNetworkInterface({ networkInterfaceId, subnetId: subnet1 });
    region.createInstance({ name: node, instanceId: `i-${node}`, networkInterfaceIds: [networkInterfaceId] });
  }
  region.allocateAddress("198.51.100.7", ALLOCATION);
  let isOut = false;
  const ec2 = new FakeEc2(region);
  ec2.onCall = (call) => {
    if (isOut) ec2.fail(call.split(/[ (]/)[0] ?? "", { code: "EndpointUnreachable" });
  };
  const spec = { resources: [{ kind: "AwsElasticIP", name: "eip" }] };
  const limit = { maxPerPeriod: 2, periodMs: 600_000 };
  const world = await ControllerWorld.create(NODES, spec, limit, {
    ec2: (clock) => {
      const knowledge = new Ec2Knowledge(ec2, clock);
      return { knowledgeOf: () => Promise.resolve(knowledge) };
    },
  });
  const eip = {
    metadata: { namespace: "ha", name: "eip" },
    spec: {
      allocationId: ALLOCATION,
      whenStopped: "Disassociate",
      monitor: { interval: "1s", timeout: "1s", retryInterval: "1s" },
      timeouts: { call: "500ms", activate: "2s" },
    },
  };
  await world.kube.create(KINDS.AwsElasticIP, eip as KubeObject);
  await world.until(isReadyOn("node1"));
  return {
    world,
    holder: () => region.state.addresses.get(ALLOCATION)?.networkInterfaceId,
    outage: (isOn) => (isOut = isOn),
  };
}

describe("an outage of the cloud's API", () => {
  it("moves no group that is up, stops none and undoes nothing [REQ 5.3.9]", async () => {
    const { world, holder, outage } = await start();
    outage(true);
    await world.advance(60_000, 50);
    const group = await world.group();
    expect(group.status?.active).toMatchObject({ node: "node1", epoch: 1 });
    expect(condition(group, "Ready")?.status).toBe("True");
    expect(holder()).toBe("eni-node1");
  });

  it("during a failover leaves the service where it went, and the pointer follows when the cloud answers [REQ 5.3.9]", async () => {
    const { world, holder, outage } = await start();
    outage(true);
    world.agent("node1").crash();
    await world.until((group) => group.status?.active?.node === "node2");
    await world.advance(60_000, 50);
    const group = await world.group();
    expect(group.status?.active).toMatchObject({ node: "node2", epoch: 2 });
    expect(group.status?.hold).toBeUndefined();
    expect(condition(group, "Ready")).toMatchObject({ status: "False" });
    expect(world.agent("node2").isServing).toBe(true);
    expect(holder()).toBe("eni-node1");
    outage(false);
    await world.until(isReadyOn("node2"), 5_000);
    expect(holder()).toBe("eni-node2");
  });

  it("during a failback takes the group back to where the pointer still leads, once", async () => {
    const { world, holder, outage } = await start();
    await world.annotate("move-to", "node2");
    await world.until(isReadyOn("node2"));
    await world.advance(1_000);
    outage(true);
    await world.patch({ failover: { failback: "Automatic", failbackAfter: "1s" } });
    await world.advance(60_000, 50);
    const group = await world.group();
    expect(group.status?.active?.node).toBe("node2");
    expect(holder()).toBe("eni-node2");
    expect(group.status?.hold).toBeUndefined();
    expect((group.status?.history ?? []).filter(({ cause }) => cause === "Failback")).toHaveLength(1);
  });

  it("during a move by request takes the group back to where the pointer still leads, and stops nothing", async () => {
    const { world, holder, outage } = await start();
    outage(true);
    await world.annotate("move-to", "node2");
    await world.until((group) => group.status?.active?.node === "node2");
    await world.until((group) => group.status?.active?.node === "node1", 10_000);
    await world.advance(30_000, 50);
    const { active, hold } = (await world.group()).status ?? {};
    expect([active?.node, hold, holder()]).toEqual(["node1", undefined, "eni-node1"]);
    expect(world.agent("node1").isServing).toBe(true);
    outage(false);
    await world.until(isReadyOn("node1"), 5_000);
  });
});
