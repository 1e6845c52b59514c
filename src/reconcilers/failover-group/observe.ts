/**
 * Gathers what one reconciliation of a group looks at. Reads only.
 *
 * Two reads are consistent, and their order matters: first the group, then, where another holder stands in the Lease
 * than the one the grant names, that Lease again. A new life of a guard may only be concluded from a Lease read after
 * the group: the grant could otherwise be newer than what the poller saw.
 */
import type { GroupClaim } from "../../api/generated/types.ts";
import { FAILOVER_GROUP, type ResourceKind } from "../../api/kinds.ts";
import { LEASE, type Lease } from "../../api/session-lease.ts";
import { type KubeApi, keyOf, type ObjectKey } from "../../kube/ports.ts";
import { type Claimable, claimedElsewhere } from "../shared/claims.ts";
import type { Caches, Node } from "../shared/sources.ts";
import type { Fencing } from "./fencing-driver.ts";
import { fenceTargetOf, fencingOf, identityOf } from "./fencing-target.ts";
import { IDLE } from "./fencing-view.ts";
import type { DiskSeen, GroupSettings, MemberSeen, Memory, NodeSeen, ObjectSeen, ResourceSeen, Seen } from "./seen.ts";
import type { Sessions } from "./session-poller.ts";
import { zoneOf } from "./zone-view.ts";
import type { Zones } from "./zone-watch.ts";
import type { Condition, FailoverGroup, GroupResource } from "./types.ts";

export interface ObserveModules {
  readonly kube: Pick<KubeApi, "get">;
  readonly sessions: Sessions;
  readonly caches: Caches;
  readonly settings: GroupSettings;
  /** The installation's namespace, in which the session Leases live. */
  readonly leaseNamespace: string;
  /** Absent where nobody is to be stopped: whoever only looks. */
  readonly fencing?: Fencing | undefined;
  /** Absent where nobody watches zones: whoever only looks. */
  readonly zones?: Zones | undefined;
}

const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const REGION = "topology.kubernetes.io/region";

/** Undefined: the group is gone. Throws `KubeError` when the group or a Lease cannot be read. */
export async function observeGroup(key: ObjectKey, memory: Memory, modules: ObserveModules): Promise<Seen | undefined> {
  const { kube, sessions, caches, settings } = modules;
  const timeoutMs = settings.timings.requestTimeoutMs;
  const group = await kube.get<FailoverGroup>(FAILOVER_GROUP, key, { timeoutMs });
  if (group === undefined) return undefined;
  const nodes = nodesOf(group);
  const readAfter = new Set(nodes.filter((node) => needsFreshLease(group, node, sessions)));
  for (const node of readAfter) {
    const lease = await kube.get<Lease>(LEASE, { namespace: modules.leaseNamespace, name: node }, { timeoutMs });
    if (lease === undefined) readAfter.delete(node);
    else sessions.answered(lease);
  }
  const seen = {
    group,
    members: nodes.map((node) => memberSeen(group, node, readAfter.has(node), modules)),
    resources: group.spec.resources.map((resource) => resourceSeen(group, resource, caches)),
    agentNodes: sessions.nodes(),
    memory,
    settings,
  };
  const members = seen.members.map((member) => withMachine(seen, member, modules));
  const zone = zoneSeen(group, members, modules.zones);
  return { ...seen, members, ...(zone === undefined ? {} : { zone }) };
}

/** The zone of whoever holds the group, as last read; reading goes on beside. */
function zoneSeen(group: FailoverGroup, members: readonly MemberSeen[], zones: Zones | undefined): Seen["zone"] {
  const monitor = group.spec.monitors?.availabilityZone;
  const holder = members.find(({ node }) => node === group.status?.active?.node);
  const place = holder === undefined ? undefined : zoneOf(holder.providerIds);
  if (monitor === undefined || place === undefined) return undefined;
  return zones?.viewOf(keyOf(group), place, monitor);
}

/**
 * Adds which nodes name the same machine, and whether the machine could be stopped, as last asked; asking goes on beside.
 * Other groups may name machines too, and a wrong one anywhere would be no proof here.
 */
function withMachine(seen: Seen, member: MemberSeen, { fencing: driver, caches }: ObserveModules): MemberSeen {
  const fencing = fencingOf(seen);
  if (driver === undefined || fencing === undefined || member.position === undefined) return member;
  const { node } = member;
  const providerIds = [...new Set([...member.providerIds, ...driver.machines.idsOf(node, caches)])];
  const others = providerIds.flatMap((id) => driver.machines.othersOf(node, id, caches));
  const named = { ...member, providerIds, sharedWith: [...new Set(others)] };
  const target = fenceTargetOf(fencing, named);
  if (!target.ok) return named;
  const fenceCheck = driver.checkOf(node, target.vm, identityOf(seen, fencing));
  return fenceCheck === undefined ? named : { ...named, fenceCheck };
}

/** Members in the order of the spec, then whoever holds or reports without being one. */
function nodesOf(group: FailoverGroup): string[] {
  const { active, reports } = group.status ?? {};
  const named = [...group.spec.members, ...(active === undefined ? [] : [active]), ...(reports ?? [])];
  return [...new Set(named.map((entry) => entry.node))];
}

/** Something rests on whether this node's guard began a new life. */
function needsFreshLease(group: FailoverGroup, node: string, sessions: Sessions): boolean {
  const { verdict } = sessions.view(node);
  if (verdict.session === undefined) return false;
  const { active, reports } = group.status ?? {};
  if (active?.node === node && active.session !== verdict.session) return true;
  const report = reports?.find((entry) => entry.node === node);
  return report !== undefined && report.state !== "Inactive" && report.session !== verdict.session;
}

function memberSeen(
  group: FailoverGroup,
  node: string,
  isSessionReadAfterGroup: boolean,
  modules: ObserveModules,
): MemberSeen {
  const position = group.spec.members.findIndex((member) => member.node === node);
  const nodeObject = modules.caches.nodes.get({ namespace: "", name: node });
  const report = group.status?.reports?.find((entry) => entry.node === node);
  const session = modules.sessions.view(node);
  const named = [group.spec.members[position]?.providerID, nodeObject?.spec?.providerID, session.facts?.providerId];
  return {
    node,
    ...(position < 0 ? {} : { position }),
    ...(nodeObject === undefined ? {} : { nodeObject: nodeSeen(nodeObject) }),
    session,
    isSessionReadAfterGroup,
    ...(report === undefined ? {} : { report }),
    providerIds: [...new Set(named.flatMap((id) => (id === undefined || id === "" ? [] : [id])))],
    sharedWith: [],
    fence: modules.fencing?.viewOf(node) ?? IDLE,
    isBooted: modules.fencing?.isBooted(node, session.verdict.session ?? "") === true,
  };
}

function nodeSeen(node: Node): NodeSeen {
  const region = node.metadata.labels?.[REGION];
  return {
    isCordoned: node.spec?.unschedulable === true,
    isOutOfService: node.spec?.taints?.some((taint) => taint.key === OUT_OF_SERVICE) === true,
    ...(region === undefined ? {} : { region }),
  };
}

function resourceSeen(group: FailoverGroup, resource: GroupResource, caches: Caches): ResourceSeen {
  const kind = resource.kind;
  if (kind === undefined) return { resource, kind: "exec" };
  const object = caches.resources[kind].get({ namespace: group.metadata.namespace ?? "", name: resource.name });
  if (object === undefined) return { resource, kind };
  return { resource, kind, object: objectSeen(kind, object, group, caches) };
}

/** The fields that all six kinds share. */
interface AnyResource extends Claimable {
  readonly status?:
    | {
        readonly group?: GroupClaim | undefined;
        readonly active?: { readonly node: string; readonly epoch: number } | undefined;
        readonly conditions?: readonly Condition[] | undefined;
        readonly primary?: DiskSeen["primary"] | undefined;
        readonly inSync?: DiskSeen["inSync"] | undefined;
      }
    | undefined;
}

function objectSeen(kind: ResourceKind, object: AnyResource, group: FailoverGroup, caches: Caches): ObjectSeen {
  const rivals: readonly Claimable[] = caches.resources[kind].list();
  const elsewhere = claimedElsewhere(kind, object, group, rivals, caches.groups.list());
  const { active, conditions, primary, inSync } = object.status ?? {};
  return {
    kind,
    name: object.metadata.name,
    conditions: conditions ?? [],
    ...(active === undefined ? {} : { active }),
    epochs: [primary?.epoch ?? 0, inSync?.epoch ?? 0],
    ...(inSync === undefined ? {} : { inSync: inSync.members }),
    ...(kind === "MirrorDisk" ? { disk: diskSeen(object) } : {}),
    ...(elsewhere === undefined ? {} : { claimedElsewhere: elsewhere }),
  };
}

function diskSeen({ metadata, status }: AnyResource): DiskSeen {
  return {
    resourceVersion: metadata.resourceVersion ?? "",
    hasStatus: status !== undefined,
    ...(status?.primary === undefined ? {} : { primary: status.primary }),
    ...(status?.inSync === undefined ? {} : { inSync: status.inSync }),
  };
}
