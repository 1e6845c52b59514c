/**
 * Preflight: what must hold before a virtual IP can work, for every member, checked before it is needed. Each check is
 * one fact; it returns what is wrong, in words with a remedy (API.md section 5), or nothing. Pure.
 */
import { cidrContains, formatIpv4, parseCidr, parseIpv4 } from "../../lib/ipv4.ts";
import { isAnswer } from "../../cloud/errors.ts";
import { relevantTables, routeOf } from "./routes.ts";
import { destinationOf, groupOf, nameOf, valueOf } from "./seen.ts";
import type { Failure, MemberSeen, Reading, Seen, VpcSeen } from "./seen.ts";

export interface Finding {
  readonly reason: string;
  readonly message: string;
}

export type Preflight =
  | { readonly status: "True"; readonly reason: "Passed"; readonly message: string }
  | { readonly status: "False"; readonly reason: string; readonly message: string }
  | { readonly status: "Unknown"; readonly reason: "NotChecked" | "Unreadable"; readonly message: string };

type Check = (seen: Seen) => readonly Finding[];

/** In the order in which their findings are reported; the first gives the reason. */
const CHECKS: readonly Check[] = [
  everyFieldIsImplemented,
  addressIsOurs,
  everyOverrideIsOfAMember,
  credentialsAreThere,
  callsAreAllowed,
  everyMemberHasAnInstance,
  everyMemberHasAnInterface,
  addressIsOutsideTheVpc,
  namedTablesExist,
  everyVpcHasARoute,
  sourceDestCheckIsOff,
  routesMayBeReplaced,
];

export function preflight(seen: Seen): Preflight {
  const group = groupOf(seen);
  const { vip } = seen;
  if (group === undefined) {
    return { status: "Unknown", reason: "NotChecked", message: `no FailoverGroup lists ${nameOf(vip)}` };
  }
  const findings = CHECKS.flatMap((check) => check(seen));
  const [first] = findings;
  if (first !== undefined) {
    return { status: "False", reason: first.reason, message: findings.map((finding) => finding.message).join("; ") };
  }
  const unread = unreadable(seen);
  if (unread !== undefined) return { status: "Unknown", reason: "Unreadable", message: unread.message };
  const nodes = seen.members.map((member) => member.node).join(", ");
  return {
    status: "True",
    reason: "Passed",
    message: `checked for ${nodes}. ${vip.spec.address} cannot be reached from the internet, from other VPCs or through peering`,
  };
}

function everyFieldIsImplemented(seen: Seen): Finding[] {
  return seen.notImplemented.map((what) => ({
    reason: "NotImplemented",
    message: `${nameOf(seen.vip)}: ${what} is not carried out by this version`,
  }));
}

function addressIsOurs(seen: Seen): Finding[] {
  return seen.claim.type === "AddressHeld" ? [{ reason: "ClaimedElsewhere", message: seen.claim.message }] : [];
}

function everyOverrideIsOfAMember(seen: Seen): Finding[] {
  const group = groupOf(seen);
  const nodes = seen.members.map((member) => member.node);
  return (seen.vip.spec.members ?? [])
    .filter((override) => !nodes.includes(override.node))
    .map((override) => ({
      reason: "UnknownMember",
      message: `${nameOf(seen.vip)}: spec.members names ${override.node}, which is not a member of group ${group?.metadata.name ?? ""} (${nodes.join(", ")})`,
    }));
}

function credentialsAreThere(seen: Seen): Finding[] {
  const { credentials } = seen;
  return credentials.ok || credentials.reason === "Unreadable"
    ? []
    : [{ reason: credentials.reason, message: credentials.message }];
}

/** One finding per reason: with wrong credentials every call says the same. */
function callsAreAllowed(seen: Seen): Finding[] {
  const refused = failuresOf(seen).filter((failure) => isAnswer(failure.code) && failure.code !== "NotFound");
  const byCode = new Map(refused.toReversed().map((failure) => [failure.code, failure]));
  return [...byCode.values()].map(refusal);
}

function refusal(failure: Failure): Finding {
  const remedy: Readonly<Record<string, string>> = {
    CredentialsRejected: "Check spec.credentials, or the controller's ambient identity",
    CredentialsMissing: "Give spec.credentials, or an ambient identity to the controller",
    NotAuthorized: "Allow the action in the policy of this identity",
  };
  const advice = remedy[failure.code];
  return { reason: failure.code, message: advice === undefined ? failure.message : `${failure.message}. ${advice}` };
}

function everyMemberHasAnInstance(seen: Seen): Finding[] {
  return seen.members.flatMap((member): Finding[] => {
    const { node, providerId } = member;
    if (!member.isNodeKnown) {
      return [{ reason: "UnknownMember", message: `member ${node}: no such Node; nothing can be checked for it` }];
    }
    if (member.instance !== undefined || member.wantedEniId !== undefined) return [];
    const found =
      providerId === undefined
        ? "neither the group, the Node nor its agent gives a provider id"
        : `its provider id ${providerId} is not of the form aws:///ZONE/INSTANCE`;
    return [
      {
        reason: "NotFound",
        message: `the EC2 instance of ${node} is not known: ${found}. Set members[].providerID in the group`,
      },
    ];
  });
}

function everyMemberHasAnInterface(seen: Seen): Finding[] {
  return seen.members.flatMap((member) => [...missingInterface(member), ...foreignInterface(member)]);
}

function missingInterface({ node, instance, wantedEniId, networkInterface }: MemberSeen): Finding[] {
  if (networkInterface === undefined) return [];
  if (!networkInterface.ok) {
    const { failure } = networkInterface;
    return failure.code === "NotFound" ? [{ reason: "NotFound", message: `${failure.message} (member ${node})` }] : [];
  }
  if (networkInterface.value !== undefined) return [];
  const what = wantedEniId ?? `an interface of ${instance?.instanceId ?? "its instance"}`;
  return [
    { reason: "NotFound", message: `${what} (member ${node}) does not exist in ${instance?.region ?? "its region"}` },
  ];
}

function foreignInterface({ node, instance, wantedEniId, networkInterface }: MemberSeen): Finding[] {
  const eni = valueOf(networkInterface);
  if (wantedEniId === undefined || eni === undefined || instance === undefined) return [];
  if (eni.attachedInstanceId === instance.instanceId) return [];
  const found = eni.attachedInstanceId === undefined ? "not attached" : `attached to ${eni.attachedInstanceId}`;
  return [
    {
      reason: "EniMismatch",
      message: `${wantedEniId} of spec.members is ${found}, but ${node} is ${instance.instanceId}`,
    },
  ];
}

function addressIsOutsideTheVpc(seen: Seen): Finding[] {
  const { address } = seen.vip.spec;
  return seen.vpcs.flatMap((vpc) => {
    const inside = blockAround(vpc, address);
    if (inside === undefined) return [];
    const example = addressOutside(valueOf(vpc.cidrBlocks) ?? [], inside, address);
    return [
      {
        reason: "AddressInsideVpc",
        message: `${nameOf(seen.vip)}: address ${address} lies inside ${inside} of ${vpc.vpcId}; AWS routes such addresses itself. Choose one outside every CIDR of the VPC, e.g. ${example}`,
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

function namedTablesExist(seen: Seen): Finding[] {
  const { routeTableIds } = seen.vip.spec;
  const read = seen.vpcs.map((vpc) => valueOf(vpc.routeTables));
  if (routeTableIds === undefined || read.length === 0 || read.includes(undefined)) return [];
  const known = new Set(read.flatMap((tables) => (tables ?? []).map((table) => table.routeTableId)));
  const vpcIds = seen.vpcs.map((vpc) => vpc.vpcId).join(", ");
  return routeTableIds
    .filter((id) => !known.has(id))
    .map((id) => ({
      reason: "NotFound",
      message: `route table ${id} of spec.routeTableIds does not exist in ${vpcIds}`,
    }));
}

function everyVpcHasARoute(seen: Seen): Finding[] {
  const destination = destinationOf(seen.vip);
  return seen.vpcs.flatMap((vpc): Finding[] => {
    const tables = valueOf(vpc.routeTables);
    if (tables === undefined || blockAround(vpc, seen.vip.spec.address) !== undefined) return [];
    const relevant = relevantTables(seen, tables);
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

function sourceDestCheckIsOff(seen: Seen): Finding[] {
  const { address, sourceDestCheck } = seen.vip.spec;
  const { repairFailure } = seen.memory;
  return seen.members.flatMap((member) => {
    const eni = valueOf(member.networkInterface);
    if (eni === undefined || !eni.sourceDestCheck) return [];
    const problem = `${eni.networkInterfaceId} of ${member.node} drops packets for ${address}: source/destination check is on`;
    if (sourceDestCheck === "Verify") {
      return [
        { reason: "SourceDestCheckOn", message: `${problem}. Switch it off, or set spec.sourceDestCheck: Repair` },
      ];
    }
    const why =
      repairFailure === undefined
        ? "It is being switched off"
        : `It could not be switched off: ${repairFailure.message}`;
    return [{ reason: "SourceDestCheckOn", message: `${problem}. ${why}` }];
  });
}

/** Refusals that every call shares are reported by `callsAreAllowed`; here only those of the dry run. */
function routesMayBeReplaced(seen: Seen): Finding[] {
  const failures = seen.permissions.flatMap(({ reading, routeTableId }) =>
    reading.ok || !isAnswer(reading.failure.code) ? [] : [{ ...reading.failure, routeTableId }],
  );
  const byCode = Map.groupBy(failures, (failure) => failure.code);
  return [...byCode].map(([code, same]) => {
    const tables = same.map((failure) => failure.routeTableId).join(", ");
    const advice = code === "NotAuthorized" ? `. Allow ec2:ReplaceRoute on ${tables}` : ` (${tables})`;
    return { reason: code, message: `${same[0]?.message ?? code}${advice}` };
  });
}

function failuresOf(seen: Seen): Failure[] {
  const readings: (Reading<unknown> | undefined)[] = [
    ...seen.members.map((member) => member.networkInterface),
    ...seen.vpcs.flatMap((vpc) => [vpc.cidrBlocks, vpc.routeTables]),
  ];
  return readings.flatMap((reading) => (reading === undefined || reading.ok ? [] : [reading.failure]));
}

/** What keeps the checks from being complete. */
function unreadable(seen: Seen): { readonly message: string } | undefined {
  if (!seen.credentials.ok) return seen.credentials;
  const permissions = seen.permissions.flatMap(({ reading }) => (reading.ok ? [] : [reading.failure]));
  return [...failuresOf(seen), ...permissions][0];
}
