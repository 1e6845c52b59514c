/** All cloud reads for one look at a virtual IP: members' interfaces, then their VPCs, then what may be changed there. */
import type { AwsVirtualIP } from "../../api/generated/types.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import type { Ec2Knowledge } from "../../cloud/aws/ec2-knowledge.ts";
import { type AwsMember, readAwsMembers } from "../pointer/aws-members.ts";
import type { ReadRequest } from "../pointer/kind.ts";
import { mapped, readingOf, valueOf } from "../pointer/reading.ts";
import { relevantTables } from "./routes.ts";
import { destinationOf } from "./seen.ts";
import type { DryRunSeen, VipFacts, VpcSeen } from "./seen.ts";

type Request = ReadRequest<AwsVirtualIP, AwsCredentials>;

export async function readVip(access: Ec2Access, request: Request): Promise<VipFacts> {
  const members = await readAwsMembers(access, request);
  const { identity, wishes, withDryRuns, object } = request;
  if (!identity.ok) return { members, vpcs: [], permissions: [], callTimes: undefined };
  const knowledgeOf = (region: string): Promise<Ec2Knowledge> => access.knowledgeOf(region, identity.keys);
  const vpcs = await Promise.all(
    [...regionsByVpc(members)].map(async ([vpcId, region]): Promise<VpcSeen> => {
      const ec2 = await knowledgeOf(region);
      const [vpc, routeTables] = await Promise.all([
        readingOf(wishes.facts, (how) => ec2.vpc(vpcId, how)),
        readingOf(wishes.monitored, (how) => ec2.routeTables(vpcId, how)),
      ]);
      return { vpcId, region, cidrBlocks: mapped(vpc, ([facts]) => facts?.cidrBlocks ?? []), routeTables };
    }),
  );
  const [firstRegion] = vpcs.map((vpc) => vpc.region);
  return {
    members,
    vpcs,
    permissions: withDryRuns ? await dryRuns(object, members, vpcs, knowledgeOf, wishes.dryRuns) : [],
    callTimes: firstRegion === undefined ? undefined : (await knowledgeOf(firstRegion)).callTimes(),
  };
}

function regionsByVpc(members: readonly AwsMember[]): ReadonlyMap<string, string> {
  const regions = new Map<string, string>();
  for (const { region, networkInterface } of members) {
    const vpcId = valueOf(networkInterface)?.vpcId;
    if (vpcId !== undefined && region !== undefined) regions.set(vpcId, region);
  }
  return regions;
}

/** A dry run of exactly the write that a failover to some member would need. */
async function dryRuns(
  vip: AwsVirtualIP,
  members: readonly AwsMember[],
  vpcs: readonly VpcSeen[],
  knowledgeOf: (region: string) => Promise<Ec2Knowledge>,
  wish: Request["wishes"]["dryRuns"],
): Promise<DryRunSeen[]> {
  const destinationCidr = destinationOf(vip);
  const wanted = vpcs.flatMap((vpc) => {
    const eni = members.map((member) => valueOf(member.networkInterface)).find((found) => found?.vpcId === vpc.vpcId);
    if (eni === undefined) return [];
    const { networkInterfaceId } = eni;
    const tables = relevantTables(vip, valueOf(vpc.routeTables) ?? []);
    return tables.map(({ routeTableId }) => ({ region: vpc.region, routeTableId, networkInterfaceId }));
  });
  return await Promise.all(
    wanted.map(async ({ region, routeTableId, networkInterfaceId }) => {
      const ec2 = await knowledgeOf(region);
      const route = { routeTableId, destinationCidr, networkInterfaceId };
      return { target: routeTableId, reading: await readingOf(wish, (how) => ec2.mayReplaceRoute(route, how)) };
    }),
  );
}
