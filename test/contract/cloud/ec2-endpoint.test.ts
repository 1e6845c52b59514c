import { afterEach, describe, expect, it } from "vitest";
import {
  CreateRouteCommand,
  DescribeAvailabilityZonesCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  ReplaceRouteCommand,
  StopInstancesCommand,
} from "@aws-sdk/client-ec2";
import { smallVpc, VIP_CIDR } from "../../fakes/fake-ec2.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { startEc2Endpoint } from "../../../src/sandbox/ec2/endpoint.ts";
import type { Ec2Endpoint, Ec2EndpointOptions } from "../../../src/sandbox/ec2/endpoint.ts";

const KEYS = [
  { accessKeyId: "AKIAALL", secretAccessKey: "secret-of-all" },
  { accessKeyId: "AKIAREADER", secretAccessKey: "secret-of-reader", allowedActions: ["DescribeRouteTables"] },
];
const [, reader] = KEYS;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function start(options: Partial<Ec2EndpointOptions> = {}): Promise<
  ReturnType<typeof smallVpc> & {
    endpoint: Ec2Endpoint;
    client: EC2Client;
    as: (key: { accessKeyId: string; secretAccessKey: string }) => EC2Client;
  }
> {
  const world = smallVpc(systemClock);
  const modules = { regions: [world.ec2], clock: systemClock, random: seededRandom(3) };
  const endpoint = await startEc2Endpoint({ accessKeys: KEYS, ...options }, modules);
  cleanups.push(() => endpoint.close());
  const as = (credentials: { accessKeyId: string; secretAccessKey: string }): EC2Client => {
    const client = new EC2Client({ region: "eu-central-1", endpoint: endpoint.url, credentials, maxAttempts: 1 });
    cleanups.push(() => client.destroy());
    return client;
  };
  return { ...world, endpoint, as, client: as(KEYS[0] ?? { accessKeyId: "", secretAccessKey: "" }) };
}

async function failure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (thrown) {
    const { name, $metadata } = Object(thrown);
    return `${name} ${$metadata?.httpStatusCode ?? "-"}`;
  }
  return "no error";
}

describe("the EC2 endpoint, as the SDK sees it", () => {
  it("describes VPCs, subnets, zones, tables, interfaces and instances", async () => {
    const { client, vpcId, eni1, instance1, mainTable, table1 } = await start();
    const vpcs = await client.send(new DescribeVpcsCommand({ VpcIds: [vpcId] }));
    expect(
      vpcs.Vpcs?.[0]?.CidrBlockAssociationSet?.map((block) => `${block.CidrBlock} ${block.CidrBlockState?.State}`),
    ).toEqual(["10.0.0.0/16 associated"]);
    const subnets = await client.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "availability-zone", Values: ["eu-central-1a"] }] }),
    );
    expect(subnets.Subnets?.map((subnet) => subnet.CidrBlock)).toEqual(["10.0.1.0/24", "10.0.3.0/24"]);
    const zones = await client.send(new DescribeAvailabilityZonesCommand({}));
    expect(zones.AvailabilityZones?.map((zone) => `${zone.ZoneName} ${zone.State}`)).toEqual([
      "eu-central-1a available",
      "eu-central-1b available",
    ]);
    const tables = await client.send(
      new DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] }),
    );
    expect(tables.RouteTables?.map((table) => table.RouteTableId)).toEqual([mainTable, table1, "rtb-0000000b"]);
    expect(tables.RouteTables?.[0]?.Associations?.[0]?.Main).toBe(true);
    expect(tables.RouteTables?.[1]?.Routes).toMatchObject([
      { DestinationCidrBlock: "10.0.0.0/16", GatewayId: "local", State: "active" },
      { DestinationCidrBlock: VIP_CIDR, NetworkInterfaceId: eni1, InstanceId: instance1, State: "active" },
    ]);
    const enis = await client.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: "attachment.instance-id", Values: [instance1] }] }),
    );
    expect(enis.NetworkInterfaces).toMatchObject([
      {
        NetworkInterfaceId: eni1,
        SourceDestCheck: false,
        MacAddress: "02:00:00:00:00:01",
        Attachment: { DeviceIndex: 0 },
      },
    ]);
    const instances = await client.send(new DescribeInstancesCommand({ InstanceIds: [instance1] }));
    expect(instances.Reservations?.[0]?.Instances?.[0]).toMatchObject({
      State: { Name: "running" },
      Placement: { AvailabilityZone: "eu-central-1a" },
    });
    const status = await client.send(new DescribeInstanceStatusCommand({}));
    expect(status.InstanceStatuses?.length).toBe(2);
  });

  it("pages answers by token", async () => {
    const { client } = await start({ pageSize: 2 });
    const first = await client.send(new DescribeRouteTablesCommand({}));
    const second = await client.send(new DescribeRouteTablesCommand({ NextToken: first.NextToken }));
    expect([first.RouteTables?.length, second.RouteTables?.length, second.NextToken]).toEqual([2, 1, undefined]);
  });

  it("replaces routes, switches the check, and stops instances", async () => {
    const { client, ec2, table1, eni2, instance1, eni1 } = await start();
    await client.send(
      new ReplaceRouteCommand({ RouteTableId: table1, DestinationCidrBlock: VIP_CIDR, NetworkInterfaceId: eni2 }),
    );
    expect(ec2.routesOf("vpc-1111aaaa")[1]?.routes[1]?.target).toEqual({
      type: "networkInterface",
      networkInterfaceId: eni2,
    });
    await client.send(new ModifyInstanceAttributeCommand({ InstanceId: instance1, SourceDestCheck: { Value: true } }));
    expect(ec2.state.networkInterfaces.get(eni1)?.sourceDestCheck).toBe(true);
    const stopped = await client.send(
      new StopInstancesCommand({ InstanceIds: [instance1], Force: true, SkipOsShutdown: true }),
    );
    expect(stopped.StoppingInstances).toMatchObject([
      { CurrentState: { Name: "stopping" }, PreviousState: { Name: "running" } },
    ]);
  });

  it("answers with AWS's error codes and statuses", async () => {
    const { client, table1, eni2 } = await start();
    const replace = (RouteTableId: string, DestinationCidrBlock: string, NetworkInterfaceId: string): Promise<string> =>
      failure(client.send(new ReplaceRouteCommand({ RouteTableId, DestinationCidrBlock, NetworkInterfaceId })));
    expect(await replace("rtb-0", VIP_CIDR, eni2)).toBe("InvalidRouteTableID.NotFound 400");
    expect(await replace(table1, VIP_CIDR, "eni-0")).toBe("InvalidNetworkInterfaceID.NotFound 400");
    expect(await replace(table1, "10.9.9.9/32", eni2)).toBe("InvalidParameterValue 400");
    expect(await failure(client.send(new DescribeVpcsCommand({ VpcIds: ["vpc-0"] })))).toBe(
      "InvalidVpcID.NotFound 400",
    );
    expect(
      await failure(client.send(new DescribeVpcsCommand({ Filters: [{ Name: "colour", Values: ["red"] }] }))),
    ).toBe("InvalidParameterValue 400");
    expect(
      await failure(
        client.send(
          new CreateRouteCommand({ RouteTableId: table1, DestinationCidrBlock: VIP_CIDR, NetworkInterfaceId: eni2 }),
        ),
      ),
    ).toBe("RouteAlreadyExists 400");
  });

  it("checks who signed and what the key may do, in a dry run as well", async () => {
    const { client, as, ec2, table1, eni2, eni1 } = await start();
    const input = { RouteTableId: table1, DestinationCidrBlock: VIP_CIDR, NetworkInterfaceId: eni2, DryRun: true };
    expect(await failure(client.send(new ReplaceRouteCommand(input)))).toBe("DryRunOperation 412");
    expect(
      await failure(as(reader ?? { accessKeyId: "", secretAccessKey: "" }).send(new ReplaceRouteCommand(input))),
    ).toBe("UnauthorizedOperation 403");
    expect(
      await failure(as({ accessKeyId: "AKIAALL", secretAccessKey: "wrong" }).send(new DescribeVpcsCommand({}))),
    ).toBe("AuthFailure 401");
    expect(
      await failure(as({ accessKeyId: "AKIANOBODY", secretAccessKey: "x" }).send(new DescribeVpcsCommand({}))),
    ).toBe("AuthFailure 401");
    expect(ec2.state.routeTables.get(table1)?.routes[1]?.target).toEqual({
      type: "networkInterface",
      networkInterfaceId: eni1,
    });
  });

  it("throttles, fails, answers stale, loses replies and counts calls as told", async () => {
    const { client, endpoint, ec2, table1, eni1, eni2 } = await start();
    const replace = (): Promise<string> =>
      failure(
        client.send(
          new ReplaceRouteCommand({ RouteTableId: table1, DestinationCidrBlock: VIP_CIDR, NetworkInterfaceId: eni2 }),
        ),
      );
    endpoint.faults.inject({ actions: ["ReplaceRoute"], outcome: { type: "throttle" }, times: 1 });
    expect(await replace()).toBe("RequestLimitExceeded 503");
    endpoint.faults.inject({ outcome: { type: "error", code: "InternalError", status: 500 }, times: 1 });
    expect(await replace()).toBe("InternalError 500");
    const target = (): unknown => ec2.state.routeTables.get(table1)?.routes[1]?.target;
    expect(target()).toEqual({ type: "networkInterface", networkInterfaceId: eni1 });
    endpoint.faults.inject({ actions: ["ReplaceRoute"], outcome: { type: "loseReply" }, times: 1 });
    expect(await replace()).not.toBe("no error");
    expect(target()).toEqual({ type: "networkInterface", networkInterfaceId: eni2 });
    endpoint.faults.inject({ actions: ["DescribeRouteTables"], staleMs: 60_000, times: 1 });
    expect((await client.send(new DescribeRouteTablesCommand({}))).RouteTables).toEqual([]);
    expect(Object.fromEntries(endpoint.calls)).toEqual({ ReplaceRoute: 3, DescribeRouteTables: 1 });
  });
});
