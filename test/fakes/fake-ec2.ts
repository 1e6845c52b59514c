/**
 * EC2 for tests: a small region (one VPC, two zones, two members, a client's subnet on the main table) and `FakeEc2`,
 * an `Ec2Port` on it without HTTP, with scripted failures.
 */
import type { Clock } from "../../src/lib/clock.ts";
import { toCloudError } from "../../src/cloud/aws/ec2-errors.ts";
import type {
  CloudCallOptions,
  Ec2Port,
  Instance,
  NetworkInterface,
  RouteTable,
  VpcFacts,
} from "../../src/cloud/aws/ports.ts";
import { CloudError } from "../../src/cloud/errors.ts";
import type { CloudErrorCode } from "../../src/cloud/errors.ts";
import { Ec2Error } from "../../src/sandbox/ec2/ports.ts";
import { ownedBy, routeWithState } from "../../src/sandbox/ec2/state-edits.ts";
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

/** `Ec2Port` straight on a `VirtualEc2`: same answers and error codes as the adapter over HTTP, without the network. */
export class FakeEc2 implements Ec2Port {
  readonly #ec2: VirtualEc2;
  readonly #scripted: { readonly action: string; readonly outcome: FakeOutcome; left: number }[] = [];
  /** Every call that was made, in order, as `Action argument...`. */
  readonly calls: string[] = [];

  constructor(ec2: VirtualEc2) {
    this.#ec2 = ec2;
  }

  /** The next `times` calls of `action` fail so; `after: true` fails only after the change was made (a lost reply). */
  fail(action: string, outcome: FakeOutcome, times = 1): void {
    this.#scripted.push({ action, outcome, left: times });
  }

  describeVpcs(vpcIds: readonly string[], options: CloudCallOptions): Promise<VpcFacts[]> {
    return this.#call("DescribeVpcs", vpcIds.join(","), options, [], () => {
      const { vpcs } = this.#ec2.state;
      return ids(vpcs, vpcIds, "InvalidVpcID.NotFound", "vpc ID");
    });
  }

  describeRouteTables(
    query: Parameters<Ec2Port["describeRouteTables"]>[0],
    options: CloudCallOptions,
  ): Promise<RouteTable[]> {
    return this.#call(
      "DescribeRouteTables",
      "vpcId" in query ? query.vpcId : query.routeTableIds.join(","),
      options,
      [],
      () => {
        const { state } = this.#ec2;
        const tables =
          "vpcId" in query
            ? this.#ec2.routesOf(query.vpcId)
            : ids(state.routeTables, query.routeTableIds, "InvalidRouteTableID.NotFound", "routeTable ID");
        return tables.map(({ routeTableId, vpcId, routes }) => ({
          routeTableId,
          vpcId,
          routes: routes.map((route) => ({
            destinationCidr: route.destinationCidr,
            state: routeWithState(state, route).state,
            ...(route.target.type === "networkInterface"
              ? { networkInterfaceId: route.target.networkInterfaceId }
              : {}),
          })),
        }));
      },
    );
  }

  describeNetworkInterfaces(
    query: Parameters<Ec2Port["describeNetworkInterfaces"]>[0],
    options: CloudCallOptions,
  ): Promise<NetworkInterface[]> {
    return this.#call(
      "DescribeNetworkInterfaces",
      "ids" in query ? query.ids.join(",") : query.instanceId,
      options,
      [],
      () => {
        const { networkInterfaces } = this.#ec2.state;
        const enis =
          "ids" in query
            ? ids(networkInterfaces, query.ids, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID")
            : [...networkInterfaces.values()].filter((eni) => eni.attachment?.instanceId === query.instanceId);
        return enis.map(({ attachment, ...eni }) => ({
          ...eni,
          ...(attachment === undefined
            ? {}
            : { attachedInstanceId: attachment.instanceId, deviceIndex: attachment.deviceIndex }),
        }));
      },
    );
  }

  describeInstances(instanceIds: readonly string[], options: CloudCallOptions): Promise<Instance[]> {
    return this.#call("DescribeInstances", instanceIds.join(","), options, [], () => {
      const found = ids(this.#ec2.state.instances, instanceIds, "InvalidInstanceID.NotFound", "instance ID");
      return found.map(({ instanceId, state, availabilityZone, vpcId, networkInterfaceIds }) => ({
        instanceId,
        state,
        availabilityZone,
        vpcId,
        networkInterfaceIds,
      }));
    });
  }

  async replaceRoute(route: Parameters<Ec2Port["replaceRoute"]>[0], options: CloudCallOptions): Promise<void> {
    const { routeTableId, destinationCidr, networkInterfaceId } = route;
    const text = `${routeTableId} ${destinationCidr} ${networkInterfaceId}`;
    await this.#call("ReplaceRoute", text, options, undefined, () =>
      this.#ec2.replaceRoute(routeTableId, destinationCidr, { type: "networkInterface", networkInterfaceId }),
    );
  }

  async setSourceDestCheck(networkInterfaceId: string, enabled: boolean, options: CloudCallOptions): Promise<void> {
    await this.#call("ModifyNetworkInterfaceAttribute", `${networkInterfaceId} ${enabled}`, options, undefined, () =>
      this.#ec2.setSourceDestCheck(networkInterfaceId, enabled),
    );
  }

  // oxlint-disable-next-line typescript/require-await -- a port is asynchronous even where its fake is not
  async #call<T>(
    action: string,
    argument: string,
    options: CloudCallOptions,
    whenAllowed: T,
    perform: () => T,
  ): Promise<T> {
    this.calls.push(`${action}${options.dryRun === true ? "(dry)" : ""} ${argument}`);
    const scripted = this.#scripted.find((entry) => entry.action === action && entry.left > 0);
    if (scripted !== undefined) scripted.left--;
    const failure =
      scripted === undefined
        ? undefined
        : new CloudError(
            {
              code: scripted.outcome.code,
              action,
              ...(scripted.outcome.providerCode === undefined ? {} : { providerCode: scripted.outcome.providerCode }),
            },
            `EC2 ${action} failed: ${scripted.outcome.code}`,
          );
    if (failure !== undefined && scripted?.outcome.after !== true) throw failure;
    if (options.dryRun === true) return whenAllowed;
    try {
      const answer = perform();
      if (failure !== undefined) throw failure;
      return answer;
    } catch (thrown) {
      if (thrown instanceof Ec2Error)
        throw toCloudError(action, {
          name: thrown.code,
          message: thrown.message,
          $metadata: { httpStatusCode: thrown.detail.status },
        });
      throw thrown;
    }
  }
}

export interface FakeOutcome {
  readonly code: CloudErrorCode;
  readonly providerCode?: string;
  /** The change is made first. */
  readonly after?: boolean;
}

/** No ids: all, as EC2. */
function ids<T>(map: ReadonlyMap<string, T>, wanted: readonly string[], code: string, what: string): T[] {
  return wanted.length === 0 ? [...map.values()] : wanted.map((id) => ownedBy(map, id, code, what));
}
