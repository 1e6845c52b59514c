/** Small pure functions over `Ec2State`: changed copies, look-ups that answer as EC2 does, and derived facts. */
import { assert } from "../../lib/assert.ts";
import { cidrContains, formatIpv4, parseCidr } from "../../lib/ipv4.ts";
import { Ec2Error } from "./ports.ts";
import type { Ec2State, Route, RouteTable, RouteWithState, Subnet } from "./ports.ts";

/** The first four addresses of a subnet are reserved by AWS (VPC user guide, "Subnet CIDR blocks"). */
const FIRST_HOST_OFFSET = 4;

export function put<T>(map: ReadonlyMap<string, T>, id: string, value: T): Map<string, T> {
  return new Map(map).set(id, value);
}

/** The object, or the `*.NotFound` error of its kind. */
export function ownedBy<T>(map: ReadonlyMap<string, T>, id: string, code: string, what: string): T {
  const found = map.get(id);
  if (found === undefined) throw new Ec2Error(code, `The ${what} '${id}' does not exist`);
  return found;
}

/** Inside one of the VPC's blocks and not exactly a subnet: EC2 refuses such routes (VPC user guide, "Route priority"). */
export function cidrIsEmbedded(state: Ec2State, vpcId: string, destinationCidr: string): boolean {
  const vpc = state.vpcs.get(vpcId);
  if (vpc === undefined || !vpc.cidrBlocks.some((block) => cidrContains(block, destinationCidr))) return false;
  return ![...state.subnets.values()].some((subnet) => subnet.vpcId === vpcId && subnet.cidrBlock === destinationCidr);
}

/** EC2: `blackhole` = the target is not available, e.g. a detached interface or a stopped instance (API reference, Route). */
export function routeWithState(state: Ec2State, route: Route): RouteWithState {
  if (route.target.type !== "networkInterface") return { ...route, state: "active" };
  const attachment = state.networkInterfaces.get(route.target.networkInterfaceId)?.attachment;
  const instance = attachment === undefined ? undefined : state.instances.get(attachment.instanceId);
  return { ...route, state: instance?.state === "running" ? "active" : "blackhole" };
}

/** The table that decides for a subnet: its own association, else the VPC's main table. */
export function effectiveRouteTable(state: Ec2State, subnetId: string): RouteTable | undefined {
  const vpcId = state.subnets.get(subnetId)?.vpcId;
  const tables = [...state.routeTables.values()].filter((table) => table.vpcId === vpcId);
  return tables.find((table) => table.subnetIds.includes(subnetId)) ?? tables.find((table) => table.main);
}

/** InsufficientFreeAddressesInSubnet when all are taken. */
export function freeAddressOf(state: Ec2State, subnet: Subnet): string {
  const block = parseCidr(subnet.cidrBlock);
  assert(block !== undefined, "a subnet's CIDR parses");
  const taken = new Set([...state.networkInterfaces.values()].map((eni) => eni.privateIpAddress));
  for (let value = block.first + FIRST_HOST_OFFSET; value < block.last; value++) {
    if (!taken.has(formatIpv4(value))) return formatIpv4(value);
  }
  throw new Ec2Error(
    "InsufficientFreeAddressesInSubnet",
    `There are not enough free addresses in subnet '${subnet.subnetId}'.`,
  );
}

export function incorrectState(instanceId: string, done: string): Ec2Error {
  return new Ec2Error(
    "IncorrectInstanceState",
    `The instance '${instanceId}' is not in a state from which it can be ${done}.`,
  );
}
