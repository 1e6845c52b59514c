/**
 * One region of EC2 in memory: what the endpoint answers from, what the world builds and the router obeys.
 *
 * The idea: one immutable `Ec2State`, replaced by every change; listeners run after the change, in its order. Reading
 * `stateAt` gives an older one, which is how the endpoint answers stale reads.
 * The invariant: every id in a state leads to an object of the same state, except a route's interface, which may be gone
 * (a blackhole, as in EC2).
 * Must never do: notice by itself that a machine crashed. EC2 says `running` about a VM whose kernel panicked; only
 * StopInstances, StartInstances and the hypervisor's word change the state of an instance.
 *
 *   pending --boot--> running --StopInstances--> stopping --off--> stopped --StartInstances--> pending
 */
import { assert } from "../../lib/assert.ts";
import { sleep } from "../../lib/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import { cidrContains } from "../../lib/ipv4.ts";
import type { Random } from "../../lib/random.ts";
import { type Association, withAssociation, withoutAssociation } from "./address-rules.ts";
import { Ec2Error } from "./ports.ts";
import type {
  Ec2Change,
  Ec2Listener,
  Ec2State,
  Hypervisor,
  ElasticAddress,
  Instance,
  InstanceEvent,
  NetworkInterface,
  NewInterface,
  Route,
  RouteTable,
  RouteTarget,
  StopOptions,
  Subnet,
  Vpc,
  VpcDns,
} from "./ports.ts";
import { routesWithNew, routesWithReplaced, routesWithout } from "./route-rules.ts";
import { freeAddressOf, incorrectState, ownedBy, put } from "./state-edits.ts";

export interface VirtualEc2Options {
  readonly region: string;
  /** Default: two, `<region>a` and `<region>b`. */
  readonly zoneNames?: readonly string[];
  /** Least time between `pending` and `running`, in ms; default 1000. */
  readonly startMs?: number;
  /** Least time between `stopping` and `stopped`, in ms; default 1000. */
  readonly stopMs?: number;
  /** How far back `stateAt` reaches, in ms; default 60000. */
  readonly historyMs?: number;
}

export interface VirtualEc2Modules {
  readonly clock: Clock;
  readonly random: Random;
}

const MAX_HISTORY = 1_000;

export class VirtualEc2 {
  readonly region: string;
  readonly ownerId = "123456789012";
  readonly #options: Required<Omit<VirtualEc2Options, "zoneNames">>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listeners = new Set<Ec2Listener>();
  readonly #history: { readonly sinceMs: number; readonly state: Ec2State }[] = [];
  #state: Ec2State;
  #hypervisor: Hypervisor = { start: () => Promise.resolve(), stop: () => Promise.resolve() };

  constructor(options: VirtualEc2Options, modules: VirtualEc2Modules) {
    this.region = options.region;
    this.#options = { startMs: 1_000, stopMs: 1_000, historyMs: 60_000, ...options };
    this.#clock = modules.clock;
    this.#random = modules.random;
    const names = options.zoneNames ?? [`${options.region}a`, `${options.region}b`];
    const zones = names.map((name, index) => ({ name, zoneId: `vz1-az${index + 1}`, state: "available" as const }));
    this.#state = {
      zones,
      vpcs: new Map(),
      subnets: new Map(),
      routeTables: new Map(),
      networkInterfaces: new Map(),
      instances: new Map(),
      addresses: new Map(),
    };
    this.#history.push({ sinceMs: this.#clock.monotonicMs(), state: this.#state });
  }

  /** Who really starts and stops machines; without one, instances change state on time alone. */
  setHypervisor(hypervisor: Hypervisor): void {
    this.#hypervisor = hypervisor;
  }

  get state(): Ec2State {
    return this.#state;
  }

  /** The state as it was `agoMs` milliseconds ago, or the oldest one remembered. */
  stateAt(agoMs: number): Ec2State {
    const atMs = this.#clock.monotonicMs() - agoMs;
    const found = this.#history.findLast((entry) => entry.sinceMs <= atMs) ?? this.#history[0];
    return found?.state ?? this.#state;
  }

  /** Called after every change, synchronously and in order. Returns the function that ends it. */
  subscribe(listener: Ec2Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  routesOf(vpcId: string): RouteTable[] {
    return [...this.#state.routeTables.values()].filter((table) => table.vpcId === vpcId);
  }

  // ---- building the world ----

  /** A VPC with its main route table, which holds the local routes. */
  createVpc(vpc: {
    readonly cidrBlocks: readonly string[];
    readonly vpcId?: string;
    readonly mainRouteTableId?: string;
    readonly dns?: VpcDns;
  }): Vpc {
    assert(vpc.cidrBlocks.length > 0, "a VPC has at least one CIDR block");
    const { cidrBlocks, dns = { support: true, hostnames: true } } = vpc;
    const created: Vpc = { vpcId: vpc.vpcId ?? this.#newId("vpc"), cidrBlocks, dns };
    this.putVpc(created);
    this.#addTable(created, vpc.mainRouteTableId ?? this.#newId("rtb"), true);
    return created;
  }

  /** Also what somebody changes about a VPC. */
  putVpc(vpc: Vpc): void {
    this.#change({ object: "vpc", id: vpc.vpcId }, { vpcs: put(this.#state.vpcs, vpc.vpcId, vpc) });
  }

  createSubnet(subnet: Omit<Subnet, "subnetId"> & { readonly subnetId?: string }): Subnet {
    const vpc = ownedBy(this.#state.vpcs, subnet.vpcId, "InvalidVpcID.NotFound", "vpc ID");
    assert(
      vpc.cidrBlocks.some((block) => cidrContains(block, subnet.cidrBlock)),
      "a subnet lies inside its VPC",
    );
    assert(
      this.#state.zones.some((zone) => zone.name === subnet.availabilityZone),
      "the subnet's zone exists",
    );
    const created: Subnet = { ...subnet, subnetId: subnet.subnetId ?? this.#newId("subnet") };
    this.#change(
      { object: "subnet", id: created.subnetId },
      { subnets: put(this.#state.subnets, created.subnetId, created) },
    );
    return created;
  }

  createRouteTable(table: { readonly vpcId: string; readonly routeTableId?: string }): RouteTable {
    const vpc = ownedBy(this.#state.vpcs, table.vpcId, "InvalidVpcID.NotFound", "vpc ID");
    return this.#addTable(vpc, table.routeTableId ?? this.#newId("rtb"), false);
  }

  /** Moves the subnet from the main or any other table to this one. */
  associateRouteTable(routeTableId: string, subnetId: string): void {
    ownedBy(this.#state.subnets, subnetId, "InvalidSubnetID.NotFound", "subnet ID");
    this.#table(routeTableId);
    const tables = new Map(this.#state.routeTables);
    for (const [id, table] of tables) {
      const others = table.subnetIds.filter((other) => other !== subnetId);
      tables.set(id, { ...table, subnetIds: id === routeTableId ? [...others, subnetId] : others });
    }
    this.#change({ object: "routeTable", id: routeTableId }, { routeTables: tables });
  }

  createNetworkInterface(eni: NewInterface): NetworkInterface {
    const subnet = ownedBy(this.#state.subnets, eni.subnetId, "InvalidSubnetID.NotFound", "subnet ID");
    const created: NetworkInterface = {
      networkInterfaceId: eni.networkInterfaceId ?? this.#newId("eni"),
      vpcId: subnet.vpcId,
      subnetId: subnet.subnetId,
      availabilityZone: subnet.availabilityZone,
      macAddress: eni.macAddress ?? `02:${this.#hex(10).replace(/(..)(?=.)/g, "$1:")}`,
      privateIpAddress: eni.privateIpAddress ?? freeAddressOf(this.#state, subnet),
      sourceDestCheck: eni.sourceDestCheck ?? true,
      ...(eni.assignedPublicIp === undefined ? {} : { assignedPublicIp: eni.assignedPublicIp }),
    };
    this.#putInterface(created);
    return created;
  }

  /** An instance in `running` (or `state`), with these interfaces attached by their order. */
  createInstance(instance: {
    readonly name: string;
    readonly networkInterfaceIds: readonly string[];
    readonly instanceId?: string;
    readonly state?: Instance["state"];
  }): Instance {
    const [primaryId] = instance.networkInterfaceIds;
    assert(primaryId !== undefined, "an instance has a primary interface");
    const primary = this.#interface(primaryId);
    const created: Instance = {
      instanceId: instance.instanceId ?? this.#newId("i"),
      name: instance.name,
      state: instance.state ?? "running",
      availabilityZone: primary.availabilityZone,
      vpcId: primary.vpcId,
      subnetId: primary.subnetId,
      networkInterfaceIds: instance.networkInterfaceIds,
    };
    this.#putInstance(created);
    for (const [deviceIndex, id] of instance.networkInterfaceIds.entries()) {
      this.#putInterface({ ...this.#interface(id), attachment: { instanceId: created.instanceId, deviceIndex } });
    }
    return created;
  }

  allocateAddress(publicIp: string, allocationId = this.#newId("eipalloc")): ElasticAddress {
    const created = { allocationId, publicIp };
    this.#change(
      { object: "address", id: allocationId },
      { addresses: put(this.#state.addresses, allocationId, created) },
    );
    return created;
  }

  /** Detached interfaces only, as EC2 (InvalidParameterValue while in use). */
  deleteNetworkInterface(networkInterfaceId: string): void {
    const eni = this.#interface(networkInterfaceId);
    if (eni.attachment !== undefined) {
      throw new Ec2Error("InvalidParameterValue", `Network interface '${networkInterfaceId}' is currently in use.`);
    }
    const networkInterfaces = new Map(this.#state.networkInterfaces);
    networkInterfaces.delete(networkInterfaceId);
    this.#change({ object: "networkInterface", id: networkInterfaceId }, { networkInterfaces });
  }

  // ---- what the API can change ----

  createRoute(routeTableId: string, destinationCidr: string, target: RouteTarget): void {
    const table = this.#table(routeTableId);
    this.#putRoutes(table, routesWithNew(this.#state, table, { destinationCidr, target }));
  }

  replaceRoute(routeTableId: string, destinationCidr: string, target: RouteTarget): void {
    const table = this.#table(routeTableId);
    this.#putRoutes(table, routesWithReplaced(this.#state, table, { destinationCidr, target }));
  }

  deleteRoute(routeTableId: string, destinationCidr: string): void {
    const table = this.#table(routeTableId);
    this.#putRoutes(table, routesWithout(table, destinationCidr));
  }

  /** Returns the association's id. */
  associateAddress(association: Omit<Association, "newId">): string {
    const wanted = { ...association, newId: this.#newId("eipassoc") };
    const { associationId, ...changed } = withAssociation(this.#state, wanted);
    this.#change({ object: "address", id: association.allocationId }, changed);
    return associationId;
  }

  disassociateAddress(associationId: string): void {
    const { allocationId, ...changed } = withoutAssociation(this.#state, associationId);
    this.#change({ object: "address", id: allocationId }, changed);
  }

  setSourceDestCheck(networkInterfaceId: string, enabled: boolean): void {
    this.#putInterface({ ...this.#interface(networkInterfaceId), sourceDestCheck: enabled });
  }

  /**
   * StartInstances: answers at once with `pending`; `running` follows when the hypervisor gave it power and `startMs` passed.
   * A running or pending instance stays as it is; from other states IncorrectInstanceState.
   */
  startInstance(instanceId: string): {
    readonly previous: Instance["state"];
    readonly current: Instance["state"];
    readonly settled: Promise<void>;
  } {
    const { state: previous } = this.#instance(instanceId);
    if (previous === "running" || previous === "pending")
      return { previous, current: previous, settled: Promise.resolve() };
    if (previous !== "stopped") throw incorrectState(instanceId, "started");
    this.setInstanceState(instanceId, "pending");
    const work = this.#hypervisor.start(instanceId);
    return {
      previous,
      current: "pending",
      settled: this.#settle(instanceId, work, this.#options.startMs, "pending", "running"),
    };
  }

  /** StopInstances: `stopping` at once, `stopped` when the hypervisor says off and `stopMs` passed. */
  stopInstance(
    instanceId: string,
    options: StopOptions,
  ): { readonly previous: Instance["state"]; readonly current: Instance["state"]; readonly settled: Promise<void> } {
    const { state: previous } = this.#instance(instanceId);
    const again = previous === "stopping" && options.force;
    if (previous === "stopped" || (previous === "stopping" && !again))
      return { previous, current: previous, settled: Promise.resolve() };
    if (previous !== "running" && previous !== "pending" && !again) throw incorrectState(instanceId, "stopped");
    this.setInstanceState(instanceId, "stopping", "Client.UserInitiatedShutdown");
    const work = this.#hypervisor.stop(instanceId, options);
    return {
      previous,
      current: "stopping",
      settled: this.#settle(instanceId, work, this.#options.stopMs, "stopping", "stopped"),
    };
  }

  /** For the world: what the hypervisor knows by itself, e.g. a guest that powered off. A crash is not such a thing. */
  setInstanceState(instanceId: string, state: Instance["state"], stateReason?: string): void {
    const { stateReason: _old, ...instance } = this.#instance(instanceId);
    this.#putInstance({ ...instance, state, ...(stateReason === undefined ? {} : { stateReason }) });
  }

  /** What AWS has planned for an instance. */
  setInstanceEvents(instanceId: string, events: readonly InstanceEvent[]): void {
    this.#putInstance({ ...this.#instance(instanceId), events });
  }

  async #settle(
    instanceId: string,
    work: Promise<void>,
    leastMs: number,
    from: Instance["state"],
    to: Instance["state"],
  ): Promise<void> {
    const outcome = await Promise.allSettled([work, sleep(this.#clock, leastMs)]);
    const failed = outcome[0].status === "rejected";
    if (this.#instance(instanceId).state !== from) return;
    if (failed) this.setInstanceState(instanceId, from === "pending" ? "stopped" : "running", "Server.InternalError");
    else this.setInstanceState(instanceId, to, to === "stopped" ? "Client.UserInitiatedShutdown" : undefined);
  }

  // ---- inside ----

  #change(change: Ec2Change, replaced: Partial<Ec2State>): void {
    const nowMs = this.#clock.monotonicMs();
    this.#state = { ...this.#state, ...replaced };
    this.#history.push({ sinceMs: nowMs, state: this.#state });
    const keepSinceMs = nowMs - this.#options.historyMs;
    while (this.#history.length > MAX_HISTORY || (this.#history[1]?.sinceMs ?? nowMs) < keepSinceMs)
      this.#history.shift();
    for (const listener of this.#listeners) listener(change, this.#state);
  }

  #addTable(vpc: Vpc, routeTableId: string, main: boolean): RouteTable {
    const routes: Route[] = vpc.cidrBlocks.map((destinationCidr) => ({ destinationCidr, target: { type: "local" } }));
    const table: RouteTable = { routeTableId, vpcId: vpc.vpcId, main, subnetIds: [], routes };
    this.#change(
      { object: "routeTable", id: routeTableId },
      { routeTables: put(this.#state.routeTables, routeTableId, table) },
    );
    return table;
  }

  #putRoutes(table: RouteTable, routes: readonly Route[]): void {
    const routeTables = put(this.#state.routeTables, table.routeTableId, { ...table, routes });
    this.#change({ object: "routeTable", id: table.routeTableId }, { routeTables });
  }

  #putInterface(eni: NetworkInterface): void {
    const networkInterfaces = put(this.#state.networkInterfaces, eni.networkInterfaceId, eni);
    this.#change({ object: "networkInterface", id: eni.networkInterfaceId }, { networkInterfaces });
  }

  #putInstance(instance: Instance): void {
    this.#change(
      { object: "instance", id: instance.instanceId },
      { instances: put(this.#state.instances, instance.instanceId, instance) },
    );
  }

  #table(routeTableId: string): RouteTable {
    return ownedBy(this.#state.routeTables, routeTableId, "InvalidRouteTableID.NotFound", "routeTable ID");
  }

  #interface(networkInterfaceId: string): NetworkInterface {
    return ownedBy(
      this.#state.networkInterfaces,
      networkInterfaceId,
      "InvalidNetworkInterfaceID.NotFound",
      "networkInterface ID",
    );
  }

  #instance(instanceId: string): Instance {
    return ownedBy(this.#state.instances, instanceId, "InvalidInstanceID.NotFound", "instance ID");
  }

  #newId(prefix: string): string {
    return `${prefix}-0${this.#hex(16)}`;
  }

  #hex(digits: number): string {
    return Array.from({ length: digits }, () => Math.floor(this.#random.next() * 16).toString(16)).join("");
  }
}
