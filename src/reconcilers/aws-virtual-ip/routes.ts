/**
 * Where the routes of a virtual IP lead and where they should. Pure.
 * "Cannot be read" is not "wrong": a table that could not be read is `Unknown` and is never rewritten.
 */
import type { AwsVirtualIP, RouteTableStatus } from "../../api/generated/types.ts";
import type { RouteTable } from "../../cloud/aws/ports.ts";
import { memberOf } from "../pointer/aws-members.ts";
import type { PointerView } from "../pointer/kind.ts";
import { isUnread, valueOf } from "../pointer/reading.ts";
import { grantOf } from "../pointer/seen.ts";
import { destinationOf } from "./seen.ts";
import type { VipSeen, VipWrite, VpcSeen } from "./seen.ts";

/** Tables that carry the address, or those that the spec names. */
export function relevantTables(vip: AwsVirtualIP, tables: readonly RouteTable[]): RouteTable[] {
  const { routeTableIds } = vip.spec;
  if (routeTableIds !== undefined) return tables.filter((table) => routeTableIds.includes(table.routeTableId));
  return tables.filter((table) => routeOf(table, destinationOf(vip)) !== undefined);
}

export function routeOf(table: RouteTable, destination: string): RouteTable["routes"][number] | undefined {
  return table.routes.find((route) => route.destinationCidr === destination);
}

/** The routes in the VPC of `node`'s interface. Routes of other VPCs cannot lead there. */
export function viewRoutes(seen: VipSeen, node: string): PointerView<VipWrite> {
  const reading = memberOf(seen.facts.members, node)?.networkInterface;
  const eni = valueOf(reading);
  if (eni === undefined) {
    if (reading?.ok === false) return { state: "Unreadable", failure: reading.failure };
    return nothingToWrite(`the network interface of ${node} is not known`);
  }
  const vpc = seen.facts.vpcs.find((candidate) => candidate.vpcId === eni.vpcId);
  if (vpc === undefined) return nothingToWrite(`${eni.vpcId} of ${node} was not read`);
  return viewVpc(seen.object, vpc, eni.networkInterfaceId, node);
}

/** Without an interface or an entry there is nothing that could lead anywhere. */
function nothingToWrite(message: string): PointerView<VipWrite> {
  return { state: "NothingToWrite", reason: "RouteWrong", message };
}

function viewVpc(vip: AwsVirtualIP, vpc: VpcSeen, wanted: string, node: string): PointerView<VipWrite> {
  if (!vpc.routeTables.ok) return { state: "Unreadable", failure: vpc.routeTables.failure };
  const { sentAtMs, value } = vpc.routeTables;
  const destination = destinationOf(vip);
  const tables = relevantTables(vip, value).flatMap((table) => {
    const route = routeOf(table, destination);
    return route === undefined ? [] : [{ routeTableId: table.routeTableId, found: route.networkInterfaceId }];
  });
  if (tables.length === 0) return nothingToWrite(`no route table of ${vpc.vpcId} has an entry for ${destination}`);
  const wrong = tables.filter((table) => table.found !== wanted);
  if (wrong.length === 0) {
    const where = tables.length === 1 ? "1 route table" : `${tables.length} route tables`;
    const message = `${vip.spec.address} leads to ${wanted} of ${node} in ${where}`;
    return { state: "Right", message, sentAtMs };
  }
  const now = wrong.map(({ routeTableId, found }) => `${routeTableId} (leads to ${found ?? "nothing"})`).join(", ");
  const was = wrong.map(({ routeTableId, found }) => `${routeTableId} led to ${found ?? "no interface"}`).join(", ");
  return {
    state: "Wrong",
    writes: wrong.map(({ routeTableId }) => ({
      do: "ReplaceRoute",
      region: vpc.region,
      routeTableId,
      destinationCidr: destination,
      networkInterfaceId: wanted,
    })),
    reason: wrong.length < tables.length ? "RoutesPartlyWritten" : "RouteWrong",
    message: `should lead to ${wanted}: ${now}`,
    drift: {
      reason: "RouteWrong",
      message: `the route for ${destination} was changed: ${was}; it is set to ${wanted} again. If this happens repeatedly, look for somebody else who manages this address`,
    },
    sentAtMs,
  };
}

/** `status.routeTables`: every table of every VPC that carries the address, by id. */
export function routeTableStatuses(seen: VipSeen): RouteTableStatus[] {
  const destination = destinationOf(seen.object);
  const grant = grantOf(seen);
  const eni = grant === undefined ? undefined : valueOf(memberOf(seen.facts.members, grant.node)?.networkInterface);
  const statuses = seen.facts.vpcs.flatMap((vpc) =>
    relevantTables(seen.object, valueOf(vpc.routeTables) ?? []).map((table): RouteTableStatus => {
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
function unreadStatuses(seen: VipSeen): RouteTableStatus[] {
  const { members, vpcs } = seen.facts;
  const isWhereUnknown = !seen.credentials.ok || members.some((member) => isUnread(member.networkInterface));
  const last = seen.status.routeTables ?? [];
  const isUnreadTable = ({ vpcId }: RouteTableStatus): boolean => {
    const vpc = vpcs.find((candidate) => candidate.vpcId === vpcId);
    return vpc === undefined ? isWhereUnknown : isUnread(vpc.routeTables);
  };
  return last.filter(isUnreadTable).map((table) => ({ ...table, state: "Unknown" }));
}
