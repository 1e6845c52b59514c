/**
 * EC2 for tests: a small region (one VPC, two zones, two members, a client's subnet on the main table) and `FakeEc2`,
 * an `Ec2Port` on it without HTTP, with scripted failures.
 */
import type { Clock } from "../../src/lib/clock.ts";
import { VirtualEc2 } from "../../src/sandbox/ec2/virtual-ec2.ts";
import { seededRandom } from "./seeded-random.ts";

export const VIP_CIDR = "10.1.0.20/32";

export interface SmallVpc {
  readonly ec2: VirtualEc2;
  readonly vpcId: string;
  readonly subnet1: string;
  readonly subnet2: string;
  readonly subnet3: string;
  readonly mainTable: string;
  readonly table1: string;
  readonly table2: string;
  readonly eni1: string;
  readonly eni2: string;
  readonly instance1: string;
  readonly instance2: string;
}

/** Two members in two zones; all three tables carry the VIP, pointing to the first member's interface. */
export function smallVpc(clock: Clock, region = "eu-central-1"): SmallVpc {
  const ec2 = new VirtualEc2({ region }, { clock, random: seededRandom(7) });
  const mainTable = "rtb-00000000000000001";
  const { vpcId } = ec2.createVpc({ vpcId: "vpc-1111aaaa", cidrBlocks: ["10.0.0.0/16"], mainRouteTableId: mainTable });
  const subnet = (subnetId: string, cidrBlock: string, zone: string): string =>
    ec2.createSubnet({ subnetId, vpcId, cidrBlock, availabilityZone: `${region}${zone}` }).subnetId;
  const subnet1 = subnet("subnet-0000001", "10.0.1.0/24", "a");
  const subnet2 = subnet("subnet-0000002", "10.0.2.0/24", "b");
  const subnet3 = subnet("subnet-0000003", "10.0.3.0/24", "a");
  const [table1, table2] = ["rtb-0000000a", "rtb-0000000b"];
  ec2.createRouteTable({ vpcId, routeTableId: table1 });
  ec2.createRouteTable({ vpcId, routeTableId: table2 });
  ec2.associateRouteTable(table1, subnet1);
  ec2.associateRouteTable(table2, subnet2);
  const member = (n: string, subnetId: string): [string, string] => {
    const networkInterfaceId = `eni-0000000${n}`;
    ec2.createNetworkInterface({
      networkInterfaceId,
      subnetId,
      privateIpAddress: `10.0.${n}.10`,
      macAddress: `02:00:00:00:00:0${n}`,
      sourceDestCheck: false,
    });
    const { instanceId } = ec2.createInstance({
      name: `node${n}`,
      instanceId: `i-0000000${n}`,
      networkInterfaceIds: [networkInterfaceId],
    });
    return [networkInterfaceId, instanceId];
  };
  const [eni1, instance1] = member("1", subnet1);
  const [eni2, instance2] = member("2", subnet2);
  for (const table of [mainTable, table1, table2]) {
    ec2.createRoute(table, VIP_CIDR, { type: "networkInterface", networkInterfaceId: eni1 });
  }
  return { ec2, vpcId, subnet1, subnet2, subnet3, mainTable, table1, table2, eni1, eni2, instance1, instance2 };
}
