import { afterEach, describe, expect, it } from "vitest";
import { GROUP, NAMESPACE, VIP, VipWorld } from "../../../test/builders/vip-world.ts";
import { AWS_VIRTUAL_IP, FAILOVER_GROUP } from "../../api/kinds.ts";

const worlds: VipWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(options?: Parameters<typeof VipWorld.create>[0]): Promise<VipWorld> {
  const world = await VipWorld.create(options);
  worlds.push(world);
  await world.clock.advance(50);
  return world;
}

describe("the route of a virtual IP", () => {
  it("is checked for every member before anybody is active [REQ 5.1 AWS virtual IP ENI] [REQ 5.1 AWS virtual IP VPC]", async () => {
    const world = await start();
    const { status, metadata } = await world.vip();
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
    expect(world.callsOf("ReplaceRoute")).toBe(0);
  });

  it("says with a passed preflight from where it cannot be reached [REQ 5.3 7]", async () => {
    const world = await start();
    expect((await world.condition("PreflightOK"))?.message).toBe(
      "checked for node1, node2. 10.1.0.20 cannot be reached from the internet, from other VPCs or through peering",
    );
  });

  it("follows the grant in every table once the holder's own half and dependencies are active [REQ 5.1 AWS virtual IP route tables]", async () => {
    const world = await start();
    await world.grant("node2", 1);
    await world.report("node2", 1, { app: "Activating" });
    await world.clock.advance(1_000);
    expect(world.targets()).toEqual(["eni-00000001", "eni-00000001", "eni-00000001"]);
    expect(await world.verdict("Ready")).toBe("False Activating");
    expect((await world.condition("Ready"))?.message).toBe("waits until active on node2: app/local");
    await world.report("node2", 1);
    await world.clock.advance(1);
    expect(world.targets()).toEqual(["eni-00000002", "eni-00000002", "eni-00000002"]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect((await world.vip()).status?.active).toEqual({ node: "node2", epoch: 1 });
  });

  it("ignores a report of another session or epoch", async () => {
    const world = await start();
    await world.grant("node2", 2);
    await world.report("node2", 1);
    await world.clock.advance(1_000);
    expect(world.callsOf("ReplaceRoute")).toBe(0);
  });

  it("asks the cloud nothing before the first write of a failover", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(1);
    await world.clock.advance(9_000);
    world.ec2.calls.length = 0;
    await world.activate("node2", 2);
    await world.clock.advance(1);
    expect(world.ec2.calls.slice(0, 4)).toEqual([
      "ReplaceRoute rtb-00000000000000001 10.1.0.20/32 eni-00000002",
      "ReplaceRoute rtb-0000000a 10.1.0.20/32 eni-00000002",
      "ReplaceRoute rtb-0000000b 10.1.0.20/32 eni-00000002",
      "DescribeRouteTables vpc-1111aaaa",
    ]);
  });

  it("is read again after the longest possible call, and rewritten when a late call of the past won", async () => {
    const world = await start();
    await world.activate("node2", 2);
    await world.clock.advance(100);
    world.cloud.ec2.replaceRoute(world.cloud.table1, "10.1.0.20/32", {
      type: "networkInterface",
      networkInterfaceId: world.cloud.eni1,
    });
    await world.clock.advance(4_800);
    expect(world.targets()).toContain("eni-00000001");
    await world.clock.advance(101);
    expect(world.targets()).toEqual(["eni-00000002", "eni-00000002", "eni-00000002"]);
  });

  it("is repaired within one monitor interval when a stranger changes it, with an Event, and Ready stays [REQ 5.2 AWS VIP monitor 56] [REQ 5.3 3b]", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.told.length = 0;
    world.cloud.ec2.replaceRoute(world.cloud.table2, "10.1.0.20/32", {
      type: "networkInterface",
      networkInterfaceId: world.cloud.eni2,
    });
    await world.clock.advance(10_000);
    expect(world.targets()).toEqual(["eni-00000001", "eni-00000001", "eni-00000001"]);
    expect(world.told.map((event) => `${event.type} ${event.reason}`)).toEqual(["Warning RouteWrong"]);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is missed with an Event when somebody deletes it from one table, and never put back", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.cloud.ec2.deleteRoute(world.cloud.table2, "10.1.0.20/32");
    await world.clock.advance(30_000);
    const lost = world.told.filter((event) => event.reason === "NoRouteEntry");
    expect(lost.map((event) => event.message.split(":")[0])).toEqual([world.cloud.table2]);
    expect(world.targets()).toEqual(["eni-00000001", "eni-00000001", "-"]);
  });

  it("stays as it is when the group is stopped", async () => {
    const world = await start();
    await world.activate("node2", 1);
    await world.clock.advance(10);
    await world.revoke(1);
    await world.clock.advance(30_000);
    expect(world.targets()).toEqual(["eni-00000002", "eni-00000002", "eni-00000002"]);
    expect(await world.verdict("Ready")).toBe("False Inactive");
  });

  it("is not written under a grant that the cache still shows but the group no longer has", async () => {
    const world = await start();
    await world.activate("node2", 1);
    const seen = await world.reconciler.observe({ namespace: NAMESPACE, name: VIP });
    expect(seen).toBeDefined();
    await world.clock.advance(10);
    await world.activate("node1", 2);
    await world.clock.advance(10);
    world.ec2.calls.length = 0;
    const grant = { node: "node2", epoch: 1, session: "node2_s", since: "2026-01-01T00:00:00Z" };
    const writes = [
      {
        do: "ReplaceRoute",
        region: "eu-central-1",
        routeTableId: world.cloud.table1,
        destinationCidr: "10.1.0.20/32",
        networkInterfaceId: world.cloud.eni2,
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
    expect(world.callsOf("ReplaceRoute")).toBe(0);
  });

  it("is not written by a leader that was deposed", async () => {
    const world = await start();
    world.isLeader = false;
    await world.activate("node2", 1);
    await world.clock.advance(10_000);
    expect(world.callsOf("ReplaceRoute")).toBe(0);
  });

  it("is resolved by a read when the reply to a write is lost", async () => {
    const world = await start();
    world.ec2.fail("ReplaceRoute", { code: "CallFailed", after: true }, 3);
    await world.activate("node2", 1);
    await world.clock.advance(10);
    expect(world.callsOf("ReplaceRoute")).toBe(3);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is retried with growing pauses, and says so when the activation takes too long [REQ 5.1 AWS virtual IP timeout] [REQ 5.2 AWS VIP start 9]", async () => {
    const world = await start({ spec: { timeouts: { call: "1s", activate: "5s", deactivate: "5s" } } });
    world.ec2.fail("ReplaceRoute", { code: "Throttled" }, 1_000);
    await world.activate("node2", 1);
    await world.clock.advance(4_900);
    expect(await world.verdict("Ready")).toBe("False Activating");
    expect(await world.verdict("Reconciling")).toBe("True Applying");
    await world.clock.advance(200);
    expect(await world.verdict("Ready")).toBe("False ActivationTimeout");
    const rounds = world.callsOf("ReplaceRoute") / 3;
    expect(rounds).toBeGreaterThan(4);
    expect(rounds).toBeLessThan(9);
  });
});

describe("what cannot be read", () => {
  it("is unknown: Observed says so, Ready keeps its value, nothing is written [REQ 5.3 9]", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(6_000);
    world.ec2.fail("DescribeRouteTables", { code: "EndpointUnreachable" }, 1_000);
    await world.clock.advance(60_000);
    expect(await world.verdict("Observed")).toBe("False EndpointUnreachable");
    expect((await world.condition("Observed"))?.message).toContain(
      "Check the path from the controller to the EC2 endpoint",
    );
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(world.callsOf("ReplaceRoute")).toBe(0);
    expect((await world.vip()).status?.routeTables?.map((table) => table.state)).toEqual([
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
    const world = await start({ spec: { monitor } });
    await world.activate("node1", 1);
    await world.clock.advance(6_000);
    world.ec2.fail("DescribeRouteTables", { code: "CallTimeout" }, 1_000);
    await world.clock.advance(7_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    await world.clock.advance(10_000);
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
    const world = await start({ spec: { monitor } });
    await world.activate("node1", 1);
    await world.clock.advance(6_000);
    world.ec2.fail("DescribeRouteTables", { code: "CallTimeout" }, 1_000);
    await world.clock.advance(60_000);
    expect(await world.verdict("Observed")).toBe("True Read");
  });
});

describe("mistakes", () => {
  it("an address inside the VPC is named with the block and a better one", async () => {
    const world = await start({ spec: { address: "10.0.5.20" } });
    expect(await world.condition("PreflightOK")).toMatchObject({
      status: "False",
      reason: "AddressInsideVpc",
      message:
        "AwsVirtualIP ha/awsvip1: address 10.0.5.20 lies inside 10.0.0.0/16 of vpc-1111aaaa; AWS routes such addresses itself. Choose one outside every CIDR of the VPC, e.g. 10.1.0.20",
    });
    expect(world.told.map((event) => event.reason)).toContain("AddressInsideVpc");
  });

  it("a missing route entry is not created but asked for", async () => {
    const world = await start({ spec: { address: "10.7.0.20" } });
    expect(await world.condition("PreflightOK")).toMatchObject({
      reason: "NoRouteEntry",
      message:
        "no route table of vpc-1111aaaa has an entry for 10.7.0.20/32. Add one to every table whose subnets must reach it, with the ENI of any member as target",
    });
    await world.activate("node1", 1);
    await world.clock.advance(1_000);
    expect(await world.verdict("Ready")).toBe("False ActivationFailed");
    expect(await world.verdict("Stalled")).toBe("True NeedsOperator");
  });

  it("a source/destination check that is on is reported, and the next reading clears it", async () => {
    const world = await start();
    world.cloud.ec2.setSourceDestCheck(world.cloud.eni1, true);
    await world.clock.advance(60_000);
    expect(await world.condition("PreflightOK")).toMatchObject({
      reason: "SourceDestCheckOn",
      message:
        "eni-00000001 of node1 drops packets for 10.1.0.20: source/destination check is on. Switch it off, or set spec.sourceDestCheck: Repair",
    });
    world.cloud.ec2.setSourceDestCheck(world.cloud.eni1, false);
    await world.clock.advance(10_100);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("with sourceDestCheck: Repair the check is switched off on every member [REQ 5.1 AWS virtual IP source/dest check]", async () => {
    const world = await start({ spec: { sourceDestCheck: "Repair" } });
    world.cloud.ec2.setSourceDestCheck(world.cloud.eni2, true);
    await world.clock.advance(60_000);
    expect(world.cloud.ec2.state.networkInterfaces.get(world.cloud.eni2)?.sourceDestCheck).toBe(false);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("an address that another object holds stays with the older claim", async () => {
    const world = await start();
    await world.clock.advance(5_000);
    await world.addVip("awsvip2");
    await world.addGroup("failover2", ["awsvip2"]);
    await world.clock.advance(100);
    const created = (await world.vip()).metadata.creationTimestamp;
    expect(await world.condition("PreflightOK", "awsvip2")).toMatchObject({
      reason: "ClaimedElsewhere",
      message: `10.1.0.20 is already held by AwsVirtualIP ha/awsvip1 of group ha/failover1 (since ${created}); this object stays inactive`,
    });
    expect(await world.verdict("Ready", "awsvip2")).toBe("False Inactive");
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    await world.kube.delete(FAILOVER_GROUP, { namespace: NAMESPACE, name: GROUP });
    await world.clock.advance(100);
    expect(await world.verdict("PreflightOK", "awsvip2")).toBe("True Passed");
  });

  it("rejected credentials and missing permissions are told apart, and nothing else stops", async () => {
    const world = await start({ withGroup: false });
    world.ec2.fail("DescribeNetworkInterfaces", { code: "CredentialsRejected", providerCode: "AuthFailure" });
    await world.addGroup(GROUP, [VIP]);
    await world.clock.advance(100);
    expect(await world.verdict("PreflightOK")).toBe("False CredentialsRejected");
    expect(await world.verdict("Observed")).toBe("False CallFailed");
    expect(world.told.map((event) => `${event.type} ${event.reason}`)).toContain("Warning CredentialsRejected");
    world.ec2.fail("ReplaceRoute", { code: "NotAuthorized", providerCode: "UnauthorizedOperation" }, 3);
    await world.clock.advance(10_100);
    expect(await world.verdict("PreflightOK")).toBe("False NotAuthorized");
    expect(await world.verdict("Observed")).toBe("True Read");
    await world.clock.advance(10_100);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("a Secret that is missing or lacks keys is named", async () => {
    const world = await start({ spec: { credentials: { secretRef: { name: "aws" } } } });
    expect(await world.condition("PreflightOK")).toMatchObject({
      reason: "CredentialsMissing",
      message: "Secret ha/aws of spec.credentials does not exist",
    });
    expect(world.ec2.calls).toEqual([]);
  });

  it("a namespace that may not use the ambient identity is told so", async () => {
    const world = await start({ settings: { ambientNamespaces: ["prod"] } });
    expect(await world.verdict("PreflightOK")).toBe("False AmbientNotAllowed");
  });

  it("an ENI override of another instance is a mismatch", async () => {
    const world = await start({ spec: { members: [{ node: "node1", eniId: "eni-00000002" }] } });
    expect(await world.verdict("PreflightOK")).toBe("False EniMismatch");
  });
});

describe("the object", () => {
  it("is not deleted while a group lists it", async () => {
    const world = await start();
    await world.kube.delete(AWS_VIRTUAL_IP, { namespace: NAMESPACE, name: VIP });
    await world.clock.advance(100);
    expect((await world.vip()).metadata.deletionTimestamp).toBeDefined();
    await world.kube.delete(FAILOVER_GROUP, { namespace: NAMESPACE, name: GROUP });
    await world.clock.advance(100);
    await expect(world.vip()).rejects.toThrow("no virtual IP");
  });

  it("costs one DescribeRouteTables per interval, however many objects share the VPC", async () => {
    const world = await start();
    for (let n = 2; n <= 8; n++) {
      const address = `10.1.0.${20 + n}`;
      for (const table of [world.cloud.table1, world.cloud.table2]) {
        world.cloud.ec2.createRoute(table, `${address}/32`, {
          type: "networkInterface",
          networkInterfaceId: world.cloud.eni1,
        });
      }
      await world.addVip(`awsvip${n}`, { address });
      await world.addGroup(`failover${n}`, [`awsvip${n}`]);
    }
    await world.clock.advance(10_000);
    world.ec2.calls.length = 0;
    await world.clock.advance(100_000);
    expect(world.callsOf("DescribeRouteTables")).toBeLessThanOrEqual(11);
    expect(world.callsOf("DescribeRouteTables")).toBeGreaterThanOrEqual(9);
  });

  it("writes its status only when something changed", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    const { resourceVersion } = (await world.vip()).metadata;
    await world.clock.advance(120_000);
    expect((await world.vip()).metadata.resourceVersion).toBe(resourceVersion);
  });
});
