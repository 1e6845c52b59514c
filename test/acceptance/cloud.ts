/**
 * The AWS account of a test: an emulated EC2 behind a real HTTP endpoint, with the ids that the documentation's
 * messages use. Two members in two zones, a route table per subnet.
 */
import { systemClock } from "../../src/host/system-clock.ts";
import { systemRandom } from "../../src/host/system-random.ts";
import { type Ec2Endpoint, startEc2Endpoint } from "../../src/sandbox/ec2/endpoint.ts";
import type { AccessKey } from "../../src/sandbox/ec2/signature.ts";
import { VirtualEc2 } from "../../src/sandbox/ec2/virtual-ec2.ts";
import { macOfAnyInterface } from "../../src/sandbox/loopback/file-interface.ts";

export const REGION = "ap-northeast-1";
export const VPC_ID = "vpc-1111aaaa";
export const ROUTE_TABLES = ["rtb-1111aaaa", "rtb-2222bbbb"] as const;

/** The controller's own identity. */
export const ADMIN: AccessKey = { accessKeyId: "AKIAACCEPTANCEADMIN0", secretAccessKey: "admin-of-an-emulator" };
/** May look at everything and change nothing. */
export const READER: AccessKey = {
  accessKeyId: "AKIAACCEPTANCEREAD00",
  secretAccessKey: "reader-of-an-emulator",
  allowedActions: [
    "DescribeNetworkInterfaces",
    "DescribeInstances",
    "DescribeVpcs",
    "DescribeRouteTables",
    "DescribeSubnets",
  ],
};

const ENIS = ["eni-0aaa", "eni-0bbb"] as const;
/** A second interface of the first member, with the source/destination check on as AWS creates it. */
export const CHECKED_ENI = "eni-0ccc";

export class Cloud {
  readonly ec2: VirtualEc2;
  #endpoint: Ec2Endpoint;
  readonly #instances: readonly string[];

  private constructor(ec2: VirtualEc2, endpoint: Ec2Endpoint, instances: readonly string[]) {
    this.ec2 = ec2;
    this.#endpoint = endpoint;
    this.#instances = instances;
  }

  static async start(): Promise<Cloud> {
    const ec2 = new VirtualEc2({ region: REGION }, { clock: systemClock, random: systemRandom });
    ec2.createVpc({ vpcId: VPC_ID, cidrBlocks: ["10.0.0.0/16"] });
    const instances = ROUTE_TABLES.map((routeTableId, index) => {
      const zone = `${REGION}${index === 0 ? "a" : "b"}`;
      const cidrBlock = `10.0.${index + 1}.0/24`;
      const { subnetId } = ec2.createSubnet({ vpcId: VPC_ID, cidrBlock, availabilityZone: zone });
      ec2.createRouteTable({ vpcId: VPC_ID, routeTableId });
      ec2.associateRouteTable(routeTableId, subnetId);
      const own = { networkInterfaceId: ENIS[index] ?? "", macAddress: macOfAnyInterface };
      ec2.createNetworkInterface({ subnetId, ...own, sourceDestCheck: false });
      const networkInterfaceIds = [own.networkInterfaceId];
      if (index === 0) {
        const second = { networkInterfaceId: CHECKED_ENI, macAddress: macOfAnyInterface };
        ec2.createNetworkInterface({ subnetId, ...second, sourceDestCheck: true });
        networkInterfaceIds.push(CHECKED_ENI);
      }
      return ec2.createInstance({ name: `vm${index + 1}`, networkInterfaceIds }).instanceId;
    });
    return new Cloud(ec2, await endpointOf(ec2, 0), instances);
  }

  get url(): string {
    return this.#endpoint.url;
  }

  instanceOf(index: number): string {
    return this.#instances[index] ?? "";
  }

  eniOf(index: number): string {
    return ENIS[index] ?? "";
  }

  /** What a user does before the address works: an entry in every table. */
  addRoutes(address: string): void {
    const target = { type: "networkInterface", networkInterfaceId: ENIS[0] } as const;
    for (const table of ROUTE_TABLES) this.ec2.createRoute(table, `${address}/32`, target);
  }

  /** Where each table sends the address. */
  targetsOf(address: string): string[] {
    return ROUTE_TABLES.map((id) => {
      const table = this.ec2.state.routeTables.get(id);
      const route = table?.routes.find((candidate) => candidate.destinationCidr === `${address}/32`);
      return route?.target.type === "networkInterface" ? route.target.networkInterfaceId : "";
    });
  }

  /** Nobody listens at the endpoint any more. */
  async disappear(): Promise<void> {
    await this.#endpoint.close();
  }

  async comeBack(): Promise<void> {
    this.#endpoint = await endpointOf(this.ec2, this.#endpoint.port);
  }

  async close(): Promise<void> {
    await this.#endpoint.close();
  }
}

async function endpointOf(ec2: VirtualEc2, port: number): Promise<Ec2Endpoint> {
  return await startEc2Endpoint(
    { accessKeys: [ADMIN, READER], port },
    { regions: [ec2], clock: systemClock, random: systemRandom },
  );
}
