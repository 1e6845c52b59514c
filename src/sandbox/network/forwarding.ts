/**
 * What the router must do so that packets go where EC2 would send them: a pure function from the emulated EC2 state
 * and the hypervisor's facts to rules and routes, and the difference between two such answers as `ip` lines.
 *
 * Each subnet has a routing table of its own (selected by the device a packet came from) that follows the EC2 route
 * table of that subnet, so a half-written move is visible to exactly the subnets EC2 would show it to.
 * Source/destination check: a route to an interface that has the check on becomes a blackhole (destination), and
 * packets that come from it with another source than its own are dropped (source). Like EC2, the router drops
 * silently: it never answers "unreachable".
 */
import type { Ec2State, NetworkInterface, RouteTable } from "../ec2/ports.ts";
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

export function forwardingOf(state: Ec2State, subnets: readonly SubnetWire[], wires: readonly WireFacts[]): Forwarding {
  const rules = new Set<string>();
  const routes = new Map<string, string>();
  for (const wire of wires) {
    const device = routerDevice(wire.name);
    if (wire.outboundCut) rules.add(`pref 50 iif ${device} blackhole`);
    if (wire.inboundCut) rules.add(`pref 60 to ${wire.address}/32 blackhole`);
    const eni = interfaceOf(state, wire.address);
    if (eni?.sourceDestCheck === false) continue;
    // Not "not from": that would turn the whole rule around, the device included.
    rules.add(`pref 100 from ${wire.address}/32 iif ${device} goto ${SUBNET_RULES}`);
    rules.add(`pref 110 iif ${device} blackhole`);
  }
  for (const [index, subnet] of subnets.entries()) {
    const table = FIRST_TABLE + index;
    rules.add(`pref ${SUBNET_RULES} iif ${routerDevice(subnet.place)} lookup ${table}`);
    for (const route of tableOf(state, subnet.subnetId)?.routes ?? []) {
      if (route.target.type === "local") continue;
      const eniId = route.target.type === "networkInterface" ? route.target.networkInterfaceId : "";
      const wire = reachableWire(state.networkInterfaces.get(eniId), wires, state);
      const way = wire === undefined ? "blackhole" : `via ${wire.address} dev ${routerDevice(wire.name)}`;
      routes.set(`table ${table} ${route.destinationCidr}`, way);
    }
  }
  return { rules, routes };
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
  return way === "blackhole"
    ? `blackhole ${destination ?? ""} table ${table ?? ""}`
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
