/**
 * The reconciler of a kind that this version does not carry out: it says so, and does nothing else, so that nothing
 * is silently ignored.
 */
import { setConditions, type WantedCondition, wantedWithRemedy } from "../../api/conditions.ts";
import type { Condition, FailoverGroup, GroupClaim } from "../../api/generated/types.ts";
import { CONTROLLER_FIELD_MANAGER, KINDS, type ResourceKind } from "../../api/kinds.ts";
import type { Fence, Reconciler } from "../../controller/contract.ts";
import type { KubeApi, ObjectKey } from "../../kube/ports.ts";
import { applyStatus, isSameStatus } from "../../controller/status-writer.ts";
import { type Claimable, claimingGroup } from "./claims.ts";
import type { Cache, EventSink, WritableCache } from "./sources.ts";
import { newTroubles } from "./trouble-events.ts";

interface AnyResource extends Claimable {
  readonly status?:
    | { readonly group?: GroupClaim | undefined; readonly conditions?: readonly Condition[] | undefined }
    | undefined;
}

interface Seen {
  readonly object: AnyResource;
  readonly group: FailoverGroup | undefined;
}

interface Step {
  readonly status: { readonly conditions: readonly Condition[]; readonly [field: string]: unknown };
}

export interface UnimplementedModules {
  readonly kube: KubeApi;
  readonly objects: WritableCache<AnyResource>;
  readonly groups: Cache<FailoverGroup>;
  readonly events: EventSink;
}

export function unimplementedReconciler(kind: ResourceKind, modules: UnimplementedModules): Reconciler<Seen, Step> {
  const { kube, objects, groups, events } = modules;
  return {
    name: kind,
    observe: (key: ObjectKey) => {
      const object = objects.get(key);
      return Promise.resolve(
        object === undefined ? undefined : { object, group: claimingGroup(kind, object, groups.list()) },
      );
    },
    plan: (seen, now) => {
      const status = statusOf(kind, seen, new Date(now.wallMs).toISOString());
      return { steps: isSameStatus(ownPart(seen.object.status), status) ? [] : [{ status }] };
    },
    act: async (key, step, fence: Fence) => {
      const object = objects.get(key);
      if (object === undefined) return;
      fence.assertLeader();
      objects.absorb(
        await applyStatus<AnyResource>(kube, KINDS[kind], object, step.status, {
          fieldManager: CONTROLLER_FIELD_MANAGER,
        }),
      );
      for (const { reason, message } of newTroubles(object.status?.conditions, step.status.conditions))
        events.tell(object, "Warning", reason, message);
    },
  };
}

const OWN_FIELDS: readonly string[] = ["observedGeneration", "group", "conditions"];

/** A MirrorDisk's seal and set are written by others. */
function ownPart(status: object = {}): object {
  return Object.fromEntries(Object.entries(status).filter(([name]) => OWN_FIELDS.includes(name)));
}

function statusOf(kind: ResourceKind, seen: Seen, nowIso: string): Step["status"] {
  const generation = seen.object.metadata.generation ?? 0;
  const { group } = seen;
  const ready: WantedCondition =
    group === undefined
      ? wantedWithRemedy(kind, "Ready", "False", "NotInGroup", "no FailoverGroup lists this object")
      : wantedWithRemedy(kind, "Ready", "False", "Inactive", `group ${group.metadata.name} cannot bring it up`);
  const message = `${kind} is not carried out by this version`;
  const preflight = wantedWithRemedy(kind, "PreflightOK", "False", "NotImplemented", message);
  return {
    observedGeneration: generation,
    ...(group === undefined ? {} : { group: { name: group.metadata.name, uid: group.metadata.uid ?? "" } }),
    conditions: setConditions(seen.object.status?.conditions, [ready, preflight], generation, nowIso),
  };
}
