/** AwsVirtualIP: one address that the route tables of a VPC send to the active member's interface. */
import type { AwsVirtualIP, AwsVirtualIPMemberStatus, AwsVirtualIPStatus } from "../../api/generated/types.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import { holderReportOf } from "../pointer/activation.ts";
import { awsKeysOf, EC2_WORDING, interfaceNameOf } from "../pointer/aws-members.ts";
import type { Finding, PointerKind, WriteRequest } from "../pointer/kind.ts";
import { overrideOf } from "../pointer/members.ts";
import { valueOf } from "../pointer/reading.ts";
import { grantOf, groupOf } from "../pointer/seen.ts";
import { VIP_CHECKS } from "./checks.ts";
import { readVip } from "./read.ts";
import { routeTableStatuses, viewRoutes } from "./routes.ts";
import { destinationOf } from "./seen.ts";
import type { VipFacts, VipSeen, VipWrite } from "./seen.ts";

export type VipKind = PointerKind<AwsVirtualIP, VipFacts, VipWrite, AwsCredentials>;

export function awsVirtualIpKind(modules: { readonly ec2: Ec2Access }): VipKind {
  const { ec2 } = modules;
  return {
    kind: "AwsVirtualIP",
    wording: {
      ...EC2_WORDING,
      beingWritten: "the routes are being written",
      notWritten: "the routes are not written yet",
      beingVerified: "the routes are being verified",
      whileStopped: () => "routes stay as they are",
      oneWrite: "route",
      passed: ({ spec }) => `${spec.address} cannot be reached from the internet, from other VPCs or through peering`,
    },
    keysOf: awsKeysOf,
    read: (request) => readVip(ec2, request),
    readings: ({ members, vpcs, permissions }) => ({
      monitored: vpcs.map((vpc) => vpc.routeTables),
      facts: [...members.flatMap((member) => member.networkInterface ?? []), ...vpcs.map((vpc) => vpc.cidrBlocks)],
      dryRuns: permissions.map((dryRun) => dryRun.reading),
    }),
    callTimes: (facts) => facts.callTimes,
    view: viewRoutes,
    checks: VIP_CHECKS,
    write: (write, request) => send(ec2, write, request),
    targetOf: (write) => (write.do === "ReplaceRoute" ? write.routeTableId : write.eniId),
    describe: (write) =>
      write.do === "ReplaceRoute"
        ? `the route in ${write.routeTableId} was set to ${write.networkInterfaceId}`
        : `source/destination check of ${write.eniId} was switched off`,
    upkeep: checksToSwitchOff,
    status: statusOf,
    trouble: missingAddress,
    events: lostEntries,
  };
}

async function send(
  access: Ec2Access,
  write: VipWrite,
  { keys, timeoutMs, assertMayWrite }: WriteRequest<AwsVirtualIP, AwsCredentials>,
): Promise<void> {
  const ec2 = await access.knowledgeOf(write.region, keys);
  assertMayWrite();
  if (write.do === "SwitchSourceDestCheckOff") return await ec2.switchSourceDestCheckOff(write.eniId, timeoutMs);
  const { routeTableId, destinationCidr, networkInterfaceId } = write;
  await ec2.replaceRoute(
    { routeTableId, destinationCidr, networkInterfaceId },
    { timeoutMs, beforeSend: assertMayWrite },
  );
}

/** `sourceDestCheck: Repair`: every member's interface, before it is needed. */
function checksToSwitchOff({ object, facts }: VipSeen): VipWrite[] {
  if (object.spec.sourceDestCheck !== "Repair") return [];
  return facts.members.flatMap((member): VipWrite[] => {
    const eni = member.networkInterface?.ok === true ? member.networkInterface.value : undefined;
    const region = facts.vpcs.find((vpc) => vpc.vpcId === eni?.vpcId)?.region;
    if (eni?.sourceDestCheck !== true || region === undefined) return [];
    return [{ do: "SwitchSourceDestCheckOff", region, eniId: eni.networkInterfaceId }];
  });
}

/** The agent says that the address is not on the member. */
function missingAddress(seen: VipSeen): Finding | undefined {
  const group = groupOf(seen);
  const { object } = seen;
  const report = group === undefined ? undefined : holderReportOf(group, object.metadata.name);
  if (report?.reason !== "AddressMissing") return undefined;
  const message = report.message ?? "the address is not on the member";
  return { reason: "AddressMissing", message: `${object.spec.address} on ${grantOf(seen)?.node ?? ""}: ${message}` };
}

function statusOf(seen: VipSeen): Partial<AwsVirtualIPStatus> {
  return { members: memberStatuses(seen), routeTables: routeTableStatuses(seen) };
}

/** What could not be read keeps the value of the last status. */
function memberStatuses(seen: VipSeen): AwsVirtualIPMemberStatus[] {
  return seen.facts.members.map((member) => {
    const { node } = member;
    const last = seen.status.members?.find((known) => known.node === node);
    const eni = valueOf(member.networkInterface);
    const zone = eni?.availabilityZone ?? member.instance?.zone;
    const named = overrideOf(seen.object.spec.members, node)?.interface;
    const networkInterface = named ?? interfaceNameOf(member, seen.members) ?? last?.interface;
    const base = { node, ...(networkInterface === undefined ? {} : { interface: networkInterface }) };
    const inZone = zone === undefined ? {} : { zone };
    if (eni === undefined) return { ...last, ...base, ...inZone, sourceDestCheck: "Unknown" };
    return {
      ...base,
      eniId: eni.networkInterfaceId,
      vpcId: eni.vpcId,
      ...inZone,
      sourceDestCheck: eni.sourceDestCheck ? "On" : "Off",
    };
  });
}

/** An entry that was there and is gone: never put back by us, and easily missed by whoever removed it. */
function lostEntries(seen: VipSeen, after: AwsVirtualIPStatus): Finding[] {
  const present = new Set(after.routeTables?.map((table) => table.id));
  const lost = (seen.status.routeTables ?? []).filter((table) => !present.has(table.id)).map((table) => table.id);
  if (lost.length === 0) return [];
  const message = `${lost.join(", ")}: no entry for ${destinationOf(seen.object)} any more; the subnets of this table do not reach the address. If that was not meant, add it again with the ENI of any member as target`;
  return [{ reason: "NoRouteEntry", message }];
}
