/**
 * EC2 for tests: a small region (one VPC, two zones, two members, a client's subnet on the main table) and `FakeEc2`,
 * an `Ec2Port` on it without HTTP, with scripted failures.
 */
import { sleep } from "../../src/lib/clock.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type {
  CloudCallOptions,
  Ec2Port,
  ElasticIp,
  Instance,
  NetworkInterface,
  RouteTable,
  VpcDns,
  VpcFacts,
} from "../../src/cloud/aws/ports.ts";
import { CloudError } from "../../src/cloud/errors.ts";
import { publicAddressOf } from "../../src/sandbox/ec2/address-rules.ts";
import { Ec2Error } from "../../src/sandbox/ec2/ports.ts";
import { ownedBy, routeWithState } from "../../src/sandbox/ec2/state-edits.ts";
import { VirtualEc2 } from "../../src/sandbox/ec2/virtual-ec2.ts";
import { scriptedAnswer, type FakeOutcome } from "./scripted-outcome.ts";
import { seededRandom } from "./seeded-random.ts";

export type { FakeOutcome };

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
  /** Calls whose sender wants to be asked before they are sent wait for it, as for the budget of the region. */
  turn: Promise<void> | undefined;

  /** Told before each call is sent. */
  onCall: (call: string) => void = () => undefined;
  /** Calls take time, may arrive after the caller has given up, and reads may be stale. Undefined: at once. */
  network: FakeNetwork | undefined;

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
      const found = ids(vpcs, vpcIds, "InvalidVpcID.NotFound", "vpc ID");
      return found.map(({ vpcId, cidrBlocks }) => ({ vpcId, cidrBlocks }));
    });
  }

  describeVpcDns(vpcId: string, options: CloudCallOptions): Promise<VpcDns> {
    const off = { hasDnsSupport: false, hasDnsHostnames: false };
    return this.#call("DescribeVpcAttribute", vpcId, options, off, () => {
      const { dns } = ownedBy(this.#ec2.state.vpcs, vpcId, "InvalidVpcID.NotFound", "vpc ID");
      return { hasDnsSupport: dns.support, hasDnsHostnames: dns.hostnames };
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
    return this.#call("DescribeNetworkInterfaces", Object.values(query).flat().join(","), options, [], () => {
      const { networkInterfaces } = this.#ec2.state;
      const enis =
        "ids" in query
          ? ids(networkInterfaces, query.ids, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID")
          : [...networkInterfaces.values()].filter(({ networkInterfaceId, attachment }) =>
              "anyOfIds" in query
                ? query.anyOfIds.includes(networkInterfaceId)
                : query.instanceIds.includes(attachment?.instanceId ?? ""),
            );
      return enis.map(({ attachment, assignedPublicIp: _shown, ...eni }) => ({
        ...eni,
        ...publicIpOf(this.#ec2, eni.networkInterfaceId),
        ...(attachment === undefined
          ? {}
          : { attachedInstanceId: attachment.instanceId, deviceIndex: attachment.deviceIndex }),
      }));
    });
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

  describeAddresses(allocationIds: readonly string[], options: CloudCallOptions): Promise<ElasticIp[]> {
    return this.#call("DescribeAddresses", allocationIds.join(","), options, [], () =>
      ids(this.#ec2.state.addresses, allocationIds, "InvalidAllocationID.NotFound", "allocation ID"),
    );
  }

  async associateAddress(
    { allocationId, networkInterfaceId }: Parameters<Ec2Port["associateAddress"]>[0],
    options: CloudCallOptions,
  ): Promise<void> {
    await this.#call("AssociateAddress", `${allocationId} ${networkInterfaceId}`, options, undefined, () => {
      this.#ec2.associateAddress({ allocationId, networkInterfaceId, allowReassociation: true });
    });
  }

  async disassociateAddress(associationId: string, options: CloudCallOptions): Promise<void> {
    await this.#call("DisassociateAddress", associationId, options, undefined, () =>
      this.#ec2.disassociateAddress(associationId),
    );
  }

  async #call<T>(
    action: string,
    argument: string,
    options: CloudCallOptions,
    whenAllowed: T,
    perform: () => T,
  ): Promise<T> {
    if (this.turn !== undefined && options.beforeSend !== undefined) await this.turn;
    options.beforeSend?.();
    const call = `${action}${options.dryRun === true ? "(dry)" : ""} ${argument}`;
    this.calls.push(call);
    this.onCall(call);
    const scripted = this.#scripted.find((entry) => entry.action === action && entry.left > 0);
    if (scripted !== undefined) scripted.left--;
    const answer = (): T =>
      scriptedAnswer({ service: "EC2", action, refusal: Ec2Error }, scripted?.outcome, () =>
        options.dryRun === true ? whenAllowed : perform(),
      );
    return this.network === undefined ? answer() : await overNetwork(this.network, action, options.timeoutMs, answer);
  }
}

export interface FakeNetwork {
  readonly clock: Clock;
  /** Time until the call takes effect and until its answer is back, in ms. */
  readonly trip: (action: string) => { readonly thereMs: number; readonly backMs: number };
}

/** The effect comes when it comes, also after the caller's deadline. */
async function overNetwork<T>(network: FakeNetwork, action: string, timeoutMs: number, answer: () => T): Promise<T> {
  const { clock } = network;
  const { thereMs, backMs } = network.trip(action);
  const round = async (): Promise<T> => {
    await sleep(clock, thereMs);
    const value = answer();
    await sleep(clock, backMs);
    return value;
  };
  const deadline = async (): Promise<never> => {
    await sleep(clock, timeoutMs);
    throw new CloudError({ code: "CallTimeout", action }, `EC2 ${action}: no answer within ${timeoutMs} ms`);
  };
  return await Promise.race([round(), deadline()]);
}

/** No ids: all, as EC2. */
function ids<T>(map: ReadonlyMap<string, T>, wanted: readonly string[], code: string, what: string): T[] {
  return wanted.length === 0 ? [...map.values()] : wanted.map((id) => ownedBy(map, id, code, what));
}

function publicIpOf({ state }: VirtualEc2, networkInterfaceId: string): Pick<NetworkInterface, "publicIp"> {
  const found = publicAddressOf(state, networkInterfaceId);
  if (found === undefined) return {};
  const { publicIp: address, allocationId } = found;
  return { publicIp: { address, ...(allocationId === undefined ? {} : { allocationId }) } };
}
