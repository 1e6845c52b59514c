/** Who holds a pointer's object, by the rules that all kinds share. Pure. */
import type { FailoverGroup } from "../../api/generated/types.ts";
import type { ResourceKind } from "../../api/kinds.ts";
import { claimedElsewhere, claimingGroup } from "../shared/claims.ts";
import type { Claim, Memory, PointerObject } from "./seen.ts";

export function claimOf(
  kind: ResourceKind,
  object: PointerObject,
  objects: readonly PointerObject[],
  groups: readonly FailoverGroup[],
  memory?: Pick<Memory, "deletedGroup">,
): Claim {
  const group = claimingGroup(kind, object, groups);
  if (group === undefined) return afterDeletion(object, groups, memory?.deletedGroup);
  const message = claimedElsewhere(kind, object, group, objects, groups);
  return message === undefined ? { type: "Held", group } : { type: "HeldElsewhere", group, message };
}

/** A group that went away with its service leaves something to do until what was applied is forgotten. */
function afterDeletion(
  object: PointerObject,
  groups: readonly FailoverGroup[],
  deleted: FailoverGroup | undefined,
): Claim {
  const uid = object.status?.group?.uid;
  const isGone = groups.every((group) => group.metadata.uid !== deleted?.metadata.uid);
  if (deleted === undefined || uid !== deleted.metadata.uid || !isGone || object.status?.active === undefined) {
    return { type: "None" };
  }
  return { type: "GroupDeleted", group: deleted };
}

/** The group is down by request, by failure or by deletion; between two members of a move it is not. */
export function isStopped(claim: Claim): boolean {
  if (claim.type === "GroupDeleted") return true;
  if (claim.type !== "Held") return false;
  return isHeldDown(claim.group);
}

/** As the group's own status says it. A start that is held back after a crash is not a stop: nobody decided it. */
export function isHeldDown(group: FailoverGroup): boolean {
  const { active, target, hold } = group.status ?? {};
  const isStop = hold?.reason === "StoppedByRequest" || hold?.reason === "StoppedAfterFailure";
  return active === undefined && target === undefined && isStop;
}

/** Whether the group goes away together with its service. */
export function isBeingDeleted(group: FailoverGroup): boolean {
  return group.metadata.deletionTimestamp !== undefined && group.spec.whenDeleted === "Deactivate";
}
