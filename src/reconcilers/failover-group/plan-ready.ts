/**
 * Ready, Reconciling, Stalled and the phase: what the state of the group amounts to. Pure; decides nothing.
 */
import { wanted, wantedWithRemedy, type WantedCondition } from "../../api/conditions.ts";
import type { ConditionType, Reason } from "../../api/reasons.ts";
import type { Draft } from "./draft.ts";
import { otherClaimants, reportsUnder } from "./holder.ts";
import { isEverythingActive, type JoinedResource } from "./plan-resources.ts";
import { type MemberSeen, memberOf, openMove } from "./seen.ts";
import type { Cause, GroupPhase } from "./types.ts";

type ReadyReason = Reason<"FailoverGroup", "Ready">;

/** A condition with a reason of the table and its remedy. */
export function fact<C extends ConditionType<"FailoverGroup">>(
  type: C,
  status: WantedCondition["status"],
  reason: Reason<"FailoverGroup", C>,
  message: string,
): WantedCondition {
  return wantedWithRemedy("FailoverGroup", type, status, reason, message);
}

/** The remedies of `Blocked` and `NoCandidate` point elsewhere; the message names what is in the way. */
function no(reason: ReadyReason, message: string): WantedCondition {
  if (reason === "Blocked") return wanted("FailoverGroup", "Ready", "False", reason, message);
  return fact("Ready", "False", reason, message);
}

/** The draft's grant may be in force. */
export function isHeld(draft: Draft): boolean {
  return draft.holder.state === "Holding" || draft.holder.state === "Vetoed";
}

/** Everything is active under the grant in force, as its holder and the kinds report. */
export function isGroupUp(draft: Draft, joined: readonly JoinedResource[]): boolean {
  const grant = draft.status.active;
  if (draft.holder.state !== "Holding" || !draft.holder.isHeard || grant === undefined) return false;
  if (draft.status.target !== undefined || draft.status.hold !== undefined) return false;
  const report = memberOf(draft.seen, grant.node)?.report;
  return reportsUnder(report, grant) && report.state === "Active" && isEverythingActive(joined);
}

/** A member besides the holder that reports the group up under a live session: the holder survives, it must stop. */
export function secondActive(draft: Draft): MemberSeen | undefined {
  const grant = draft.status.active;
  if (grant === undefined || !isHeld(draft)) return undefined;
  const own = memberOf(draft.seen, grant.node)?.report;
  if (!reportsUnder(own, grant) || own.state !== "Active") return undefined;
  return otherClaimants(draft.seen, [grant.node]).find(
    (member) => member.report?.state === "Active" && member.session.verdict.state === "Live",
  );
}

export function readyOf(draft: Draft, joined: readonly JoinedResource[], isGranting: boolean): WantedCondition {
  const { status, blocked } = draft;
  if (blocked?.stalled === "TwoActiveSeen") return no("Blocked", blocked.message);
  if (!isGranting && isGroupUp(draft, joined)) {
    return fact("Ready", "True", "Active", `active on ${status.active?.node} under epoch ${status.active?.epoch}`);
  }
  if (status.hold !== undefined) {
    const { reason, message } = status.hold;
    return no(
      reason === "StoppedByRequest" ? "Stopped" : "Held",
      message === undefined ? reason : `${reason}: ${message}`,
    );
  }
  if (isGranting) return bringingUp(draft);
  if (draft.fencing !== undefined)
    return no(blocked?.stalled === undefined ? "FailingOver" : "Blocked", draft.fencing.message);
  if (isHeld(draft)) return readyWhileHeld(draft, joined);
  if (blocked === undefined) return no("FailingOver", "nobody holds the group");
  return no(blocked.reason === "Paused" ? "Blocked" : blocked.reason, blocked.message);
}

function readyWhileHeld(draft: Draft, joined: readonly JoinedResource[]): WantedCondition {
  const { status, holder, blocked } = draft;
  const node = status.active?.node ?? "";
  if (status.target !== undefined) {
    const { node: target, cause } = status.target;
    return no(isPlanned(cause) ? "Switchover" : "FailingOver", `moving from ${node} to ${target} (${cause})`);
  }
  if (holder.state === "Vetoed") {
    const promised = `${holder.by.join(", ")} promised it to keep off, so it goes on`;
    return fact("Ready", "Unknown", "ActiveNotHeard", `the session of ${node} is not renewed; ${promised}`);
  }
  if (holder.state === "Holding" && !holder.isHeard) {
    const message = `the session of ${node} is not renewed; it is ended once it was seen unchanged for long enough`;
    return wanted("FailoverGroup", "Ready", "Unknown", "ActiveNotHeard", message);
  }
  if (blocked !== undefined) return no("ResourceFailed", blocked.message);
  const failed = joined.find((resource) => resource.state === "Failed" && resource.onFailure !== "Warn");
  if (failed !== undefined) return no("ResourceFailed", `${failed.name} on ${node}: ${failed.reason ?? "failed"}`);
  return bringingUp(draft);
}

function bringingUp(draft: Draft): WantedCondition {
  const { status } = draft;
  const cause = openMove(status.history)?.cause ?? "ColdStart";
  const reason = cause === "ColdStart" ? "Activating" : isPlanned(cause) ? "Switchover" : "FailingOver";
  return no(reason, `${status.active?.node} is bringing the group up under epoch ${status.active?.epoch}`);
}

const UNPLANNED: readonly Cause[] = ["SessionExpired", "Fenced", "ResourceFailed", "Isolated", "ZoneUnavailable"];

function isPlanned(cause: Cause): boolean {
  return !UNPLANNED.includes(cause);
}

/** Reconciling and Stalled exist only while they are true; Stalled only when a person must act (kstatus). */
export function progressOf(draft: Draft, ready: WantedCondition, isGranting: boolean): WantedCondition[] {
  const { status, blocked } = draft;
  if (ready.status === "True") return [];
  if (blocked?.stalled !== undefined) return [fact("Stalled", "True", blocked.stalled, blocked.message)];
  const working = (reason: Reason<"FailoverGroup", "Reconciling">): WantedCondition[] => [
    wanted("FailoverGroup", "Reconciling", "True", reason, ready.message),
  ];
  if (status.hold !== undefined) return isHeld(draft) ? working("Deactivating") : [];
  if (status.target !== undefined && draft.fencing === undefined) return working("Moving");
  if (isGranting) return working("Activating");
  if (draft.fencing !== undefined) return working("Fencing");
  switch (ready.reason) {
    case "Activating":
    case "Switchover":
      return working("Activating");
    case "FailingOver":
      return working(isHeld(draft) ? "Activating" : "Revoking");
    default:
      return [];
  }
}

/** One word for people. */
export function phaseOf(draft: Draft, ready: WantedCondition, isGranting: boolean): GroupPhase {
  const { status, holder, blocked } = draft;
  if (status.hold !== undefined) return isHeld(draft) ? "Deactivating" : "Stopped";
  if (ready.status === "True") return "Active";
  if (blocked?.stalled !== undefined) return "Blocked";
  if (isGranting) return "Activating";
  if (draft.fencing !== undefined) return "FailingOver";
  if (isHeld(draft)) {
    if (status.target !== undefined) return "Deactivating";
    return openMove(status.history) === undefined ? "Active" : "Activating";
  }
  return holder.state === "None" ? "Inactive" : "FailingOver";
}
