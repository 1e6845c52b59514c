/**
 * Whether this node should hold the group, by what was read and what the guard said. Pure; every rule that refuses is
 * named as a fact.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import type { GrantRef } from "../guard-protocol.ts";
import { type GroupState, storedReport } from "./group-state.ts";

/** The grant that the group's status holds for this node's session in force; undefined when it is somebody else's. */
export function grantForMe(state: GroupState): GrantRef | undefined {
  const active = state.group?.status?.active;
  if (state.group === undefined || active === undefined || state.isGone) return undefined;
  if (active.node !== state.node || active.session !== state.session) return undefined;
  return grantRef(state.group, active.epoch, active.session);
}

export function grantRef(group: FailoverGroup, epoch: number, session: string): GrantRef {
  const { namespace = "", name, uid = "" } = group.metadata;
  return { namespace, group: name, groupUid: uid, epoch, session };
}

/** The grant to begin with, or undefined. */
export function servableGrant(state: GroupState): GrantRef | undefined {
  const grant = grantForMe(state);
  if (grant === undefined || state.isForbidden || isAskedToLeave(state)) return undefined;
  const isOver = grant.epoch <= state.finishedEpoch || isReportedFinished(state, grant);
  if (isOver && state.rules.epochsOnlyRise) return undefined;
  return grant;
}

/** A grant to this node that it must not begin with: the controller waits to hear that nothing is up under it. */
export function unservedGrant(state: GroupState): GrantRef | undefined {
  const grant = grantForMe(state);
  if (grant === undefined || grant.epoch <= state.finishedEpoch || isReportedFinished(state, grant)) return undefined;
  return isAskedToLeave(state) ? grant : undefined;
}

/** Whether the tenure's grant still stands. */
export function isStillGranted(state: GroupState, grant: GrantRef): boolean {
  const current = grantForMe(state);
  return current !== undefined && !state.isForbidden && sameGrant(current, grant) && !isAskedToLeave(state);
}

/** A move is planned to another member, the group is held down, or it is being deleted. */
export function isAskedToLeave(state: GroupState): boolean {
  const group = state.group;
  if (group === undefined) return false;
  const target = group.status?.target;
  const isMoving = target !== undefined && target.node !== state.node;
  const isDeleting = group.metadata.deletionTimestamp !== undefined && group.spec.whenDeleted !== "Leave";
  return isMoving || isDeleting || group.status?.hold !== undefined;
}

/** Whoever reported epoch N deactivated never activates under N again, not even after a restart (DESIGN 4.4). */
function isReportedFinished(state: GroupState, grant: GrantRef): boolean {
  const report = storedReport(state);
  return report?.state === "Inactive" && report.session === grant.session && report.epoch === grant.epoch;
}

/**
 * What an earlier life of this worker may have left up: its report says so, and this life has not taken it down. It is
 * taken down first, never resumed.
 */
export function leftoverGrant(state: GroupState): GrantRef | undefined {
  const report = storedReport(state);
  if (state.group === undefined || report === undefined || report.state === "Inactive") return undefined;
  if (report.epoch <= state.finishedEpoch) return undefined;
  if (!state.rules.lifeIsSession && grantForMe(state)?.epoch === report.epoch) return undefined;
  return grantRef(state.group, report.epoch, report.session);
}

export function sameGrant(left: GrantRef, right: GrantRef): boolean {
  return left.groupUid === right.groupUid && left.epoch === right.epoch && left.session === right.session;
}

/** Why the group came here, for `UNDERSTUDY_CAUSE`. */
export function causeOf(group: FailoverGroup, epoch: number): string {
  const move = group.status?.history?.find((entry) => entry.epoch === epoch);
  return move?.cause ?? group.status?.target?.cause ?? "ColdStart";
}

/** Observe and report only; exclusivity is never paused. */
export function isPaused(group: FailoverGroup): boolean {
  const paused = group.status?.conditions?.find((condition) => condition.type === "Paused");
  return group.spec.failover?.mode === "Paused" || (paused?.status === "True" && paused.reason === "FailoverPaused");
}
