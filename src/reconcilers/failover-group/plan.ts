/**
 * The FailoverGroup's plan: from what was seen to what is to be done. Pure and total.
 *
 *   finalizer -> accept an operation -> carry it out -> reasons to leave the holder -> transfer -> describe -> write
 *
 * One status write per plan, by compare-and-set on the group as it was seen: whatever changed in between makes it
 * fail, and the group is seen again. Applying the first k steps and planning again leads to the same end, for every k.
 */
import type { Plan } from "../../controller/contract.ts";
import { isSameStatus } from "../../controller/status-writer.ts";
import { FINALIZERS } from "../../api/kinds.ts";
import type { Instant } from "../../lib/clock.ts";
import { type Draft, isoTime, newDraft } from "./draft.ts";
import { considerBoot } from "./plan-fencing.ts";
import { lookAfterPause, tellOfMaintenance } from "./plan-maintenance.ts";
import { considerMove } from "./plan-moves.ts";
import { isGroupUp } from "./plan-ready.ts";
import { acceptOperation, carryOutOperation } from "./plan-operations.ts";
import { joinResources } from "./plan-resources.ts";
import { describe } from "./plan-status.ts";
import { considerTransfer, nextEpoch } from "./plan-transfer.ts";
import { openMove, type Seen } from "./seen.ts";
import type { Step } from "./steps.ts";
import type { ControllerStatus } from "./types.ts";

/** While a member brings the group up, its own reports go first: what is only for people waits, in milliseconds. */
const COSMETIC_PAUSE_MS = 250;

/** However quiet everything is, a group is looked at so often, in milliseconds. */
const LOOK_AGAIN_MS = 60_000;

export function planGroup(seen: Seen, now: Instant): Plan<Step> {
  const { metadata } = seen.group;
  const isDeleting = metadata.deletionTimestamp !== undefined;
  const hasFinalizer = metadata.finalizers?.includes(FINALIZERS.deactivate) === true;
  if (isDeleting && !hasFinalizer) return { steps: [] };
  if (!isDeleting && !hasFinalizer) return { steps: [{ do: "AddFinalizer" }], requeueAfterMs: 0 };
  const draft = newDraft(seen, now);
  if (isDeleting && mayLetGo(draft)) return { steps: [{ do: "RemoveFinalizer" }] };
  if (isDeleting) {
    draft.status.hold ??= {
      reason: "StoppedByRequest",
      since: isoTime(now.wallMs),
      message: "the group is being deleted",
    };
    delete draft.status.target;
  } else if (acceptOperation(draft)) {
    return finish(draft, undefined);
  } else {
    carryOutOperation(draft);
  }
  tellOfMaintenance(draft);
  lookAfterPause(draft);
  const hadTarget = draft.status.target !== undefined;
  const joined = joinResources(seen, draft.status.active, draft.status.operation);
  considerMove(draft, joined);
  const grant = considerTransfer(draft);
  if (!hadTarget && draft.status.target !== undefined) draft.after.push({ do: "NoteMove", epoch: nextEpoch(seen) });
  if (grant === undefined && isGroupUp(draft, joined)) considerBoot(draft);
  describe(draft, grant !== undefined);
  return finish(draft, grant === undefined ? undefined : { node: grant.choice.node, epoch: grant.epoch });
}

/** Whether a deleted group may disappear: nobody holds it, or it is to be left running (`whenDeleted: Leave`). */
function mayLetGo(draft: Draft): boolean {
  if (draft.seen.group.spec.whenDeleted === "Leave") return true;
  return draft.holder.state === "None" || draft.holder.state === "Down" || draft.holder.state === "Expired";
}

function finish(draft: Draft, grant: { node: string; epoch: number } | undefined): Plan<Step> {
  const write = statusWrite(draft, grant);
  const steps = [
    ...draft.before,
    ...write,
    ...(write.length > 0 ? draft.after : draft.after.filter((step) => step.do === "RemoveAnnotation")),
  ];
  return { steps, requeueAfterMs: Math.max(0, Math.min(LOOK_AGAIN_MS, ...draft.lookAgainMs)) };
}

function statusWrite(draft: Draft, grant: { node: string; epoch: number } | undefined): Step[] {
  const resourceVersion = draft.seen.group.metadata.resourceVersion ?? "";
  if (grant !== undefined) return [{ do: "Grant", ...grant, status: draft.status, resourceVersion }];
  const { reports: _agents, ...old } = draft.seen.group.status ?? {};
  if (isSameStatus(old, draft.status)) return [];
  const waitMs = cosmeticWaitMs(draft, old);
  if (waitMs > 0) {
    draft.lookAgainMs.push(waitMs);
    return [];
  }
  return [{ do: "WriteStatus", status: draft.status, resourceVersion }];
}

/** How long a write that decides nothing waits: it would only make the agents' compare-and-set fail. */
function cosmeticWaitMs(draft: Draft, old: ControllerStatus): number {
  if (openMove(draft.status.history) === undefined && draft.status.target === undefined) return 0;
  if (!isSameStatus(essence(draft, old), essence(draft, draft.status))) return 0;
  const lastMs = draft.seen.memory.lastStatusWriteMs;
  return lastMs === undefined ? 0 : Math.max(0, lastMs + COSMETIC_PAUSE_MS - draft.now.monotonicMs);
}

/** What somebody waits for: agents for the grant, target, hold, repairs and pointers they depend on; people for Ready. */
function essence(draft: Draft, status: ControllerStatus): unknown {
  const { active, target, hold, operation, pausedUntil, epoch, history, conditions } = status;
  const awaited = new Set(draft.seen.group.spec.resources.flatMap((resource) => resource.dependsOn ?? []));
  const resources = (status.resources ?? []).map((view) => [
    view.reactivations,
    awaited.has(view.name) && view.state === "Active",
  ]);
  const ready = conditions?.find((condition) => condition.type === "Ready")?.status;
  return [active, target, hold, operation, pausedUntil, epoch, history, resources, ready];
}
