/** All cloud reads for one look at an Elastic IP: members' interfaces, the addresses of their regions, what may be changed. */
import type { AwsElasticIP } from "../../api/generated/types.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import type { Ec2Knowledge } from "../../cloud/aws/ec2-knowledge.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import type { ReadWish } from "../../cloud/read-cache.ts";
import { type AwsMember, readAwsMembers } from "../pointer/aws-members.ts";
import type { ReadRequest } from "../pointer/kind.ts";
import { mapped, readingOf, valueOf } from "../pointer/reading.ts";
import type { DryRunSeen, EipFacts, RegionSeen } from "./seen.ts";

type Request = ReadRequest<AwsElasticIP, AwsCredentials>;
type KnowledgeOf = (region: string) => Promise<Ec2Knowledge>;

export async function readElasticIp(access: Ec2Access, request: Request): Promise<EipFacts> {
  const members = await readAwsMembers(access, request);
  const { identity, wishes, withDryRuns, object } = request;
  if (!identity.ok) return { members, regions: [], permissions: [], callTimes: undefined };
  const knowledgeOf: KnowledgeOf = (region) => access.knowledgeOf(region, identity.keys);
  const names = [...new Set(members.flatMap((member) => member.region ?? []))];
  const { allocationId } = object.spec;
  const regions = await Promise.all(
    names.map(async (region): Promise<RegionSeen> => {
      const ec2 = await knowledgeOf(region);
      const all = await readingOf(wishes.monitored, (how) => ec2.addresses(how));
      return { region, address: mapped(all, (found) => found.find((one) => one.allocationId === allocationId)) };
    }),
  );
  const [firstRegion] = names;
  return {
    members,
    regions,
    permissions: withDryRuns ? await dryRuns(object, members, regions, knowledgeOf, wishes.dryRuns) : [],
    callTimes: firstRegion === undefined ? undefined : (await knowledgeOf(firstRegion)).callTimes(),
  };
}

/** A dry run of exactly the writes that a move to any member, and a stop, would need. */
async function dryRuns(
  { spec }: AwsElasticIP,
  members: readonly AwsMember[],
  regions: readonly RegionSeen[],
  knowledgeOf: KnowledgeOf,
  wish: ReadWish,
): Promise<DryRunSeen[]> {
  const { allocationId } = spec;
  const here = regions.filter((place) => valueOf(place.address) !== undefined);
  const runs = here.flatMap(({ region, address }) => {
    const associations = members
      .filter((member) => member.region === region)
      .flatMap((member) => valueOf(member.networkInterface)?.networkInterfaceId ?? [])
      .map(async (networkInterfaceId): Promise<DryRunSeen> => {
        const ec2 = await knowledgeOf(region);
        const association = { allocationId, networkInterfaceId };
        const reading = await readingOf(wish, (how) => ec2.mayAssociate(association, how));
        return { action: "AssociateAddress", target: networkInterfaceId, reading };
      });
    const associationId = spec.whenStopped === "Disassociate" ? valueOf(address)?.associationId : undefined;
    if (associationId === undefined) return associations;
    const disassociation = async (): Promise<DryRunSeen> => {
      const ec2 = await knowledgeOf(region);
      const reading = await readingOf(wish, (how) => ec2.mayDisassociate(associationId, how));
      return { action: "DisassociateAddress", target: associationId, reading };
    };
    return [...associations, disassociation()];
  });
  return await Promise.all(runs);
}
