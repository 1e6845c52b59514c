import { afterEach, describe, expect, it } from "vitest";
import {
  addTwoLegged,
  ALLOCATION,
  EIP,
  type EipWorld,
  type EipWorldOptions,
  makeEipWorld,
  PUBLIC_IP,
  takeAway,
  TWO_LEGGED,
} from "../../../test/builders/eip-world.ts";
import { GROUP } from "../../../test/builders/pointer-world.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";

const ENI1 = "eni-00000001";
const ENI2 = "eni-00000002";

const worlds: EipWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ world }) => world.close()));
});

async function start(options?: EipWorldOptions): Promise<EipWorld> {
  const made = await makeEipWorld(options);
  worlds.push(made);
  return made;
}

/** Associated with node1 for a while. */
async function active(options?: EipWorldOptions): Promise<EipWorld> {
  const made = await start(options);
  await made.world.activate("node1", 1);
  await made.clock.advance(20_000);
  made.world.told.length = 0;
  made.ec2.calls.length = 0;
  return made;
}

describe("an Elastic IP", () => {
  it("is checked for every member before anybody is active [REQ 5.1 AWS Elastic IP ENI]", async () => {
    const { world, callsOf } = await start();
    const { status, metadata } = await world.object();
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    expect(await world.verdict("Ready")).toBe("False Inactive");
    expect(metadata.finalizers).toEqual(["understudy.dev/in-use"]);
    expect(status).toMatchObject({
      group: { name: GROUP },
      publicIp: PUBLIC_IP,
      members: [
        { node: "node1", eniId: ENI1 },
        { node: "node2", eniId: ENI2 },
      ],
    });
    expect(callsOf("AssociateAddress")).toBe(0);
    expect(callsOf("AssociateAddress(dry)")).toBe(2);
  });

  it("is not written for a grant that was over when the call's turn came", async () => {
    const { world, clock, ec2, holder } = await active();
    const turn = Promise.withResolvers<void>();
    ec2.turn = turn.promise;
    await world.activate("node2", 2);
    await clock.advance(500);
    await world.activate("node1", 3);
    await clock.advance(500);
    turn.resolve();
    await clock.advance(5_000);
    expect(ec2.calls.filter((call) => call.startsWith("AssociateAddress ") && call.includes(ENI2))).toEqual([]);
    expect(holder()).toBe(ENI1);
  });

  it("follows the grant by one call that takes it from where it is [REQ 5.1 AWS Elastic IP allocation ID]", async () => {
    const { world, clock, ec2, holder } = await active();
    expect(holder()).toBe(ENI1);
    await world.activate("node2", 2);
    await clock.advance(1);
    expect(holder()).toBe(ENI2);
    // Nothing is asked before the write, and nothing is ever disassociated in a move.
    expect(ec2.calls).toEqual([`AssociateAddress ${ALLOCATION} ${ENI2}`, "DescribeAddresses "]);
    expect(await world.verdict("Ready")).toBe("True Active");
    const { status } = await world.object();
    expect(status?.active).toEqual({ node: "node2", epoch: 2 });
    expect(status?.associationId).toMatch(/^eipassoc-/);
  });

  it("waits for what it depends on", async () => {
    const { world, clock, holder } = await start();
    await world.grant("node2", 1);
    await world.report("node2", 1, { app: { state: "Activating" } });
    await clock.advance(5_000);
    expect(holder()).toBe("-");
    expect((await world.condition("Ready"))?.message).toBe("waits until active on node2: app/local");
  });

  it("is active at once when it already leads to the holder", async () => {
    const { world, clock, callsOf } = await start({
      prepare: (cloud) => takeAway(cloud, cloud.eni2),
    });
    await world.activate("node2", 1);
    await clock.advance(10);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(callsOf("AssociateAddress")).toBe(0);
  });

  it("goes to the interface that the spec names", async () => {
    const { world, clock, holder } = await start({
      spec: { members: [{ node: "node1", eniId: TWO_LEGGED.second }] },
      providerIds: [TWO_LEGGED.providerId],
      group: { members: [{ node: "node1" }] },
      prepare: addTwoLegged,
    });
    await world.activate("node1", 1);
    await clock.advance(10);
    expect(holder()).toBe(TWO_LEGGED.second);
  });

  it("is associated again when a stranger takes it, with an Event, and Ready stays [REQ 5.2 EIP monitor 7] [REQ 5.4 AWS EIP]", async () => {
    const { world, clock, cloud, holder } = await active();
    takeAway(cloud, ENI2);
    await clock.advance(10_000);
    expect(holder()).toBe(ENI1);
    expect(world.told.map((event) => `${event.type} ${event.reason}`)).toEqual(["Warning AssociationWrong"]);
    expect(world.told[0]?.message).toContain(`was changed to ${ENI2}; it is set to ${ENI1} of node1 again`);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is AssociationWrong when it cannot be put right [REQ 5.2 EIP monitor 7]", async () => {
    const { world, clock, cloud, ec2 } = await active();
    takeAway(cloud, ENI2);
    ec2.fail("AssociateAddress", { code: "NotAuthorized" }, 100);
    await clock.advance(40_000);
    expect(await world.verdict("Ready")).toBe("False AssociationWrong");
    expect((await world.condition("Ready"))?.message).toContain("NotAuthorized");
  });

  it("is read again after a lost reply, which is then found to have arrived", async () => {
    const { world, clock, ec2, callsOf } = await start();
    ec2.fail("AssociateAddress", { code: "CallTimeout", after: true });
    await world.activate("node2", 1);
    await clock.advance(10);
    expect(callsOf("AssociateAddress")).toBe(1);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("fails its activation after spec.timeouts.activate [REQ 5.2 EIP start 6]", async () => {
    const { world, clock, ec2 } = await start({ spec: { timeouts: { call: "1s", activate: "5s", deactivate: "5s" } } });
    ec2.fail("AssociateAddress", { code: "CallTimeout" }, 1_000);
    await world.activate("node2", 1);
    await clock.advance(4_000);
    expect(await world.verdict("Ready")).toBe("False Activating");
    await clock.advance(2_000);
    expect(await world.verdict("Ready")).toBe("False ActivationTimeout");
  });

  it("is not touched and not judged while the cloud cannot be asked [REQ 5.3.9]", async () => {
    const { world, clock, ec2, callsOf, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    ec2.fail("DescribeAddresses", { code: "EndpointUnreachable" }, 10_000);
    ec2.fail("DescribeNetworkInterfaces", { code: "EndpointUnreachable" }, 10_000);
    await clock.advance(120_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(await world.verdict("Observed")).toBe("False EndpointUnreachable");
    expect([callsOf("AssociateAddress"), callsOf("DisassociateAddress"), holder()]).toEqual([0, 0, ENI1]);
    expect((await world.object()).status).toMatchObject({ publicIp: PUBLIC_IP });
  });

  it("belongs to one object: the younger of two with the same allocation stays inactive [REQ 5.1 AWS Elastic IP allocation ID]", async () => {
    const { world, clock } = await active();
    await world.addObject("rival", { allocationId: ALLOCATION });
    const app = { start: { command: ["/bin/true"] }, stop: { command: ["/bin/true"] } };
    await world.addGroup(
      "AwsElasticIP",
      {
        resources: [
          { name: "app", exec: app },
          { kind: "AwsElasticIP", name: "rival" },
        ],
      } as never,
      "other",
    );
    await clock.advance(100);
    expect(await world.verdict("PreflightOK", "rival")).toBe("False ClaimedElsewhere");
    expect((await world.condition("PreflightOK", "rival"))?.message).toContain(
      `${ALLOCATION} is already held by AwsElasticIP ha/${EIP} of group ha/${GROUP}`,
    );
    expect(await world.verdict("Ready", "rival")).toBe("False Inactive");
    expect(await world.verdict("Ready")).toBe("True Active");
  });
});

describe("spec.whenStopped", () => {
  it("Keep leaves the association when the group stops", async () => {
    const { world, clock, callsOf, holder } = await active();
    await world.revoke(1, "StoppedByRequest");
    await clock.advance(60_000);
    expect([callsOf("DisassociateAddress"), holder()]).toEqual([0, ENI1]);
    expect((await world.condition("Ready"))?.message).toContain("the association stays as it is");
  });

  it("Disassociate undoes it when the group stops, and forgets what was applied", async () => {
    const { world, clock, callsOf, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    await world.revoke(1, "StoppedByRequest");
    await clock.advance(1_000);
    expect([callsOf("DisassociateAddress"), holder()]).toEqual([1, "-"]);
    const { status } = await world.object();
    expect(status?.active).toBeUndefined();
    expect(status?.associationId).toBeUndefined();
    expect(world.told.map((event) => event.message)).toContain(
      `${PUBLIC_IP} was taken from ${ENI1} of node1: the group is stopped and spec.whenStopped is Disassociate`,
    );
    await clock.advance(60_000);
    expect(callsOf("DisassociateAddress")).toBe(1);
  });

  it("Disassociate does nothing in a move, however long nobody holds the group", async () => {
    const { world, clock, callsOf, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    await world.revoke(1);
    await clock.advance(120_000);
    expect([callsOf("DisassociateAddress"), holder()]).toEqual([0, ENI1]);
    await world.activate("node2", 2);
    await clock.advance(100);
    expect([callsOf("DisassociateAddress"), holder()]).toEqual([0, ENI2]);
  });

  it("Disassociate leaves an association that somebody else made", async () => {
    const { world, clock, cloud, callsOf, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    takeAway(cloud, ENI2);
    await world.revoke(1, "StoppedByRequest");
    await clock.advance(60_000);
    // The association that was read before is gone: EC2 refuses to undo it, and the next reading shows the stranger.
    expect(holder()).toBe(ENI2);
    expect(callsOf("DisassociateAddress")).toBeLessThanOrEqual(1);
    expect((await world.object()).status?.active).toBeUndefined();
  });

  it("Disassociate is not carried out for a group that was started again meanwhile", async () => {
    const { world, clock, callsOf, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    await world.revoke(1, "StoppedByRequest");
    await world.grant("node1", 2);
    await clock.advance(60_000);
    expect([callsOf("DisassociateAddress"), holder()]).toEqual([0, ENI1]);
  });

  it("Disassociate is repeated after a failure, and says why it is not done", async () => {
    const { world, clock, ec2, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    ec2.fail("DisassociateAddress", { code: "NotAuthorized" }, 3);
    await world.revoke(1, "StoppedByRequest");
    await clock.advance(1_000);
    expect((await world.condition("Ready"))?.message).toContain("NotAuthorized");
    await clock.advance(10_000);
    expect(holder()).toBe("-");
  });

  it("Disassociate is carried out for a deleted group, also when it is gone before we look", async () => {
    const { world, clock, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    const { kube } = world;
    const group = await world.group();
    await kube.replace(FAILOVER_GROUP, {
      ...group,
      metadata: { ...group.metadata, finalizers: ["understudy.dev/deactivate"] },
    });
    await world.remove("group");
    await clock.advance(10);
    expect(holder()).toBe(ENI1);
    const deleting = await world.group();
    await kube.replace(FAILOVER_GROUP, { ...deleting, metadata: { ...deleting.metadata, finalizers: [] } });
    await clock.advance(1_000);
    expect(holder()).toBe("-");
    expect(await world.verdict("Ready")).toBe("False NotInGroup");
  });

  it("Disassociate leaves the address of a group that is deleted with whenDeleted: Leave", async () => {
    const { world, clock, holder } = await active({
      spec: { whenStopped: "Disassociate" },
      group: { whenDeleted: "Leave" },
    });
    await world.remove("group");
    await clock.advance(60_000);
    expect(holder()).toBe(ENI1);
  });

  it("Disassociate goes before the object, when both are deleted", async () => {
    const { world, clock, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    const { kube } = world;
    const group = await world.group();
    await kube.replace(FAILOVER_GROUP, {
      ...group,
      metadata: { ...group.metadata, finalizers: ["understudy.dev/deactivate"] },
    });
    await world.remove("group");
    await world.remove("object");
    await clock.advance(10);
    expect(await world.exists()).toBe(true);
    const deleting = await world.group();
    await kube.replace(FAILOVER_GROUP, { ...deleting, metadata: { ...deleting.metadata, finalizers: [] } });
    await clock.advance(1_000);
    expect([holder(), await world.exists()]).toEqual(["-", false]);
  });

  it("Disassociate does not keep a deleted object for ever when the cloud refuses", async () => {
    const { world, clock, ec2, holder } = await active({ spec: { whenStopped: "Disassociate" } });
    ec2.fail("DisassociateAddress", { code: "NotAuthorized" }, 1_000);
    const { kube } = world;
    const group = await world.group();
    await kube.replace(FAILOVER_GROUP, {
      ...group,
      metadata: { ...group.metadata, finalizers: ["understudy.dev/deactivate"] },
    });
    await world.remove("group");
    await world.remove("object");
    await clock.advance(10);
    const deleting = await world.group();
    await kube.replace(FAILOVER_GROUP, { ...deleting, metadata: { ...deleting.metadata, finalizers: [] } });
    await clock.advance(20_000);
    expect(await world.exists()).toBe(true);
    await clock.advance(20_000);
    expect([holder(), await world.exists()]).toEqual([ENI1, false]);
  });
});

describe("calls", () => {
  it("cost one DescribeAddresses per region and interval, however many Elastic IPs there are", async () => {
    const { world, clock, cloud, callsOf } = await start();
    const names = Array.from({ length: 20 }, (_, index) => `eip${index}`);
    for (const [index, name] of names.entries()) {
      const allocationId = `eipalloc-${String(index).padStart(17, "0")}`;
      cloud.ec2.allocateAddress(`198.51.100.${100 + index}`, allocationId);
      await world.addObject(name, { allocationId });
    }
    const app = { start: { command: ["/bin/true"] }, stop: { command: ["/bin/true"] } };
    const resources = [{ name: "app", exec: app }, ...names.map((name) => ({ kind: "AwsElasticIP", name }))];
    await world.addGroup("AwsElasticIP", { resources } as never, "many");
    await clock.advance(30_000);
    const before = callsOf("DescribeAddresses");
    await clock.advance(100_000);
    expect(callsOf("DescribeAddresses") - before).toBe(10);
  });
});
