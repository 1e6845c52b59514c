/**
 * Caches, loops and who is looked at when what changes. Keys only ever say "look again"; a wire that is missing costs
 * time, never correctness.
 */
import type { FailoverGroup, ObjectByKind } from "../api/generated/types.ts";
import { FAILOVER_GROUP, KIND_NAMES, KINDS, type KindName, RESOURCE_KINDS, type ResourceKind } from "../api/kinds.ts";
import { LEASE, type Lease, SESSION_LABEL } from "../api/session-lease.ts";
import type { Fence } from "../controller/contract.ts";
import { ReconcileLoop, type ReconcileLoopOptions } from "../controller/reconcile-loop.ts";
import { Informer, type InformerModules } from "../kube/informer.ts";
import { keyOf, type ObjectKey, type ResourceType } from "../kube/ports.ts";
import type { FencingDriver } from "./failover-group/fencing-driver.ts";
import type { SessionPoller } from "./failover-group/session-poller.ts";
import { RECONCILERS, type RegistryModules } from "./registry.ts";
import { lists } from "./shared/claims.ts";
import { type Change, ResourceEnqueuer } from "./shared/enqueue.ts";
import type { Node } from "./shared/sources.ts";

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

export interface ControllerCaches {
  readonly groups: Informer<FailoverGroup>;
  readonly nodes: Informer<Node>;
  /** Session Leases, for the facts in them; never to judge a session. */
  readonly leases: Informer<Lease>;
  readonly resources: { readonly [Kind in ResourceKind]: Informer<ObjectByKind[Kind]> };
}

/** One informer per kind, not started. `namespace`: where the session Leases live. */
export function makeCaches(namespace: string, modules: InformerModules): ControllerCaches {
  const of = <Kind extends ResourceKind>(kind: Kind): Informer<ObjectByKind[Kind]> =>
    new Informer({ type: KINDS[kind] }, modules);
  return {
    groups: new Informer({ type: FAILOVER_GROUP }, modules),
    nodes: new Informer({ type: NODE }, modules),
    leases: new Informer({ type: LEASE, namespace, labelSelector: SESSION_LABEL }, modules),
    resources: {
      AwsVirtualIP: of("AwsVirtualIP"),
      AwsElasticIP: of("AwsElasticIP"),
      AwsDns: of("AwsDns"),
      AzureDns: of("AzureDns"),
      LbProbePort: of("LbProbePort"),
      MirrorDisk: of("MirrorDisk"),
    },
  };
}

export type AnyLoop = ReconcileLoop<unknown, unknown>;
export type Loops = Readonly<Record<KindName, AnyLoop>>;

/** Where the loop's own default is too few: records of one zone share a request only if they are looked at together. */
const CONCURRENCY: Readonly<Partial<Record<KindName, ReconcileLoopOptions>>> = { AwsDns: { concurrency: 64 } };

/** One loop per kind, not started. */
export function makeLoops(
  modules: RegistryModules,
  loop: Omit<InformerModules, "api"> & { readonly fence: Fence },
  options: ReconcileLoopOptions = {},
): Loops {
  const optionsOf = (kind: KindName): ReconcileLoopOptions => ({ ...CONCURRENCY[kind], ...options });
  const made = KIND_NAMES.map(
    (kind) => [kind, new ReconcileLoop(RECONCILERS[kind](modules), optionsOf(kind), loop)] as const,
  );
  return Object.fromEntries(made) as unknown as Loops;
}

/** Connects every source of change with the loops that must look again. */
export function wire(caches: ControllerCaches, loops: Loops, poller: SessionPoller, fencing: FencingDriver): void {
  const { groups, nodes, leases, resources } = caches;
  const enqueuers = RESOURCE_KINDS.map((kind) => ({
    kind,
    enqueuer: new ResourceEnqueuer(kind, { objects: resources[kind], groups, leases }),
  }));
  const enqueueGroups = (isConcerned: (group: FailoverGroup) => boolean): void => {
    for (const group of groups.list()) if (isConcerned(group)) loops.FailoverGroup.enqueue(keyOf(group));
  };
  const enqueueResources = (change: Change, changed: ObjectKey): void => {
    for (const { kind, enqueuer } of enqueuers)
      for (const key of enqueuer.keysFor(change, changed)) loops[kind].enqueue(key);
  };
  groups.onChange((key) => {
    loops.FailoverGroup.enqueue(key);
    enqueueResources("group", key);
    const changed = groups.get(key);
    enqueueGroups((other) => changed === undefined || (other !== changed && sharesObject(other, changed)));
  });
  nodes.onChange(({ name }) => {
    enqueueGroups((group) => concernsNode(group, name));
    enqueueResources("node", { namespace: "", name });
  });
  leases.onChange((key) => enqueueResources("lease", key));
  for (const { kind, enqueuer } of enqueuers) {
    resources[kind].onChange((key) => {
      for (const own of enqueuer.keysFor("object", key)) loops[kind].enqueue(own);
      enqueueGroups((group) => lists(group, kind, { metadata: key }));
    });
  }
  poller.onChange((changed) => enqueueGroups((group) => changed.some((node) => concernsNode(group, node))));
  fencing.onChange((node) => enqueueGroups((group) => concernsNode(group, node)));
}

function concernsNode(group: FailoverGroup, node: string): boolean {
  const { active, reports } = group.status ?? {};
  if (active?.node === node) return true;
  return (
    group.spec.members.some((member) => member.node === node) ||
    reports?.some((report) => report.node === node) === true
  );
}

function sharesObject(one: FailoverGroup, other: FailoverGroup): boolean {
  if (one.metadata.namespace !== other.metadata.namespace) return false;
  return one.spec.resources.some((mine) =>
    other.spec.resources.some(
      (theirs) => mine.kind !== undefined && mine.kind === theirs.kind && mine.name === theirs.name,
    ),
  );
}
