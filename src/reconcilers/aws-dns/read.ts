/**
 * All cloud reads for one look at an AwsDns: the record, the zone, for a private zone the members' VPCs, what may be
 * changed, and how far the last change has come.
 */
import type { AwsDns } from "../../api/generated/types.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import { parseAwsProviderId } from "../../cloud/aws/provider-id.ts";
import type { Route53Access } from "../../cloud/aws/route53-access.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import { readAwsMembers, type AwsMember } from "../pointer/aws-members.ts";
import type { ReadRequest } from "../pointer/kind.ts";
import type { MemberFacts } from "../pointer/members.ts";
import { mapped, readingOf, valueOf } from "../pointer/reading.ts";
import type { Changes } from "./changes.ts";
import { recordSeenOf } from "./record.ts";
import { recordNameOf, type AwsDnsFacts, type VpcSeen } from "./seen.ts";

export interface AwsDnsReadModules {
  readonly route53: Route53Access;
  readonly ec2: Ec2Access;
  readonly changes: Changes;
}

type Request = ReadRequest<AwsDns, AwsCredentials>;

export async function readAwsDns(modules: AwsDnsReadModules, request: Request): Promise<AwsDnsFacts> {
  const { object, identity, members, wishes, withDryRuns } = request;
  const region = regionOf(members);
  const unread = { zone: undefined, record: undefined, mayChange: undefined, mayReadChanges: undefined };
  const { monitored, facts, dryRuns } = wishes;
  if (!identity.ok) {
    const change = await modules.changes.look(object, undefined, facts.timeoutMs);
    return { region, ...unread, members: [], vpcs: [], change, callTimes: undefined };
  }
  const route53 = await modules.route53.knowledgeOf(region, identity.keys);
  const { hostedZoneId } = object.spec;
  const name = recordNameOf(object);
  const [sets, zone] = await Promise.all([
    readingOf(monitored, (how) => route53.records(hostedZoneId, name, how)),
    readingOf(facts, (how) => route53.hostedZone(hostedZoneId, how)),
  ]);
  const isPrivate = valueOf(zone)?.isPrivate === true;
  const aws = isPrivate ? (await readAwsMembers(modules.ec2, request)).filter(isInAws) : [];
  const [vpcs, mayChange, mayReadChanges, change] = await Promise.all([
    readVpcs(modules.ec2, request, aws),
    withDryRuns ? readingOf(dryRuns, (how) => route53.mayChange(hostedZoneId, name, how)) : undefined,
    withDryRuns ? readingOf(dryRuns, (how) => route53.mayReadChanges(how)) : undefined,
    modules.changes.look(object, route53, facts.timeoutMs),
  ]);
  const record = mapped(sets, recordSeenOf);
  const read = { zone, record, members: aws, vpcs, mayChange, mayReadChanges, change };
  return { region, ...read, callTimes: route53.callTimes() };
}

/** Members elsewhere (another cloud, a company's own site) are none of AWS's business. */
function isInAws(member: AwsMember): boolean {
  return member.instance !== undefined;
}

function regionOf(members: readonly MemberFacts[]): string | undefined {
  for (const { providerId, region } of members) {
    const found = (providerId === undefined ? undefined : parseAwsProviderId(providerId)?.region) ?? region;
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readVpcs(
  access: Ec2Access,
  { identity, wishes }: Request,
  members: readonly AwsMember[],
): Promise<VpcSeen[]> {
  if (!identity.ok) return [];
  const { keys } = identity;
  const placed = members.flatMap(({ node, region, networkInterface }) => {
    const vpcId = valueOf(networkInterface)?.vpcId;
    return vpcId === undefined || region === undefined ? [] : [{ node, region, vpcId }];
  });
  const byVpc = Map.groupBy(placed, ({ vpcId }) => vpcId);
  return await Promise.all(
    [...byVpc].map(async ([vpcId, same]): Promise<VpcSeen> => {
      const region = same[0]?.region ?? "";
      const ec2 = await access.knowledgeOf(region, keys);
      const dns = await readingOf(wishes.facts, (how) => ec2.vpcDns(vpcId, how));
      return { vpcId, region, nodes: same.map(({ node }) => node), dns };
    }),
  );
}
