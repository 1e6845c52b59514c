/**
 * Who may use a resource object: one group per object, one object per address, allocation or record. The older claim keeps it: first
 * whoever has it recorded in `status.group`, then age, then name, so that everybody who decides decides the same.
 * Pure; a race between two applies ends in a condition, never in two groups that bring the same address up.
 */
import type { FailoverGroup, GroupClaim, ObjectByKind } from "../../api/generated/types.ts";
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
  const place = placeOf(kind, object);
  if (place === undefined) return undefined;
  const samePlace = rivals.filter(
    (other) => placeOf(kind, other)?.key === place.key && nameOf(other) !== nameOf(object),
  );
  for (const rival of samePlace.toSorted(byClaim)) {
    const rivalGroup = claimingGroup(kind, rival, groups);
    if (rivalGroup === undefined || byClaim(rival, object) > 0) continue;
    return `${place.text} is already held by ${kind} ${nameOf(rival)} of group ${nameOf(rivalGroup)} (since ${rival.metadata.creationTimestamp ?? "unknown"}); this object stays inactive`;
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

/** The one thing in the cloud that an object points with. */
export interface Place {
  /** Equal for two objects that would write the same thing. */
  readonly key: string;
  /** As messages name it. */
  readonly text: string;
}

type PlaceOf<Kind extends ResourceKind> = (spec: ObjectByKind[Kind]["spec"]) => Place | undefined;

/** Undefined: two objects never meet (a probe port is each member's own, a device is guarded on its node). */
const PLACES: { readonly [Kind in ResourceKind]: PlaceOf<Kind> } = {
  AwsVirtualIP: ({ address }) => ({ key: address, text: address }),
  AwsElasticIP: ({ allocationId }) => ({ key: allocationId, text: allocationId }),
  AwsDns: ({ hostedZoneId, name }) => {
    const text = name.endsWith(".") ? name : `${name}.`;
    return { key: `${hostedZoneId} ${text}`, text: `${text} in zone ${hostedZoneId}` };
  },
  // Names of resource groups ignore case. Nothing tells whether an omitted subscription is the one that another names.
  AzureDns: ({ subscriptionId = "", resourceGroup, zone, record, zoneType }) => ({
    key: `${subscriptionId} ${resourceGroup} ${zoneType} ${zone} ${record}`.toLowerCase(),
    text: `${record} in ${zoneType.toLowerCase()} zone ${zone} of ${resourceGroup}`,
  }),
  LbProbePort: () => undefined,
  MirrorDisk: () => undefined,
};

/** What two objects of one kind must not share. Undefined: nothing. */
export function placeOf(kind: ResourceKind, object: Claimable): Place | undefined {
  const place = PLACES[kind] as (spec: object) => Place | undefined;
  return place(object.spec);
}

/** `namespace/name`. */
export function nameOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}
