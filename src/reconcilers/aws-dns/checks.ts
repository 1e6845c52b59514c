/** What must hold for a record in Route 53, besides what every pointer needs (`pointer/checks.ts`). Pure. */
import { everyMemberHasAnInterface } from "../pointer/aws-members.ts";
import { refusedDryRuns } from "../pointer/checks.ts";
import type { Check, Finding } from "../pointer/kind.ts";
import { valueOf } from "../pointer/reading.ts";
import { everyMemberHasAnAddress, isInZone, recordIsSimple } from "../dns/checks.ts";
import { recordViewOf } from "./record.ts";
import { recordNameOf, type AwsDnsSeen } from "./seen.ts";

/** In the order in which their findings are reported. */
export const AWS_DNS_CHECKS: readonly Check<AwsDnsSeen>[] = [
  zoneExists,
  nameLiesInTheZone,
  (seen) => recordIsSimple(recordViewOf(seen)),
  everyMemberHasAnAddress,
  (seen) => everyMemberHasAnInterface(seen.facts.members),
  everyVpcResolvesTheZone,
  everyVpcHasDns,
  recordMayBeChanged,
  changesMayBeRead,
];

function zoneExists({ object, facts }: AwsDnsSeen): Finding[] {
  const { zone } = facts;
  if (zone === undefined || zone.ok || zone.failure.code !== "NotFound") return [];
  const { hostedZoneId } = object.spec;
  const message = `hosted zone ${hostedZoneId} of spec.hostedZoneId does not exist in the account of this identity. Correct the id, or the identity: ${zone.failure.message}`;
  return [{ reason: "NotFound", message }];
}

function nameLiesInTheZone({ object, facts }: AwsDnsSeen): Finding[] {
  const zone = valueOf(facts.zone);
  const name = recordNameOf(object);
  if (zone === undefined || isInZone(name, zone.name)) return [];
  const message = `${name} does not lie in zone ${zone.name} (${zone.zoneId}). Name and zone cannot be changed: create the object anew with a name that ends in ${zone.name}`;
  return [{ reason: "NameOutsideZone", message }];
}

/** A private zone is seen from its VPCs only, and the members must resolve the name themselves. */
function everyVpcResolvesTheZone({ facts }: AwsDnsSeen): Finding[] {
  const zone = valueOf(facts.zone);
  if (zone?.isPrivate !== true) return [];
  return facts.vpcs
    .filter(({ vpcId }) => !zone.vpcIds.includes(vpcId))
    .map(({ vpcId, region, nodes }) => ({
      reason: "VpcNotAssociated",
      message: `private zone ${zone.name} (${zone.zoneId}) is not associated with ${vpcId} in ${region} (${nodes.join(", ")}). Associate it: aws route53 associate-vpc-with-hosted-zone`,
    }));
}

/** VPC user guide, "DNS attributes for your VPC": a private hosted zone needs both. */
function everyVpcHasDns({ facts }: AwsDnsSeen): Finding[] {
  return facts.vpcs.flatMap(({ vpcId, nodes, dns }): Finding[] => {
    const known = valueOf(dns);
    if (known === undefined) return [];
    const off = [
      ...(known.hasDnsSupport ? [] : ["enableDnsSupport"]),
      ...(known.hasDnsHostnames ? [] : ["enableDnsHostnames"]),
    ];
    if (off.length === 0) return [];
    const message = `${off.join(" and ")} of ${vpcId} (${nodes.join(", ")}) is off, so names of a private zone do not resolve there. Switch it on: aws ec2 modify-vpc-attribute`;
    return [{ reason: "VpcDnsOff", message }];
  });
}

/** Where the zone itself cannot be read, that is the finding; the refusal of a change would say the same again. */
function recordMayBeChanged({ object, facts }: AwsDnsSeen): Finding[] {
  const { mayChange, zone } = facts;
  if (mayChange === undefined || zone?.ok !== true) return [];
  const target = recordNameOf(object);
  const arn = `arn:aws:route53:::hostedzone/${object.spec.hostedZoneId}`;
  return refusedDryRuns([{ target, reading: mayChange }], () => `Allow route53:ChangeResourceRecordSets on ${arn}`);
}

function changesMayBeRead({ facts }: AwsDnsSeen): Finding[] {
  const { mayReadChanges } = facts;
  if (mayReadChanges === undefined) return [];
  const remedy = (): string => "Allow route53:GetChange on arn:aws:route53:::change/*";
  return refusedDryRuns([{ target: "changes", reading: mayReadChanges }], remedy);
}
