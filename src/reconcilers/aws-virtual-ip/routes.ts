/**
 * Where the routes of a virtual IP lead and where they should. Pure.
 * "Cannot be read" is not "wrong": a table that could not be read is `Unknown` and is never rewritten.
 */
import type { RouteTableStatus } from "../../api/generated/types.ts";
import type { RouteTable } from "../../cloud/aws/ports.ts";
import { destinationOf, memberOf, valueOf } from "./seen.ts";
import type { Failure, Reading, Seen, VpcSeen } from "./seen.ts";

export interface WrongRoute {
  readonly region: string;
  readonly routeTableId: string;
  /** Where it leads now; undefined: nowhere that is an interface. */
  readonly found: string | undefined;
  readonly wanted: string;
}

export type RoutesView =
  | { readonly state: "Unreadable"; readonly failure: Failure }
  /** No table has an entry, or the active member's interface is not known: there is nothing to write. */
  | { readonly state: "NothingToWrite"; readonly message: string }
  | { readonly state: "Right"; readonly eniId: string; readonly tables: number; readonly sentAtMs: number }
  | {
      readonly state: "Wrong";
      readonly wrong: readonly WrongRoute[];
      readonly right: number;
      readonly sentAtMs: number;
    };

/** Tables that carry the address, or those that the spec names. */
export function relevantTables(seen: Pick<Seen, "vip">, tables: readonly RouteTable[]): RouteTable[] {
  const { routeTableIds } = seen.vip.spec;
  if (routeTableIds !== undefined) return tables.filter((table) => routeTableIds.includes(table.routeTableId));
  return tables.filter((table) => routeOf(table, destinationOf(seen.vip)) !== undefined);
}

export function routeOf(table: RouteTable, destination: string): RouteTable["routes"][number] | undefined {
  return table.routes.find((route) => route.destinationCidr === destination);
}

/** The routes in the VPC of `node`'s interface. Routes of other VPCs cannot lead there. */
export function viewRoutes(seen: Seen, node: string): RoutesView {
  const reading = memberOf(seen, node)?.networkInterface;
  const eni = valueOf(reading);
  if (eni === undefined) {
    if (reading?.ok === false) return { state: "Unreadable", failure: reading.failure };
    return { state: "NothingToWrite", message: `the network interface of ${node} is not known` };
  }
  const vpc = seen.vpcs.find((candidate) => candidate.vpcId === eni.vpcId);
  if (vpc === undefined) return { state: "NothingToWrite", message: `${eni.vpcId} of ${node} was not read` };
  return viewVpc(seen, vpc, eni.networkInterfaceId);
}

function viewVpc(seen: Seen, vpc: VpcSeen, wanted: string): RoutesView {
  if (!vpc.routeTables.ok) return { state: "Unreadable", failure: vpc.routeTables.failure };
  const { sentAtMs, value } = vpc.routeTables;
  const destination = destinationOf(seen.vip);
  const tables = relevantTables(seen, value).flatMap((table) => {
    const route = routeOf(table, destination);
    return route === undefined ? [] : [{ routeTableId: table.routeTableId, found: route.networkInterfaceId }];
  });
  if (tables.length === 0) {
    return { state: "NothingToWrite", message: `no route table of ${vpc.vpcId} has an entry for ${destination}` };
  }
  const wrong = tables
    .filter((table) => table.found !== wanted)
    .map((table) => ({ ...table, region: vpc.region, wanted }));
  if (wrong.length === 0) return { state: "Right", eniId: wanted, tables: tables.length, sentAtMs };
  return { state: "Wrong", wrong, right: tables.length - wrong.length, sentAtMs };
}

/** `status.routeTables`: every table of every VPC that carries the address, by id. */
export function routeTableStatuses(seen: Seen): RouteTableStatus[] {
  const destination = destinationOf(seen.vip);
  const grantNode = "grant" in seen.activation ? seen.activation.grant.node : undefined;
  const eni = grantNode === undefined ? undefined : valueOf(memberOf(seen, grantNode)?.networkInterface);
  const statuses = seen.vpcs.flatMap((vpc) =>
    relevantTables(seen, valueOf(vpc.routeTables) ?? []).map((table): RouteTableStatus => {
      const target = routeOf(table, destination)?.networkInterfaceId;
      const isJudged = vpc.routeTables.ok && eni !== undefined && eni.vpcId === vpc.vpcId;
      const judged = target === eni?.networkInterfaceId ? "Right" : "Wrong";
      return {
        id: table.routeTableId,
        vpcId: table.vpcId,
        ...(target === undefined ? {} : { target }),
        state: isJudged ? judged : "Unknown",
      };
    }),
  );
  return [...statuses, ...unreadStatuses(seen)].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Tables of the last status about which nothing is known now: they stay, as `Unknown`. */
function unreadStatuses(seen: Seen): RouteTableStatus[] {
  const isWhereUnknown = !seen.credentials.ok || seen.members.some((member) => isUnread(member.networkInterface));
  const last = seen.status.routeTables ?? [];
  const isUnreadTable = ({ vpcId }: RouteTableStatus): boolean => {
    const vpc = seen.vpcs.find((candidate) => candidate.vpcId === vpcId);
    return vpc === undefined ? isWhereUnknown : isUnread(vpc.routeTables);
  };
  return last.filter(isUnreadTable).map((table) => ({ ...table, state: "Unknown" }));
}

function isUnread(reading: Reading<unknown> | undefined): boolean {
  return reading?.ok === false && reading.known === undefined;
}
