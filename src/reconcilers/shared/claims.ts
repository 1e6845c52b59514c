/**
 * Who may use a resource object: one group per object, one object per address. The older claim keeps it: first
 * whoever has it recorded in `status.group`, then age, then name, so that everybody who decides decides the same.
 * Pure; a race between two applies ends in a condition, never in two groups that bring the same address up.
 */
import type { FailoverGroup, GroupClaim } from "../../api/generated/types.ts";
import type { ResourceKind } from "../../api/kinds.ts";
import type { KubeObject } from "../../kube/ports.ts";

/** An object of any of the six kinds, as far as claims go. */
export interface Claimable extends KubeObject {
  readonly spec: object;
  readonly status?: { readonly group?: GroupClaim | undefined } | undefined;
}

/** The group that holds the object: the recorded one while it still lists it, else the oldest that does. */
export function claimingGroup(
  kind: ResourceKind,
  object: Claimable,
  groups: readonly FailoverGroup[],
): FailoverGroup | undefined {
  const listing = groups.filter((group) => lists(group, kind, object));
  const recorded = object.status?.group?.uid;
  return listing.find((group) => group.metadata.uid === recorded) ?? listing.toSorted(byAge)[0];
}

/** Why `group` may not use the object; undefined when it may. `rivals`: all objects of the kind. */
export function claimedElsewhere(
  kind: ResourceKind,
  object: Claimable,
  group: FailoverGroup,
  rivals: readonly Claimable[],
  groups: readonly FailoverGroup[],
): string | undefined {
  const holder = claimingGroup(kind, object, groups);
  if (holder !== undefined && holder.metadata.uid !== group.metadata.uid) {
    return `${kind} ${nameOf(object)} is already held by group ${nameOf(holder)} (since ${holder.metadata.creationTimestamp ?? "unknown"}); this group stays inactive`;
  }
  if (kind !== "AwsVirtualIP") return undefined;
  const sameAddress = rivals.filter(
    (other) => addressOf(other) === addressOf(object) && nameOf(other) !== nameOf(object),
  );
  for (const rival of sameAddress.toSorted(byClaim)) {
    const rivalGroup = claimingGroup(kind, rival, groups);
    if (rivalGroup === undefined || byClaim(rival, object) > 0) continue;
    return `${addressOf(object) ?? ""} is already held by ${kind} ${nameOf(rival)} of group ${nameOf(rivalGroup)} (since ${rival.metadata.creationTimestamp ?? "unknown"}); this object stays inactive`;
  }
  return undefined;
}

/** Whether the group lists the object. */
export function lists(group: FailoverGroup, kind: ResourceKind, object: KubeObject): boolean {
  const { namespace, name } = object.metadata;
  const isListed = group.spec.resources.some((resource) => resource.kind === kind && resource.name === name);
  return isListed && group.metadata.namespace === namespace;
}

function byClaim(a: Claimable, b: Claimable): number {
  const recorded = (object: Claimable): number => (object.status?.group === undefined ? 1 : 0);
  return recorded(a) - recorded(b) || byAge(a, b);
}

function byAge(a: KubeObject, b: KubeObject): number {
  const age = (object: KubeObject): string => `${object.metadata.creationTimestamp ?? ""} ${nameOf(object)}`;
  return age(a) < age(b) ? -1 : 1;
}

function addressOf(object: Claimable): string | undefined {
  return "address" in object.spec && typeof object.spec.address === "string" ? object.spec.address : undefined;
}

/** `namespace/name`. */
export function nameOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}
