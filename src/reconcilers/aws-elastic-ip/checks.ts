/** What must hold for the association of an Elastic IP, besides what every pointer needs (`pointer/checks.ts`). Pure. */
import { everyMemberHasAnInstance, everyMemberHasAnInterface } from "../pointer/aws-members.ts";
import { refusedDryRuns } from "../pointer/checks.ts";
import type { Check, Finding } from "../pointer/kind.ts";
import { valueOf } from "../pointer/reading.ts";
import { ownPublicIp } from "./association.ts";
import type { EipSeen } from "./seen.ts";

/** In the order in which their findings are reported. */
export const EIP_CHECKS: readonly Check<EipSeen>[] = [
  (seen) => everyMemberHasAnInstance(seen.facts.members),
  (seen) => everyMemberHasAnInterface(seen.facts.members),
  allocationExistsForEveryMember,
  addressMayBeAssociated,
  addressMayBeDisassociated,
  everyMemberHasAWayOutAfterwards,
];

/** An allocation belongs to one region: a member elsewhere can never hold it. */
function allocationExistsForEveryMember(seen: EipSeen): Finding[] {
  const { allocationId } = seen.object.spec;
  return seen.facts.regions.flatMap(({ region, address }): Finding[] => {
    if (!address.ok || address.value !== undefined) return [];
    const nodes = seen.facts.members.filter((member) => member.region === region).map((member) => member.node);
    return [
      {
        reason: "NotFound",
        message: `${allocationId} of spec.allocationId does not exist in ${region} (${nodes.join(", ")}). Give an allocation of the region and account of the members`,
      },
    ];
  });
}

function addressMayBeAssociated(seen: EipSeen): Finding[] {
  const { allocationId } = seen.object.spec;
  const runs = seen.facts.permissions.filter((dryRun) => dryRun.action === "AssociateAddress");
  return refusedDryRuns(runs, (enis) => `Allow ec2:AssociateAddress on ${allocationId} and ${enis}`);
}

function addressMayBeDisassociated(seen: EipSeen): Finding[] {
  const { allocationId } = seen.object.spec;
  const runs = seen.facts.permissions.filter((dryRun) => dryRun.action === "DisassociateAddress");
  return refusedDryRuns(runs, () => `Allow ec2:DisassociateAddress on ${allocationId}, or set spec.whenStopped: Keep`);
}

/**
 * An interface loses the public address that AWS gave it while an Elastic IP is there. It gets another one afterwards,
 * unless the instance has more than one interface (EC2 user guide, "Public IPv4 addresses").
 */
function everyMemberHasAWayOutAfterwards(seen: EipSeen): Finding[] {
  return seen.facts.members.flatMap((member): Finding[] => {
    const { node, interfaceCount = 1 } = member;
    const eni = valueOf(member.networkInterface);
    const before = seen.status.members?.find((known) => known.node === node);
    const own = eni === undefined ? undefined : ownPublicIp(eni, before);
    if (own === undefined || interfaceCount < 2) return [];
    return [
      {
        reason: "NoEgressAfterMove",
        message: `${node} loses its own public address ${own} while it holds the Elastic IP, and gets none afterwards because it has ${interfaceCount} network interfaces. Give the subnet a NAT gateway or VPC endpoints`,
      },
    ];
  });
}
