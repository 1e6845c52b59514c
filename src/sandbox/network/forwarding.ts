/**
 * What the router must do so that packets go where EC2 would send them: a pure function from the emulated EC2 state
 * and the hypervisor's facts to rules and routes, and the difference between two such answers as `ip` lines.
 *
 * Each subnet has a routing table of its own (selected by the device a packet came from) that follows the EC2 route
 * table of that subnet, so a half-written move is visible to exactly the subnets EC2 would show it to.
 * Source/destination check: a route to an interface that has the check on becomes a blackhole (destination), and
 * packets that come from it with another source than its own are dropped (source). Like EC2, the router drops
 * silently: it never answers "unreachable". A machine that no EC2 knows is one of Azure's: nothing is checked there.
 * Another VPC is reached only where the subnet's table has a route for it, through a gateway or a peering connection.
 */
import type { Ec2State, NetworkInterface, Route, RouteTable } from "../ec2/ports.ts";
import type { Link } from "./topology.ts";
import { routerDevice } from "./topology.ts";

/** What the hypervisor knows about the wire of one machine. */
export interface WireFacts {
  readonly name: string;
  readonly address: string;
  /** Packets from the machine are dropped. */
  readonly outboundCut: boolean;
  /** Packets to the machine are dropped. */
  readonly inboundCut: boolean;
}

/** Where a subnet of EC2 is attached to the router. */
export interface SubnetWire {
  readonly subnetId: string;
  /** Name of the place behind the device. */
  readonly place: string;
}

/** What the router does besides what EC2 says. */
export interface Detours {
  /** No packet crosses them, in either direction. */
  readonly cutLinks: readonly Link[];
  /** By address: the machine whose wire gets its packets; undefined: nobody. */
  readonly ways: ReadonlyMap<string, string | undefined>;
}

export const NO_DETOURS: Detours = { cutLinks: [], ways: new Map() };

export interface Forwarding {
  /** `ip rule add` arguments. */
  readonly rules: ReadonlySet<string>;
  /** By `table N DESTINATION`: the rest of the route. */
  readonly routes: ReadonlyMap<string, string>;
}

export const NO_FORWARDING: Forwarding = { rules: new Set(), routes: new Map() };

const FIRST_TABLE = 101;
/** Preference of the rules that lead each subnet to its table. */
const SUBNET_RULES = 200;
/** Table of `Detours.ways`. */
const DETOUR_TABLE = 90;
/** RFC 3927; instance metadata of both clouds, which a machine reaches whatever happens to its wire. */
export const METADATA_ADDRESS = "169.254.169.254";

export function forwardingOf(
  state: Ec2State,
  subnets: readonly SubnetWire[],
  wires: readonly WireFacts[],
  detours: Detours = NO_DETOURS,
): Forwarding {
  const rules = new Set<string>();
  const routes = new Map<string, string>();
  for (const { between } of detours.cutLinks) {
    const [a, b] = between;
    rules.add(`pref 30 from ${a} to ${b} blackhole`).add(`pref 30 from ${b} to ${a} blackhole`);
  }
  rules.add(`pref 40 to ${METADATA_ADDRESS}/32 lookup main`).add(`pref 40 from ${METADATA_ADDRESS}/32 lookup main`);
  for (const wire of wires) {
    const device = routerDevice(wire.name);
    if (wire.outboundCut) rules.add(`pref 50 iif ${device} blackhole`);
    if (wire.inboundCut) rules.add(`pref 60 to ${wire.address}/32 blackhole`);
    if (interfaceOf(state, wire.address)?.sourceDestCheck !== true) continue;
    // Not "not from": that would turn the whole rule around, the device included.
    rules.add(`pref 100 from ${wire.address}/32 iif ${device} goto ${SUBNET_RULES}`);
    rules.add(`pref 110 iif ${device} blackhole`);
  }
  for (const [index, subnet] of subnets.entries()) {
    const table = FIRST_TABLE + index;
    rules.add(`pref ${SUBNET_RULES} iif ${routerDevice(subnet.place)} lookup ${table}`);
    for (const cidr of otherNetworks(state, subnet.subnetId)) routes.set(`table ${table} ${cidr}`, "blackhole");
    for (const route of tableOf(state, subnet.subnetId)?.routes ?? []) {
      if (route.target.type === "local") continue;
      routes.set(`table ${table} ${route.destinationCidr}`, wayOf(route, wires, state));
    }
  }
  addWays(detours.ways, wires, { rules, routes });
  return { rules, routes };
}

function wayOf(route: Route, wires: readonly WireFacts[], state: Ec2State): string {
  // Beyond a gateway or a peering connection goes on what is joined to the router: its main table knows.
  if (route.target.type !== "networkInterface") return "throw";
  const wire = reachableWire(state.networkInterfaces.get(route.target.networkInterfaceId), wires, state);
  return wire === undefined ? "blackhole" : `via ${wire.address} dev ${routerDevice(wire.name)}`;
}

/** Blocks of the VPCs that a subnet does not lie in. */
function otherNetworks(state: Ec2State, subnetId: string): string[] {
  const own = state.subnets.get(subnetId)?.vpcId;
  return [...state.vpcs.values()].filter((vpc) => vpc.vpcId !== own).flatMap((vpc) => vpc.cidrBlocks);
}

function addWays(
  ways: Detours["ways"],
  wires: readonly WireFacts[],
  { rules, routes }: { readonly rules: Set<string>; readonly routes: Map<string, string> },
): void {
  for (const [address, vm] of ways) {
    rules.add(`pref 45 to ${address}/32 lookup ${DETOUR_TABLE}`);
    const wire = wires.find((candidate) => candidate.name === vm);
    const isOpen = wire !== undefined && !wire.inboundCut;
    const way = isOpen ? `via ${wire.address} dev ${routerDevice(wire.name)}` : "blackhole";
    routes.set(`table ${DETOUR_TABLE} ${address}/32`, way);
  }
}

/** The state of all regions as one: ids are never the same twice. */
export function allRegions(states: readonly Ec2State[]): Ec2State {
  const merged = <K, V>(pick: (state: Ec2State) => ReadonlyMap<K, V>): ReadonlyMap<K, V> =>
    new Map(states.flatMap((state) => [...pick(state)]));
  return {
    zones: states.flatMap((state) => state.zones),
    vpcs: merged((state) => state.vpcs),
    subnets: merged((state) => state.subnets),
    routeTables: merged((state) => state.routeTables),
    networkInterfaces: merged((state) => state.networkInterfaces),
    instances: merged((state) => state.instances),
    addresses: merged((state) => state.addresses),
  };
}

/**
 * Lines for `ip -batch` that lead from `before` to `after`. Rules come first, since the kernel refuses a route over a
 * gateway that a rule still cuts off; routes are replaced in place, so that a move has no gap of its own.
 */
export function forwardingLines(before: Forwarding, after: Forwarding): string[] {
  const lines: string[] = [];
  for (const rule of before.rules) if (!after.rules.has(rule)) lines.push(`rule del ${rule}`);
  for (const rule of after.rules) if (!before.rules.has(rule)) lines.push(`rule add ${rule}`);
  for (const [key, way] of after.routes) {
    if (before.routes.get(key) !== way) lines.push(`route replace ${routeText(key, way)}`);
  }
  for (const [key, way] of before.routes) {
    if (!after.routes.has(key)) lines.push(`route del ${routeText(key, way)}`);
  }
  return lines;
}

function routeText(key: string, way: string): string {
  const [, table, destination] = key.split(" ");
  return way === "blackhole" || way === "throw"
    ? `${way} ${destination ?? ""} table ${table ?? ""}`
    : `${destination ?? ""} ${way} table ${table ?? ""}`;
}

/** The table that EC2 uses for a subnet: its own association, or the main table of its VPC. */
export function tableOf(state: Ec2State, subnetId: string): RouteTable | undefined {
  const tables = [...state.routeTables.values()];
  const vpcId = state.subnets.get(subnetId)?.vpcId;
  return (
    tables.find((table) => table.subnetIds.includes(subnetId)) ??
    tables.find((table) => table.main && table.vpcId === vpcId)
  );
}

function interfaceOf(state: Ec2State, address: string): NetworkInterface | undefined {
  return [...state.networkInterfaces.values()].find((eni) => eni.privateIpAddress === address);
}

/** The machine behind an interface, if EC2 would deliver a packet for a foreign address to it. */
export function reachableWire(
  eni: NetworkInterface | undefined,
  wires: readonly WireFacts[],
  state: Ec2State,
): WireFacts | undefined {
  if (eni === undefined || eni.sourceDestCheck || eni.attachment === undefined) return undefined;
  if (state.instances.get(eni.attachment.instanceId)?.state !== "running") return undefined;
  const wire = wires.find((wire) => wire.address === eni.privateIpAddress);
  return wire === undefined || wire.inboundCut ? undefined : wire;
}
