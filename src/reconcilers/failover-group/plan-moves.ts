/**
 * Why a group that is held should leave its member: decided here, written as `status.target` (or `hold`), on which
 * the holder's agent deactivates and reports. Whoever takes over is chosen beforehand, so that nothing is taken down
 * for a move that cannot succeed.
 *
 * Must never do: grant anything; move a group in `Manual` or `Paused` mode without a request.
 */
import { parseDurationMs } from "../../lib/duration.ts";
import { isStillLooking, refusalOf } from "./checks-members.ts";
import { closeAsFailed, type Draft, isoTime, movesByItself, tell } from "./draft.ts";
import { type Grant, reportsUnder } from "./holder.ts";
import { confirmationMs, isIsolated, membersThatReach } from "./isolation.ts";
import { isMaintenanceDue } from "./maintenance.ts";
import { chooseCandidate } from "./plan-candidates.ts";
import { considerMaintenance } from "./plan-maintenance.ts";
import { considerZone } from "./plan-zone.ts";
import { ATTEMPT_FAILED, type JoinedResource } from "./plan-resources.ts";
import { type MemberSeen, memberOf, openMove, type Seen } from "./seen.ts";
import type { Cause } from "./types.ts";
import { isZoneDown } from "./zone-view.ts";

/** Between two repairs of a simulated fault, in milliseconds. */
const REPAIR_PACE_MS = 1_000;

/** Sets `target` or `hold` when the holder should give the group up. Only while nothing else is under way. */
export function considerMove(draft: Draft, resources: readonly JoinedResource[]): void {
  const { status, holder } = draft;
  if (
    holder.state !== "Holding" ||
    status.target !== undefined ||
    status.hold !== undefined ||
    status.active === undefined
  )
    return;
  if (considerFailure(draft, status.active, resources)) return;
  if (!movesByItself(draft)) return;
  const wish = { except: holder.node };
  const member = memberOf(draft.seen, holder.node);
  const { failover } = draft.seen.group.spec;
  if (member?.position === undefined) return moveTo(draft, "Requested", wish, "it is no longer a member in the spec");
  if (considerIsolation(draft, member, status.active)) return;
  if (considerZone(draft, member)) return;
  if (considerMaintenance(draft, member)) return;
  if (member.nodeObject?.isCordoned === true && failover.onCordon === "Move")
    return moveTo(draft, "Cordoned", wish, "its Node is cordoned");
  if (failover.failback === "Automatic") considerFailback(draft, member.position);
}

/**
 * The holder reaches none of its isolation targets while a standby does: the group leaves, to one that does if it may.
 * True when it leaves. It does not come back before the member reaches a target again: until then it is not promotable.
 */
function considerIsolation(draft: Draft, holder: MemberSeen, grant: Grant): boolean {
  const { seen, now, status } = draft;
  if (!reportsUnder(holder.report, grant) || !isIsolated(seen, holder)) return false;
  const among = membersThatReach(seen).map(({ node }) => node);
  const wish = { except: holder.node };
  const choice = chooseCandidate(seen, now.wallMs, { ...wish, among }) ?? chooseCandidate(seen, now.wallMs, wish);
  if (among.length === 0 || choice === undefined) return false;
  const sinceMs = seen.memory.isolatedSinceMs[holder.node] ?? now.monotonicMs;
  const leftMs = sinceMs + confirmationMs(seen) - now.monotonicMs;
  if (leftMs > 0) {
    draft.lookAgainMs.push(leftMs);
    return false;
  }
  status.target = { node: choice.node, cause: "Isolated" };
  const why = `${holder.node} reaches none of the isolation targets, ${among.join(", ")} does`;
  tell(draft, "Warning", "FailingOver", `${why}: the group moves to ${choice.node}`);
  return true;
}

function moveTo(draft: Draft, cause: Cause, wish: { readonly except: string }, why: string): void {
  const choice = chooseCandidate(draft.seen, draft.now.wallMs, wish);
  if (choice === undefined) return;
  draft.status.target = { node: choice.node, cause };
  tell(draft, "Normal", "Moving", `the group leaves ${wish.except} for ${choice.node}: ${why}`);
}

function considerFailback(draft: Draft, holderPosition: number): void {
  const { seen, now } = draft;
  if (openMove(draft.status.history) !== undefined) return;
  const afterMs = parseDurationMs(seen.group.spec.failover.failbackAfter) ?? 0;
  for (const member of seen.members) {
    if (member.position === undefined || member.position >= holderPosition) continue;
    if (refusalOf(seen, member, now.wallMs) !== undefined || isMaintenanceDue(seen, member, now.wallMs)) continue;
    if (isZoneDown(seen.zone, member.providerIds)) continue;
    const leftMs = (seen.memory.promotableSinceMs[member.node] ?? now.monotonicMs) + afterMs - now.monotonicMs;
    if (leftMs > 0) {
      draft.lookAgainMs.push(leftMs);
      continue;
    }
    draft.status.target = { node: member.node, cause: "Failback" };
    return tell(
      draft,
      "Normal",
      "Moving",
      `the group returns to ${member.node}, which has been promotable for ${seen.group.spec.failover.failbackAfter}`,
    );
  }
}

/**
 * True when a failure was found and dealt with, be it by waiting. The holder's agent repairs in place by itself, and
 * reports `Failed` when no repair is left; a pointer is rewritten by its own reconciler.
 */
function considerFailure(draft: Draft, grant: Grant, resources: readonly JoinedResource[]): boolean {
  const report = memberOf(draft.seen, grant.node)?.report;
  const isGivenUp = reportsUnder(report, grant) && report.state === "Failed";
  const failed = resources.find(
    (resource) =>
      resource.state === "Failed" && resource.onFailure === "Failover" && !isBeingRewritten(resource, draft),
  );
  if (failed === undefined && !isGivenUp) return false;
  if (!movesByItself(draft)) return true;
  if (failed?.reason === "SimulatedFault" && countRepair(draft, failed)) return true;
  const mayStop = failed?.failedHalf !== "cloud" || failed.reason !== "ActivationTimeout";
  giveUp(draft, grant, mayStop, `${failed?.name ?? "the group"} failed (${failed?.reason ?? "no reason given"})`);
  return true;
}

/**
 * A pointer that its reconciler still repairs: moving the group would not help. A refused repair or activation is the
 * group's to deal with. An activation that only took too long says that the cloud cannot be asked, for no member: the
 * group stays and it is tried on (REQUIREMENTS 5.3, 9), unless it left a member that works, where the pointer still leads.
 */
function isBeingRewritten(resource: JoinedResource, draft: Draft): boolean {
  if (resource.failedHalf !== "cloud") return false;
  if (resource.reason === "ActivationTimeout") return memberLeft(draft) === undefined;
  return resource.isStalled !== true && !ATTEMPT_FAILED.includes(resource.reason ?? "");
}

/** The member from which the group went by choice, and nothing was wrong with it, in a move that is not over. */
function memberLeft({ status }: Draft): string | undefined {
  const open = openMove(status.history);
  return open?.cause === "Requested" || open?.cause === "Failback" ? open.from : undefined;
}

/** A simulated fault survives every repair in place; they are counted at the pace of a monitor. False: none is left. */
function countRepair(draft: Draft, failed: JoinedResource): boolean {
  const { seen, now } = draft;
  const views = draft.status.resources ?? [];
  const { reactivations } = seen.group.spec.failover;
  const done = views.find((view) => view.name === failed.name)?.reactivations ?? 0;
  const notedMs = seen.memory.repairedAtMs[failed.name];
  const leftMs = notedMs === undefined ? 0 : notedMs + REPAIR_PACE_MS - now.monotonicMs;
  if (leftMs > 0) {
    draft.lookAgainMs.push(leftMs);
    return true;
  }
  if (done >= reactivations) return false;
  draft.status.resources = views.map((view) =>
    view.name === failed.name ? { ...view, reactivations: done + 1 } : view,
  );
  draft.after.push({ do: "NoteRepair", resource: failed.name });
  tell(
    draft,
    "Warning",
    "Reactivating",
    `${failed.name} failed (${failed.reason ?? "no reason given"}): reactivation ${done + 1} of ${reactivations}`,
  );
  draft.lookAgainMs.push(REPAIR_PACE_MS);
  return true;
}

/** A member is up and may take the group once its wait after boot is over, which ends by itself. */
function isOneWaitingAfterBoot(seen: Seen): boolean {
  return seen.members.some(
    ({ position, session }) =>
      position !== undefined && session.verdict.state === "Live" && session.facts?.isWaitingAfterBoot === true,
  );
}

/** The holder failed for good: another member, else the final action, unless all that is known is an outage of the cloud. */
function giveUp(draft: Draft, grant: Grant, mayStop: boolean, why: string): void {
  const { seen, now, status } = draft;
  const left = memberLeft(draft);
  const back = left === undefined || left === grant.node ? {} : { prefer: left };
  const choice = chooseCandidate(seen, now.wallMs, { ...back, except: grant.node });
  // Who has just booted was not tried yet: the final action would stop a group that can go on in a moment.
  if (choice === undefined && (isStillLooking(seen) || isOneWaitingAfterBoot(seen))) return;
  closeAsFailed(draft, `on ${grant.node}: ${why}`);
  if (choice !== undefined) {
    status.target = { node: choice.node, cause: "ResourceFailed" };
    return tell(draft, "Warning", "FailingOver", `${why} on ${grant.node}; the group moves to ${choice.node}`);
  }
  const others = seen.members.filter(
    (member) => member.position !== undefined && member.node !== grant.node && member.session.verdict.state === "Live",
  );
  const { finalAction } = seen.group.spec.failover;
  const message = `${why} on ${grant.node}, and no other member may take the group`;
  if (others.length === 0 || finalAction === "None" || !mayStop) {
    draft.blocked = {
      reason: "Blocked",
      stalled: "AttemptsExhausted",
      message: `${message}; its agent goes on trying`,
    };
    return;
  }
  status.hold = { reason: "StoppedAfterFailure", since: isoTime(now.wallMs), message };
  tell(
    draft,
    "Warning",
    "StoppedAfterFailure",
    `${message}: it is stopped. Mend it, then annotate understudy.dev/start`,
  );
}
