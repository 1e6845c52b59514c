/** What must hold for the routes of a virtual IP, besides what every pointer needs (`pointer/checks.ts`). Pure. */
import { cidrContains, formatIpv4, parseCidr, parseIpv4 } from "../../lib/ipv4.ts";
import { everyMemberHasAnInstance, everyMemberHasAnInterface } from "../pointer/aws-members.ts";
import { refusedDryRuns } from "../pointer/checks.ts";
import type { Check, Finding } from "../pointer/kind.ts";
import { valueOf } from "../pointer/reading.ts";
import { nameOf } from "../shared/claims.ts";
import { relevantTables, routeOf } from "./routes.ts";
import { destinationOf } from "./seen.ts";
import type { VipSeen, VpcSeen } from "./seen.ts";

/** In the order in which their findings are reported. */
export const VIP_CHECKS: readonly Check<VipSeen>[] = [
  (seen) => everyMemberHasAnInstance(seen.facts.members),
  (seen) => everyMemberHasAnInterface(seen.facts.members),
  addressIsOutsideTheVpc,
  namedTablesExist,
  everyVpcHasARoute,
  nobodyElseUsesTheRoutes,
  sourceDestCheckIsOff,
  routesMayBeReplaced,
];

function addressIsOutsideTheVpc(seen: VipSeen): Finding[] {
  const { address } = seen.object.spec;
  return seen.facts.vpcs.flatMap((vpc) => {
    const inside = blockAround(vpc, address);
    if (inside === undefined) return [];
    const example = addressOutside(valueOf(vpc.cidrBlocks) ?? [], inside, address);
    return [
      {
        reason: "AddressInsideVpc",
        message: `AwsVirtualIP ${nameOf(seen.object)}: address ${address} lies inside ${inside} of ${vpc.vpcId}; AWS routes such addresses itself. Choose one outside every CIDR of the VPC, e.g. ${example}`,
      },
    ];
  });
}

function blockAround(vpc: VpcSeen, address: string): string | undefined {
  return valueOf(vpc.cidrBlocks)?.find((block) => cidrContains(block, address));
}

/** The first block after `inside` that touches no CIDR of the VPC, with the address's own last octet. */
function addressOutside(cidrBlocks: readonly string[], inside: string, address: string): string {
  const lastOctet = (parseIpv4(address) ?? 0) % 256;
  let candidate = (parseCidr(inside)?.last ?? 0) + 1 + lastOctet;
  for (let tries = 0; tries <= cidrBlocks.length; tries++) {
    const taken = cidrBlocks.find((block) => cidrContains(block, formatIpv4(candidate)));
    if (taken === undefined) break;
    candidate = (parseCidr(taken)?.last ?? 0) + 1 + lastOctet;
  }
  return formatIpv4(candidate);
}

function namedTablesExist(seen: VipSeen): Finding[] {
  const { routeTableIds } = seen.object.spec;
  const read = seen.facts.vpcs.map((vpc) => valueOf(vpc.routeTables));
  if (routeTableIds === undefined || read.length === 0 || read.includes(undefined)) return [];
  const known = new Set(read.flatMap((tables) => (tables ?? []).map((table) => table.routeTableId)));
  const vpcIds = seen.facts.vpcs.map((vpc) => vpc.vpcId).join(", ");
  return routeTableIds
    .filter((id) => !known.has(id))
    .map((id) => ({
      reason: "NotFound",
      message: `route table ${id} of spec.routeTableIds does not exist in ${vpcIds}`,
    }));
}

function everyVpcHasARoute(seen: VipSeen): Finding[] {
  const destination = destinationOf(seen.object);
  return seen.facts.vpcs.flatMap((vpc): Finding[] => {
    const tables = valueOf(vpc.routeTables);
    if (tables === undefined || blockAround(vpc, seen.object.spec.address) !== undefined) return [];
    const relevant = relevantTables(seen.object, tables);
    const without = relevant.filter((table) => routeOf(table, destination) === undefined);
    if (relevant.length === 0) {
      return [
        {
          reason: "NoRouteEntry",
          message: `no route table of ${vpc.vpcId} has an entry for ${destination}. Add one to every table whose subnets must reach it, with the ENI of any member as target`,
        },
      ];
    }
    return without.map((table) => ({
      reason: "NoRouteEntry",
      message: `${table.routeTableId} of spec.routeTableIds has no entry for ${destination}. Add one with the ENI of any member as target`,
    }));
  });
}

/**
 * Before the address was ever ours: an entry whose interface works and is no member's serves somebody else, another
 * cluster perhaps. Tables that the spec names were chosen by a person, and where it names an interface, the entry may
 * lead to another one of that member. Afterwards a stranger's entry is drift (RouteWrong).
 */
function nobodyElseUsesTheRoutes(seen: VipSeen): Finding[] {
  const { object, facts, status } = seen;
  const enis = facts.members.map((member) => valueOf(member.networkInterface)?.networkInterfaceId);
  const isChosen = object.spec.routeTableIds !== undefined || facts.members.some((member) => member.wantedEniId);
  if (isChosen || status.active !== undefined || enis.includes(undefined)) return [];
  const destination = destinationOf(object);
  const shared = facts.vpcs
    .flatMap((vpc) => (vpc.routeTables.ok ? vpc.routeTables.value : []))
    .flatMap((table) => {
      const { networkInterfaceId, state } = routeOf(table, destination) ?? {};
      const isForeign = networkInterfaceId !== undefined && state === "active" && !enis.includes(networkInterfaceId);
      return isForeign ? [`${table.routeTableId} leads to ${networkInterfaceId}`] : [];
    });
  if (shared.length === 0) return [];
  return [
    {
      reason: "RouteTableShared",
      message: `${destination} is served by somebody else: ${shared.join(", ")}, which is no interface of ${facts.members.map(({ node }) => node).join(", ")}. Point the entry to the ENI of any member, or name the tables to change in spec.routeTableIds`,
    },
  ];
}

function sourceDestCheckIsOff(seen: VipSeen): Finding[] {
  const { address, sourceDestCheck } = seen.object.spec;
  const { upkeepFailure } = seen.memory;
  return seen.facts.members.flatMap((member) => {
    const eni = valueOf(member.networkInterface);
    if (eni === undefined || !eni.sourceDestCheck) return [];
    const problem = `${eni.networkInterfaceId} of ${member.node} drops packets for ${address}: source/destination check is on`;
    if (sourceDestCheck === "Verify") {
      return [
        { reason: "SourceDestCheckOn", message: `${problem}. Switch it off, or set spec.sourceDestCheck: Repair` },
      ];
    }
    const why =
      upkeepFailure === undefined
        ? "It is being switched off"
        : `It could not be switched off: ${upkeepFailure.message}`;
    return [{ reason: "SourceDestCheckOn", message: `${problem}. ${why}` }];
  });
}

function routesMayBeReplaced(seen: VipSeen): Finding[] {
  return refusedDryRuns(seen.facts.permissions, (tables) => `Allow ec2:ReplaceRoute on ${tables}`);
}
