import { afterEach, describe, expect, it } from "vitest";
import { GROUP, NAMESPACE } from "../../../test/builders/pointer-world.ts";
import { ADDRESS, makeVipWorld, VIP, type VipWorld, type VipWorldOptions } from "../../../test/builders/vip-world.ts";
import { AWS_VIRTUAL_IP, FAILOVER_GROUP } from "../../api/kinds.ts";

const worlds: VipWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ world }) => world.close()));
});

async function start(options?: VipWorldOptions): Promise<VipWorld> {
  const made = await makeVipWorld(options);
  worlds.push(made);
  return made;
}

describe("the route of a virtual IP", () => {
  it("is checked for every member before anybody is active [REQ 5.1 AWS virtual IP ENI] [REQ 5.1 AWS virtual IP VPC]", async () => {
    const { world, callsOf } = await start();
    const { status, metadata } = await world.object();
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    expect(await world.verdict("Ready")).toBe("False Inactive");
    expect(metadata.finalizers).toEqual(["understudy.dev/in-use"]);
    expect(status?.group?.name).toBe(GROUP);
    expect(
      status?.members?.map((member) => `${member.node} ${member.eniId} ${member.zone} ${member.sourceDestCheck}`),
    ).toEqual(["node1 eni-00000001 eu-central-1a Off", "node2 eni-00000002 eu-central-1b Off"]);
    expect(status?.routeTables?.map((table) => `${table.id} ${table.state}`)).toEqual([
      "rtb-00000000000000001 Unknown",
      "rtb-0000000a Unknown",
      "rtb-0000000b Unknown",
    ]);
    expect(callsOf("ReplaceRoute")).toBe(0);
  });

  it("says with a passed preflight from where it cannot be reached [REQ 5.3.7]", async () => {
    const { world } = await start();
    expect((await world.condition("PreflightOK"))?.message).toBe(
      "checked for node1, node2. 10.1.0.20 cannot be reached from the internet, from other VPCs or through peering",
    );
  });

  it("follows the grant in every table once the holder's own half and dependencies are active [REQ 5.1 AWS virtual IP route tables]", async () => {
    const { world, clock, targets } = await start();
    await world.grant("node2", 1);
    await world.report("node2", 1, { app: { state: "Activating" } });
    await clock.advance(1_000);
    expect(targets()).toEqual(["eni-00000001", "eni-00000001", "eni-00000001"]);
    expect(await world.verdict("Ready")).toBe("False Activating");
    expect((await world.condition("Ready"))?.message).toBe("waits until active on node2: app/local");
    await world.report("node2", 1);
    await clock.advance(1);
    expect(targets()).toEqual(["eni-00000002", "eni-00000002", "eni-00000002"]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect((await world.object()).status?.active).toEqual({ node: "node2", epoch: 1 });
  });

  it("ignores a report of another session or epoch", async () => {
    const { world, clock, callsOf } = await start();
    await world.grant("node2", 2);
    await world.report("node2", 1);
    await clock.advance(1_000);
    expect(callsOf("ReplaceRoute")).toBe(0);
  });

  it("asks the cloud nothing before the first write of a failover", async () => {
    const { world, clock, ec2 } = await start();
    await world.activate("node1", 1);
    await clock.advance(1);
    await clock.advance(9_000);
    ec2.calls.length = 0;
    await world.activate("node2", 2);
    await clock.advance(1);
    expect(ec2.calls.slice(0, 4)).toEqual([
      "ReplaceRoute rtb-00000000000000001 10.1.0.20/32 eni-00000002",
      "ReplaceRoute rtb-0000000a 10.1.0.20/32 eni-00000002",
      "ReplaceRoute rtb-0000000b 10.1.0.20/32 eni-00000002",
      "DescribeRouteTables vpc-1111aaaa",
    ]);
  });

  it("is read again after the longest possible call, and rewritten when a late call of the past won", async () => {
    const { world, clock, cloud, targets } = await start();
    await world.activate("node2", 2);
    await clock.advance(100);
    cloud.ec2.replaceRoute(cloud.table1, "10.1.0.20/32", {
      type: "networkInterface",
      networkInterfaceId: cloud.eni1,
    });
    await clock.advance(4_800);
    expect(targets()).toContain("eni-00000001");
    await clock.advance(101);
    expect(targets()).toEqual(["eni-00000002", "eni-00000002", "eni-00000002"]);
  });

  it("is repaired within one monitor interval when a stranger changes it, with an Event, and Ready stays [REQ 5.2 AWS VIP monitor 56] [REQ 5.3.3b] [REQ 5.4 AWS VIP]", async () => {
    const { world, clock, cloud, targets } = await start();
    await world.activate("node1", 1);
    await clock.advance(20_000);
    world.told.length = 0;
    cloud.ec2.replaceRoute(cloud.table2, "10.1.0.20/32", {
      type: "networkInterface",
      networkInterfaceId: cloud.eni2,
    });
    await clock.advance(10_000);
    expect(targets()).toEqual(["eni-00000001", "eni-00000001", "eni-00000001"]);
    expect(world.told.map((event) => `${event.type} ${event.reason}`)).toEqual(["Warning RouteWrong"]);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is missed with an Event when somebody deletes it from one table, and never put back", async () => {
    const { world, clock, cloud, targets } = await start();
    await world.activate("node1", 1);
    await clock.advance(20_000);
    cloud.ec2.deleteRoute(cloud.table2, "10.1.0.20/32");
    await clock.advance(30_000);
    const lost = world.told.filter((event) => event.reason === "NoRouteEntry");
    expect(lost.map((event) => event.message.split(":")[0])).toEqual([cloud.table2]);
    expect(targets()).toEqual(["eni-00000001", "eni-00000001", "-"]);
  });

  it("stays as it is when the group is stopped", async () => {
    const { world, clock, targets } = await start();
    await world.activate("node2", 1);
    await clock.advance(10);
    await world.revoke(1);
    await clock.advance(30_000);
    expect(targets()).toEqual(["eni-00000002", "eni-00000002", "eni-00000002"]);
    expect(await world.verdict("Ready")).toBe("False Inactive");
  });

  it("is not written under a grant that the cache still shows but the group no longer has", async () => {
    const { world, clock, cloud, ec2, callsOf } = await start();
    await world.activate("node2", 1);
    const seen = await world.reconciler.observe({ namespace: NAMESPACE, name: VIP });
    expect(seen).toBeDefined();
    await clock.advance(10);
    await world.activate("node1", 2);
    await clock.advance(10);
    ec2.calls.length = 0;
    const grant = { node: "node2", epoch: 1, session: "node2_s", since: "2026-01-01T00:00:00Z" };
    const writes = [
      {
        do: "ReplaceRoute",
        region: "eu-central-1",
        routeTableId: cloud.table1,
        destinationCidr: "10.1.0.20/32",
        networkInterfaceId: cloud.eni2,
      },
    ] as const;
    const group = await world.group();
    const step = {
      do: "Write",
      group: { namespace: NAMESPACE, name: GROUP },
      groupUid: group.metadata.uid ?? "",
      grant,
      writes,
    } as const;
    await expect(world.reconciler.act({ namespace: NAMESPACE, name: VIP }, step, world.fence)).rejects.toThrow(
      "not granted so any more",
    );
    expect(callsOf("ReplaceRoute")).toBe(0);
  });

  it("is not written by a leader that was deposed", async () => {
    const { world, clock, callsOf } = await start();
    world.isLeader = false;
    await world.activate("node2", 1);
    await clock.advance(10_000);
    expect(callsOf("ReplaceRoute")).toBe(0);
  });

  it("is resolved by a read when the reply to a write is lost", async () => {
    const { world, clock, ec2, callsOf } = await start();
    ec2.fail("ReplaceRoute", { code: "CallFailed", after: true }, 3);
    await world.activate("node2", 1);
    await clock.advance(10);
    expect(callsOf("ReplaceRoute")).toBe(3);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is retried with growing pauses, and says so when the activation takes too long [REQ 5.1 AWS virtual IP timeout] [REQ 5.2 AWS VIP start 9]", async () => {
    const { world, clock, ec2, callsOf } = await start({
      spec: { timeouts: { call: "1s", activate: "5s", deactivate: "5s" } },
    });
    ec2.fail("ReplaceRoute", { code: "Throttled" }, 1_000);
    await world.activate("node2", 1);
    await clock.advance(4_900);
    expect(await world.verdict("Ready")).toBe("False Activating");
    expect(await world.verdict("Reconciling")).toBe("True Applying");
    await clock.advance(200);
    expect(await world.verdict("Ready")).toBe("False ActivationTimeout");
    const rounds = callsOf("ReplaceRoute") / 3;
    expect(rounds).toBeGreaterThan(4);
    expect(rounds).toBeLessThan(9);
  });
});

describe("what cannot be read", () => {
  it("is unknown: Observed says so, Ready keeps its value, nothing is written [REQ 5.3.9]", async () => {
    const { world, clock, ec2, callsOf } = await start();
    await world.activate("node1", 1);
    await clock.advance(6_000);
    ec2.fail("DescribeRouteTables", { code: "EndpointUnreachable" }, 1_000);
    await clock.advance(60_000);
    expect(await world.verdict("Observed")).toBe("False EndpointUnreachable");
    expect((await world.condition("Observed"))?.message).toContain(
      "Check the path from the controller to the EC2 endpoint",
    );
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(callsOf("ReplaceRoute")).toBe(0);
    expect((await world.object()).status?.routeTables?.map((table) => table.state)).toEqual([
      "Unknown",
      "Unknown",
      "Unknown",
    ]);
    expect(world.told.filter((event) => event.reason === "EndpointUnreachable").length).toBe(1);
  });

  it("counts as bad after the retries when whenUnreadable is Recover", async () => {
    const monitor = {
      interval: "10s",
      timeout: "5s",
      retries: 2,
      retryInterval: "2s",
      startDelay: "0s",
      whenUnreadable: "Recover",
    } as const;
    const { world, clock, ec2 } = await start({ spec: { monitor } });
    await world.activate("node1", 1);
    await clock.advance(6_000);
    ec2.fail("DescribeRouteTables", { code: "CallTimeout" }, 1_000);
    await clock.advance(7_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    await clock.advance(10_000);
    expect(await world.verdict("Ready")).toBe("False CallTimeout");
  });

  it("is only a metric when whenUnreadable is Ignore", async () => {
    const monitor = {
      interval: "10s",
      timeout: "5s",
      retries: 2,
      retryInterval: "2s",
      startDelay: "0s",
      whenUnreadable: "Ignore",
    } as const;
    const { world, clock, ec2 } = await start({ spec: { monitor } });
    await world.activate("node1", 1);
    await clock.advance(6_000);
    ec2.fail("DescribeRouteTables", { code: "CallTimeout" }, 1_000);
    await clock.advance(60_000);
    expect(await world.verdict("Observed")).toBe("True Read");
  });
});

describe("mistakes", () => {
  it("an address inside the VPC is named with the block and a better one", async () => {
    const { world } = await start({ spec: { address: "10.0.5.20" } });
    expect(await world.condition("PreflightOK")).toMatchObject({
      status: "False",
      reason: "AddressInsideVpc",
      message:
        "AwsVirtualIP ha/awsvip1: address 10.0.5.20 lies inside 10.0.0.0/16 of vpc-1111aaaa; AWS routes such addresses itself. Choose one outside every CIDR of the VPC, e.g. 10.1.0.20",
    });
    expect(world.told.map((event) => event.reason)).toContain("AddressInsideVpc");
  });

  it("a missing route entry is not created but asked for", async () => {
    const { world, clock } = await start({ spec: { address: "10.7.0.20" } });
    expect(await world.condition("PreflightOK")).toMatchObject({
      reason: "NoRouteEntry",
      message:
        "no route table of vpc-1111aaaa has an entry for 10.7.0.20/32. Add one to every table whose subnets must reach it, with the ENI of any member as target",
    });
    await world.activate("node1", 1);
    await clock.advance(1_000);
    expect(await world.verdict("Ready")).toBe("False ActivationFailed");
    expect(await world.verdict("Stalled")).toBe("True NeedsOperator");
  });

  it("a source/destination check that is on is reported, and the next reading clears it", async () => {
    const { world, clock, cloud } = await start();
    cloud.ec2.setSourceDestCheck(cloud.eni1, true);
    await clock.advance(60_000);
    expect(await world.condition("PreflightOK")).toMatchObject({
      reason: "SourceDestCheckOn",
      message:
        "eni-00000001 of node1 drops packets for 10.1.0.20: source/destination check is on. Switch it off, or set spec.sourceDestCheck: Repair",
    });
    cloud.ec2.setSourceDestCheck(cloud.eni1, false);
    await clock.advance(10_100);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("with sourceDestCheck: Repair the check is switched off on every member [REQ 5.1 AWS virtual IP source/dest check]", async () => {
    const { world, clock, cloud } = await start({ spec: { sourceDestCheck: "Repair" } });
    cloud.ec2.setSourceDestCheck(cloud.eni2, true);
    await clock.advance(60_000);
    expect(cloud.ec2.state.networkInterfaces.get(cloud.eni2)?.sourceDestCheck).toBe(false);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("an address that another object holds stays with the older claim [REQ 5.2 AWS VIP monitor 56]", async () => {
    const { world, clock, addGroup } = await start();
    await clock.advance(5_000);
    await world.addObject("awsvip2", { address: ADDRESS });
    await addGroup("failover2", ["awsvip2"]);
    await clock.advance(100);
    const created = (await world.object()).metadata.creationTimestamp;
    expect(await world.condition("PreflightOK", "awsvip2")).toMatchObject({
      reason: "ClaimedElsewhere",
      message: `10.1.0.20 is already held by AwsVirtualIP ha/awsvip1 of group ha/failover1 (since ${created}); this object stays inactive`,
    });
    expect(await world.verdict("Ready", "awsvip2")).toBe("False Inactive");
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    await world.kube.delete(FAILOVER_GROUP, { namespace: NAMESPACE, name: GROUP });
    await clock.advance(100);
    expect(await world.verdict("PreflightOK", "awsvip2")).toBe("True Passed");
  });

  it("rejected credentials and missing permissions are told apart, and nothing else stops", async () => {
    const { world, clock, ec2, addGroup } = await start({ withGroup: false });
    ec2.fail("DescribeNetworkInterfaces", { code: "CredentialsRejected", providerCode: "AuthFailure" });
    await addGroup(GROUP, [VIP]);
    await clock.advance(100);
    expect(await world.verdict("PreflightOK")).toBe("False CredentialsRejected");
    expect(await world.verdict("Observed")).toBe("False CallFailed");
    expect(world.told.map((event) => `${event.type} ${event.reason}`)).toContain("Warning CredentialsRejected");
    ec2.fail("ReplaceRoute", { code: "NotAuthorized", providerCode: "UnauthorizedOperation" }, 3);
    await clock.advance(10_100);
    expect(await world.verdict("PreflightOK")).toBe("False NotAuthorized");
    expect(await world.verdict("Observed")).toBe("True Read");
    await clock.advance(10_100);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("a Secret that is missing or lacks keys is named", async () => {
    const { world, ec2 } = await start({ spec: { credentials: { secretRef: { name: "aws" } } } });
    expect(await world.condition("PreflightOK")).toMatchObject({
      reason: "CredentialsMissing",
      message: "Secret ha/aws of spec.credentials does not exist",
    });
    expect(ec2.calls).toEqual([]);
  });

  it("a namespace that may not use the ambient identity is told so", async () => {
    const { world } = await start({ settings: { ambientNamespaces: ["prod"] } });
    expect(await world.verdict("PreflightOK")).toBe("False AmbientNotAllowed");
  });

  it("an ENI override of another instance is a mismatch", async () => {
    const { world } = await start({ spec: { members: [{ node: "node1", eniId: "eni-00000002" }] } });
    expect(await world.verdict("PreflightOK")).toBe("False EniMismatch");
  });
});

describe("the object", () => {
  it("is not deleted while a group lists it", async () => {
    const { world, clock } = await start();
    await world.kube.delete(AWS_VIRTUAL_IP, { namespace: NAMESPACE, name: VIP });
    await clock.advance(100);
    expect((await world.object()).metadata.deletionTimestamp).toBeDefined();
    await world.kube.delete(FAILOVER_GROUP, { namespace: NAMESPACE, name: GROUP });
    await clock.advance(100);
    await expect(world.object()).rejects.toThrow("no object");
  });

  it("costs one DescribeRouteTables per interval, however many objects share the VPC", async () => {
    const { world, clock, cloud, ec2, callsOf, addGroup } = await start();
    for (let n = 2; n <= 8; n++) {
      const address = `10.1.0.${20 + n}`;
      for (const table of [cloud.table1, cloud.table2]) {
        cloud.ec2.createRoute(table, `${address}/32`, {
          type: "networkInterface",
          networkInterfaceId: cloud.eni1,
        });
      }
      await world.addObject(`awsvip${n}`, { address });
      await addGroup(`failover${n}`, [`awsvip${n}`]);
    }
    await clock.advance(10_000);
    ec2.calls.length = 0;
    await clock.advance(100_000);
    expect(callsOf("DescribeRouteTables")).toBeLessThanOrEqual(11);
    expect(callsOf("DescribeRouteTables")).toBeGreaterThanOrEqual(9);
  });

  it("writes its status only when something changed", async () => {
    const { world, clock } = await start();
    await world.activate("node1", 1);
    await clock.advance(20_000);
    const { resourceVersion } = (await world.object()).metadata;
    await clock.advance(120_000);
    expect((await world.object()).metadata.resourceVersion).toBe(resourceVersion);
  });
});
