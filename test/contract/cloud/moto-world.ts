/** The contract's world on a moto server (its own VPC per test, so that nothing has to be removed). */
import {
  AllocateAddressCommand,
  AssociateRouteTableCommand,
  CreateNetworkInterfaceCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  EC2Client,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { Ec2ClientOptions } from "../../../src/cloud/aws/ec2-client.ts";
import type { Ec2Port } from "../../../src/cloud/aws/ports.ts";
import type { Ec2World } from "./ec2.suite.ts";

const CREDENTIALS = { accessKeyId: "testing", secretAccessKey: "testing" };
const REGION = "eu-central-1";
const CIDR = "10.0.0.0/16";
const VIP = "10.1.0.20/32";

function given(value: string | undefined): string {
  if (value === undefined) throw new Error("moto's answer lacks an id");
  return value;
}

export async function makeMotoWorld(
  endpoint: string,
  connect: (options: Ec2ClientOptions) => Promise<Ec2Port>,
): Promise<Ec2World> {
  const sdk = new EC2Client({ region: REGION, endpoint, credentials: CREDENTIALS });
  const vpc = await sdk.send(new CreateVpcCommand({ CidrBlock: CIDR }));
  const vpcId = given(vpc.Vpc?.VpcId);
  const subnet = await sdk.send(
    new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "10.0.1.0/24", AvailabilityZone: `${REGION}a` }),
  );
  const subnetId = given(subnet.Subnet?.SubnetId);
  const run = await sdk.send(
    new RunInstancesCommand({ ImageId: "ami-12345678", MinCount: 1, MaxCount: 1, SubnetId: subnetId }),
  );
  const instance = run.Instances?.[0];
  const eni1 = given(instance?.NetworkInterfaces?.[0]?.NetworkInterfaceId);
  const second = await sdk.send(new CreateNetworkInterfaceCommand({ SubnetId: subnetId }));
  const tableIds: string[] = [];
  for (let n = 0; n < 2; n++) {
    const table = await sdk.send(new CreateRouteTableCommand({ VpcId: vpcId }));
    const RouteTableId = given(table.RouteTable?.RouteTableId);
    await sdk.send(new CreateRouteCommand({ RouteTableId, DestinationCidrBlock: VIP, NetworkInterfaceId: eni1 }));
    tableIds.push(RouteTableId);
  }
  await sdk.send(new AssociateRouteTableCommand({ RouteTableId: given(tableIds[0]), SubnetId: subnetId }));
  const address = await sdk.send(new AllocateAddressCommand({ Domain: "vpc" }));
  sdk.destroy();
  return {
    ec2: await connect({ region: REGION, endpoint, credentials: CREDENTIALS }),
    vpcId,
    cidrBlock: CIDR,
    tableIds,
    vipCidr: VIP,
    eni1,
    eni2: given(second.NetworkInterface?.NetworkInterfaceId),
    instanceId: given(instance?.InstanceId),
    elasticIp: { allocationId: given(address.AllocationId), publicIp: given(address.PublicIp) },
  };
}
