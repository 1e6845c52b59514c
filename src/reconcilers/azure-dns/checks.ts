/**
 * Preflight of an AzureDns: what must hold before its record can move, for every member, checked before it is needed.
 * Each check is one fact; the general ones stand in `pointer/checks.ts`, those of all records in `dns/checks.ts`. Pure.
 */
import { recordAction, zoneType } from "../../cloud/azure/dns-ports.ts";
import { isAllowed } from "../../cloud/azure/permissions.ts";
import { everyMemberHasAnAddress, recordIsSimple } from "../dns/checks.ts";
import type { Failure } from "../pointer/reading.ts";
import { recordViewOf } from "./record.ts";
import type { AzureDnsCheck, AzureDnsSeen } from "./seen.ts";

export const AZURE_DNS_CHECKS: readonly AzureDnsCheck[] = [
  subscriptionIsKnown,
  zoneExists,
  everyMemberHasAnAddress,
  (seen) => recordIsSimple(recordViewOf(seen)),
  zoneHasANetwork,
  recordMayBeWritten,
];

function subscriptionIsKnown({ facts }: AzureDnsSeen) {
  const { subscription } = facts;
  return subscription.ok ? [] : [{ reason: "NotFound", message: subscription.message }];
}

function zoneExists({ facts, object }: AzureDnsSeen) {
  const { record } = facts;
  if (record === undefined || record.ok || record.failure.code !== "NotFound") return [];
  const { zone, resourceGroup, zoneType: type } = object.spec;
  const where = `resource group ${resourceGroup} of subscription ${facts.subscription.ok ? facts.subscription.id : ""}`;
  const message = `${type.toLowerCase()} zone ${zone} is not in ${where}: ${record.failure.message}. Correct zone, zoneType, resourceGroup or subscriptionId; they are immutable, so create the object anew`;
  return [{ reason: "NotFound", message }];
}

/** Which networks the members are in is not asked: that would need the right to read their machines. */
function zoneHasANetwork({ facts, object }: AzureDnsSeen) {
  if (facts.links?.ok !== true || facts.links.value.some(({ isReady }) => isReady)) return [];
  const found = facts.links.value.map(({ name }) => name).join(", ");
  const message = `private zone ${object.spec.zone} is linked to no virtual network${found === "" ? "" : ` yet (${found})`}, so nobody resolves its names. Add a virtual network link for the network of every member and client`;
  return [{ reason: "VpcNotAssociated", message }];
}

/** What a group with this object needs of its role, for the check and for whoever writes the role. */
export function actionsOf(spec: Pick<AzureDnsSeen["object"]["spec"], "zoneType" | "whenStopped">): string[] {
  const { zoneType: type, whenStopped } = spec;
  const links = `Microsoft.Network/${zoneType(type)}/virtualNetworkLinks/read`;
  return [
    recordAction(type, "read"),
    recordAction(type, "write"),
    ...(whenStopped === "Delete" ? [recordAction(type, "delete")] : []),
    ...(type === "Private" ? [links] : []),
  ];
}

function recordMayBeWritten({ facts, object }: AzureDnsSeen) {
  const { permissions } = facts;
  if (permissions === undefined) return [];
  if (!permissions.ok) return mayNotBeAsked(permissions.failure);
  const refused = actionsOf(object.spec).filter((action) => !isAllowed(permissions.value, action));
  if (refused.length === 0) return [];
  const { zone, resourceGroup } = object.spec;
  const message = `the identity may not ${refused.join(", ")} on zone ${zone} in ${resourceGroup}. Add it to a role that is assigned to it on the zone`;
  return [{ reason: "NotAuthorized", message }];
}

function mayNotBeAsked({ code, message }: Failure) {
  if (code !== "NotAuthorized") return [];
  const remedy =
    "Add Microsoft.Authorization/permissions/read to the role, so that the others can be checked beforehand";
  return [{ reason: code, message: `${message}. ${remedy}` }];
}
