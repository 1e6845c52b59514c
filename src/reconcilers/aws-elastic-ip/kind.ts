/** AwsElasticIP: a public address that is associated with the active member's interface. */
import type { AwsElasticIP } from "../../api/generated/types.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import { awsKeysOf, EC2_WORDING } from "../pointer/aws-members.ts";
import type { PointerKind, WriteRequest } from "../pointer/kind.ts";
import { statusOf, viewAssociation, viewStopped } from "./association.ts";
import { EIP_CHECKS } from "./checks.ts";
import { readElasticIp } from "./read.ts";
import type { EipFacts, EipWrite } from "./seen.ts";

export type EipKind = PointerKind<AwsElasticIP, EipFacts, EipWrite, AwsCredentials>;

export function awsElasticIpKind(modules: { readonly ec2: Ec2Access }): EipKind {
  const { ec2 } = modules;
  return {
    kind: "AwsElasticIP",
    wording: {
      ...EC2_WORDING,
      beingWritten: "the address is being associated",
      notWritten: "the address is not associated yet",
      beingVerified: "the association is being verified",
      whileStopped: ({ spec }) =>
        spec.whenStopped === "Keep" ? "the association stays as it is" : "the address is not associated by us",
      oneWrite: "association",
      passed: () => "The member that holds the address loses its own public one meanwhile",
    },
    keysOf: awsKeysOf,
    read: (request) => readElasticIp(ec2, request),
    readings: ({ members, regions, permissions }) => ({
      monitored: regions.map((place) => place.address),
      facts: members.flatMap((member) => member.networkInterface ?? []),
      dryRuns: permissions.map((dryRun) => dryRun.reading),
    }),
    callTimes: (facts) => facts.callTimes,
    view: viewAssociation,
    checks: EIP_CHECKS,
    write: (write, request) => send(ec2, write, request),
    targetOf: (write) => (write.do === "Associate" ? write.allocationId : write.associationId),
    describe: (write) =>
      write.do === "Associate"
        ? `${write.allocationId} was associated with ${write.networkInterfaceId}`
        : `${write.associationId} was undone`,
    whenStopped: viewStopped,
    status: statusOf,
  };
}

async function send(
  access: Ec2Access,
  write: EipWrite,
  { keys, timeoutMs, assertMayWrite }: WriteRequest<AwsElasticIP, AwsCredentials>,
): Promise<void> {
  const ec2 = await access.knowledgeOf(write.region, keys);
  // It may wait for its turn: the right is asked when the turn has come.
  const options = { timeoutMs, beforeSend: assertMayWrite };
  if (write.do === "Disassociate") return await ec2.disassociateAddress(write.associationId, options);
  const { allocationId, networkInterfaceId } = write;
  await ec2.associateAddress({ allocationId, networkInterfaceId }, options);
}
