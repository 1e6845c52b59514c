/**
 * What is known about one region of EC2 under one identity: every read goes through a `ReadCache`, so that many virtual
 * IPs cost one `DescribeRouteTables` per VPC and interval, many Elastic IPs one `DescribeAddresses`, and an activation can start from the last good answer
 * without asking anything.
 */
import type { Clock } from "../../lib/clock.ts";
import type { CallTimes } from "../call-times.ts";
import { GatheredReads, type GatheredReadsOptions } from "../gathered-reads.ts";
import { ReadCache } from "../read-cache.ts";
import type { Read, ReadWish } from "../read-cache.ts";
import type { CloudCallOptions, Ec2Port, ElasticIp, NetworkInterface, RouteTable, VpcDns, VpcFacts } from "./ports.ts";

export type { ReadWish };

export type RouteId = Parameters<Ec2Port["replaceRoute"]>[0];
export type Association = Parameters<Ec2Port["associateAddress"]>[0];

export class Ec2Knowledge {
  readonly #ec2: Ec2Port & { callTimes?: () => CallTimes | undefined };
  readonly #routeTables: ReadCache<RouteTable[]>;
  readonly #vpcs: ReadCache<VpcFacts[]>;
  readonly #vpcDns: ReadCache<VpcDns>;
  /** By instance, and by their own ids. */
  readonly #interfacesOf: GatheredReads<NetworkInterface[]>;
  readonly #interfaces: GatheredReads<NetworkInterface[]>;
  readonly #addresses: ReadCache<ElasticIp[]>;
  readonly #permissions: ReadCache<true>;

  constructor(ec2: Ec2Port & { callTimes?: () => CallTimes | undefined }, clock: Clock) {
    this.#ec2 = ec2;
    this.#routeTables = new ReadCache(clock);
    this.#vpcs = new ReadCache(clock);
    this.#vpcDns = new ReadCache(clock);
    this.#interfacesOf = gathered(clock, async (instanceIds, timeoutMs) => {
      const found = await ec2.describeNetworkInterfaces({ instanceIds }, { timeoutMs });
      return Map.groupBy(found, (eni) => eni.attachedInstanceId ?? "");
    });
    this.#interfaces = gathered(clock, async (anyOfIds, timeoutMs) => {
      const found = await ec2.describeNetworkInterfaces({ anyOfIds }, { timeoutMs });
      return Map.groupBy(found, (eni) => eni.networkInterfaceId);
    });
    this.#addresses = new ReadCache(clock);
    this.#permissions = new ReadCache(clock);
  }

  callTimes(): CallTimes | undefined {
    return this.#ec2.callTimes?.();
  }

  /** Every table of the VPC. */
  routeTables(vpcId: string, wish: ReadWish): Promise<Read<RouteTable[]>> {
    return this.#routeTables.ask(vpcId, wish, () => this.#ec2.describeRouteTables({ vpcId }, wish));
  }

  vpc(vpcId: string, wish: ReadWish): Promise<Read<VpcFacts[]>> {
    return this.#vpcs.ask(vpcId, wish, () => this.#ec2.describeVpcs([vpcId], wish));
  }

  vpcDns(vpcId: string, wish: ReadWish): Promise<Read<VpcDns>> {
    return this.#vpcDns.ask(vpcId, wish, () => this.#ec2.describeVpcDns(vpcId, wish));
  }

  /** The interfaces attached to an instance; empty when there is no such instance. */
  interfacesOf(instanceId: string, wish: ReadWish): Promise<Read<NetworkInterface[]>> {
    return this.#interfacesOf.ask(instanceId, wish);
  }

  /** Empty when there is no such interface. */
  networkInterface(id: string, wish: ReadWish): Promise<Read<NetworkInterface[]>> {
    return this.#interfaces.ask(id, wish);
  }

  /**
   * Resolves when this identity may replace the route; rejects with `NotAuthorized` when not. Changes nothing. Asked once
   * per table, whatever the destination: policies know no destinations (service authorization reference, ReplaceRoute).
   */
  mayReplaceRoute(route: RouteId, wish: ReadWish): Promise<Read<true>> {
    return this.#permissions.ask(route.routeTableId, wish, async () => {
      await this.#ec2.replaceRoute(route, { timeoutMs: wish.timeoutMs, dryRun: true });
      return true as const;
    });
  }

  /** What was read before is outdated then, whether the answer arrived or not. */
  async replaceRoute(route: RouteId, options: CloudCallOptions): Promise<void> {
    await this.#ec2.replaceRoute(route, options).finally(() => this.#routeTables.invalidateAll());
  }

  async switchSourceDestCheckOff(networkInterfaceId: string, timeoutMs: number): Promise<void> {
    await this.#ec2.setSourceDestCheck(networkInterfaceId, false, { timeoutMs });
    this.#interfaces.invalidateAll();
    this.#interfacesOf.invalidateAll();
  }

  /** Every Elastic IP of the region: one call for all of them. */
  addresses(wish: ReadWish): Promise<Read<ElasticIp[]>> {
    return this.#addresses.ask("", wish, () => this.#ec2.describeAddresses([], wish));
  }

  /** Resolves when this identity may associate the address so; rejects with `NotAuthorized` when not. Changes nothing. */
  mayAssociate(association: Association, wish: ReadWish): Promise<Read<true>> {
    const key = `${association.allocationId} ${association.networkInterfaceId}`;
    return this.#permissions.ask(key, wish, async () => {
      await this.#ec2.associateAddress(association, { timeoutMs: wish.timeoutMs, dryRun: true });
      return true as const;
    });
  }

  /** As `mayAssociate`, of undoing an association. */
  mayDisassociate(associationId: string, wish: ReadWish): Promise<Read<true>> {
    return this.#permissions.ask(associationId, wish, async () => {
      await this.#ec2.disassociateAddress(associationId, { timeoutMs: wish.timeoutMs, dryRun: true });
      return true as const;
    });
  }

  async associateAddress(association: Association, options: CloudCallOptions): Promise<void> {
    await this.#ec2.associateAddress(association, options).finally(() => this.#addresses.invalidateAll());
  }

  async disassociateAddress(associationId: string, options: CloudCallOptions): Promise<void> {
    await this.#ec2.disassociateAddress(associationId, options).finally(() => this.#addresses.invalidateAll());
  }
}

/** Most values of one filter (EC2 API reference, "Filtering"). */
const MAX_FILTER_VALUES = 200;

function gathered(
  clock: Clock,
  read: GatheredReadsOptions<NetworkInterface[]>["read"],
): GatheredReads<NetworkInterface[]> {
  return new GatheredReads({ read, absent: [], perCall: MAX_FILTER_VALUES }, clock);
}
