/**
 * The transfer of the right, the only place that grants: choose -> fence -> revoke -> seal -> grant (DESIGN 5).
 *
 * The invariant: a grant is planned only when the old holder's right is over (its session ended or is being ended by
 * the compare-and-set right before the grant, or it reported this grant deactivated), nobody else reports something
 * up under a session that may be in force, and the candidate is promotable. The epoch is above all that is known.
 */
import { revokeWaitMs } from "../../api/timings.ts";
import { formatDuration, parseDurationMs } from "../../lib/duration.ts";
import { grantBlocker, groupProblems } from "./checks-group.ts";
import { isStillLooking } from "./checks-members.ts";
import {
  addHistory,
  type Blocked,
  closeAsFailed,
  type Draft,
  isoTime,
  isPaused,
  movesByItself,
  tell,
} from "./draft.ts";
import { type Holder, otherClaimants } from "./holder.ts";
import { asIfFenced, fenceTimes, mustAwaitProof, planFence, silentHolder } from "./plan-fencing.ts";
import { areTargetsUp } from "./isolation.ts";
import { chooseCandidate, type Choice, earlierMembersMissing, type Wish } from "./plan-candidates.ts";
import { sealSteps } from "./seal.ts";
import { type MemberSeen, memberOf, type Seen } from "./seen.ts";
import type { Step } from "./steps.ts";
import type { Cause, GroupOperation, HistoryEntry, MoveSteps } from "./types.ts";

export interface Grant {
  readonly choice: Choice;
  readonly epoch: number;
}

/** Plans the transfer if one is due; returns the grant that the status of the draft now contains. */
export function considerTransfer(draft: Draft): Grant | undefined {
  const { holder, status } = draft;
  if (draft.force !== undefined) return grantTo(draft, draft.force.choice, "ForcePromote");
  if (holder.state === "Vetoed") return undefined;
  if (holder.state === "Holding" || (status.hold === undefined && mustAwaitProof(draft))) return fenceIfSilent(draft);
  if (status.hold !== undefined) {
    if (holder.state === "Revocable") draft.before.push(revocation(holder, nextEpoch(draft.seen)));
    return forgetHolder(draft);
  }
  const cause = causeOf(draft);
  const obstacle = obstacleTo(draft, cause);
  if (obstacle !== undefined) {
    draft.blocked = obstacle;
    return forgetHolder(draft);
  }
  const choice = chooseCandidate(draft.seen, draft.now.wallMs, wishOf(draft));
  if (choice === undefined && restartAwaited(draft) !== undefined) return awaitRestart(draft);
  if (choice === undefined) {
    draft.blocked = nobody(draft.seen);
    // Proof is recorded also when nobody follows: another leader need not obtain it again.
    if (holder.state === "Revocable" && holder.end === "Fenced")
      draft.before.push(revocation(holder, nextEpoch(draft.seen)));
    if (isStillLooking(draft.seen)) return undefined;
    holdAfterUncleanStop(draft);
    return forgetHolder(draft);
  }
  if (holder.state === "None" && mustWaitForEarlier(draft, choice)) return undefined;
  const claimants = otherClaimants(draft.seen, holder.state === "None" ? [choice.node] : [choice.node, holder.node]);
  const first = claimants.find((member) => member.session.verdict.state !== "Revocable");
  if (first !== undefined) {
    draft.blocked = { reason: "Blocked", message: claimOf(first) };
    return forgetHolder(draft);
  }
  for (const claimant of claimants) draft.before.push(endOf(claimant, nextEpoch(draft.seen)));
  return grantTo(draft, choice, cause);
}

function claimOf({ node, report }: MemberSeen): string {
  return `${node} reports epoch ${report?.epoch} ${report?.state} under a session that may be in force`;
}

/**
 * Orders proof that a holder which fell silent is off, if the group would be granted with it: nothing stands in the way,
 * and somebody can take over.
 */
function fenceIfSilent(draft: Draft): undefined {
  const silent = silentHolder(draft);
  if (silent === undefined || draft.status.hold !== undefined) return undefined;
  const after = asIfFenced(draft, silent);
  const obstacle = obstacleTo(draft, causeOf(draft)) ?? obstacleTo(after, causeOf(after));
  const choice = obstacle === undefined ? chooseCandidate(after.seen, draft.now.wallMs, wishOf(after)) : undefined;
  const others = choice === undefined ? [] : otherClaimants(after.seen, [choice.node, silent.member.node]);
  const claimant = others.find((member) => member.session.verdict.state !== "Revocable");
  if (choice !== undefined && claimant === undefined) {
    planFence(draft, silent, choice);
    return undefined;
  }
  if (draft.holder.state === "Holding") return undefined;
  draft.blocked =
    obstacle ?? (claimant === undefined ? nobody(draft.seen) : { reason: "Blocked", message: claimOf(claimant) });
  return undefined;
}

function nobody(seen: Seen): Blocked {
  const problem = groupProblems(seen).find((found) => found.stalled !== undefined);
  const message = "no member may take the group";
  if (problem?.stalled === undefined) return { reason: "NoCandidate", message };
  return { reason: "NoCandidate", stalled: problem.stalled, message: `${message}: ${problem.message}` };
}

/** The holder is proven down and nobody follows at once: the grant is removed. Expiry alone leaves it (API.md 1.1). */
function forgetHolder(draft: Draft): undefined {
  if (draft.holder.state !== "Down") return undefined;
  delete draft.status.active;
  delete draft.status.target;
  closeAsFailed(draft, `${draft.holder.node} went down (${draft.holder.proof}) before the group was Ready`);
  return undefined;
}

function grantTo(draft: Draft, choice: Choice, cause: Cause): Grant {
  const { seen, now, holder, status } = draft;
  const epoch = nextEpoch(seen);
  const from = holder.state === "None" ? undefined : holder.node;
  closeAsFailed(draft, `${from ?? "the member"} was lost before the group was Ready`);
  draft.before.push(
    ...(holder.state === "Revocable" ? [revocation(holder, nextEpoch(draft.seen))] : []),
    ...sealSteps(seen, epoch, choice, draft.force !== undefined),
  );
  status.epoch = epoch;
  status.active = { node: choice.node, epoch, session: choice.session, since: isoTime(now.wallMs) };
  delete status.target;
  status.resources = (status.resources ?? []).map(({ name, kind }) => ({ name, kind, state: "Activating" }));
  const plannedMs = seen.memory.move?.epoch === epoch ? seen.memory.move.plannedMs : undefined;
  const startedAt = isoTime(now.wallMs - (plannedMs === undefined ? 0 : now.monotonicMs - plannedMs));
  const { operation } = status;
  addHistory(draft, {
    epoch,
    cause,
    ...(from === undefined ? {} : { from }),
    to: choice.node,
    startedAt,
    ...(draft.force === undefined ? {} : { message: draft.force.message }),
    ...drillOf(cause, operation),
    ...(draft.force?.requestedBy === undefined ? {} : { requestedBy: draft.force.requestedBy }),
    ...(cause === "Requested" && operation?.requestedBy !== undefined ? { requestedBy: operation.requestedBy } : {}),
    steps: detection(draft),
  });
  tell(
    draft,
    "Normal",
    "Granted",
    `${choice.node} holds the group under epoch ${epoch} (${cause}${from === undefined ? "" : `, before: ${from}`})`,
  );
  return { choice, epoch };
}

/** A move that a simulated fault caused says so: nothing failed on the member that it left. */
function drillOf(cause: Cause, operation: GroupOperation | undefined): Pick<HistoryEntry, "message" | "requestedBy"> {
  if (cause !== "ResourceFailed" || operation?.verb !== "simulate-fault") return {};
  const { verb, value, requestedBy } = operation;
  return { message: `${verb}: ${value}`, ...(requestedBy === undefined ? {} : { requestedBy }) };
}

/** From the last sign of life to the moment in which the session could be ended. */
function detection(draft: Draft): MoveSteps {
  const { holder, seen, now } = draft;
  if (holder.state !== "Revocable") return {};
  const member = memberOf(seen, holder.node);
  if (member?.fence.phase === "Proven" && holder.end === "Fenced") return fenceTimes(member);
  const changedAtMs = member?.session.changedAtMs;
  return changedAtMs === undefined ? {} : { detect: formatDuration(now.monotonicMs - changedAtMs) };
}

/** 1 + the highest epoch anybody knows of, so that a group restored from a backup cannot fall back (API.md 1.1). */
export function nextEpoch(seen: Seen): number {
  const reported = seen.members.map((member) => member.report?.epoch ?? 0);
  const carried = seen.resources.flatMap((entry) => [
    entry.object?.active?.epoch ?? 0,
    ...(entry.object?.epochs ?? []),
  ]);
  return 1 + Math.max(0, seen.group.status?.epoch ?? 0, ...reported, ...carried);
}

function revocation(holder: Extract<Holder, { state: "Revocable" }>, epoch: number): Step {
  return { do: "Revoke", node: holder.node, session: holder.session, end: holder.end, epoch, lease: holder.lease };
}

/** Ends the expired session of a member that reported something up without holding the grant. */
function endOf({ node, session: { verdict, lease } }: MemberSeen, epoch: number): Step {
  return { do: "Revoke", node, session: verdict.session ?? "", end: "Expired", epoch, lease };
}

/** What must not be overlooked, whoever the candidate is. */
function obstacleTo(draft: Draft, cause: Cause): Blocked | undefined {
  const { holder, seen, status } = draft;
  const problem = grantBlocker(seen);
  if (problem !== undefined) {
    return {
      reason: "Blocked",
      ...(problem.stalled === undefined ? {} : { stalled: problem.stalled }),
      message: problem.message,
    };
  }
  const isAsked = cause === "Requested" || status.target?.cause === "Requested";
  if (isAsked) return undefined;
  if (isPaused(draft)) return { reason: "Paused", message: "recovery is paused: nothing moves by itself" };
  if (holder.state === "None") return coldStartObstacle(draft);
  const isRepair = holder.state === "Down" && status.target === undefined;
  if (!movesByItself(draft) && !isRepair && status.target === undefined) {
    return {
      reason: "Held",
      message: `${holder.node} is lost and failover.mode is Manual: annotate understudy.dev/move-to`,
    };
  }
  return undefined;
}

function coldStartObstacle(draft: Draft): Blocked | undefined {
  const { seen, status } = draft;
  if (seen.group.spec.failover.coldStart !== "Manual" || isStartAsked(draft)) return undefined;
  if (status.target !== undefined) return undefined;
  return {
    reason: "Held",
    message: "nobody holds the group and failover.coldStart is Manual: annotate understudy.dev/start",
  };
}

/** A `start` stays good until the group was granted once after it. */
function isStartAsked(draft: Draft): boolean {
  const newest = draft.status.history?.[0];
  return (
    newest?.cause === "Requested" &&
    newest.to === undefined &&
    newest.result === "Succeeded" &&
    /^start\b/.test(newest.message ?? "")
  );
}

function causeOf(draft: Draft): Cause {
  const { holder, status } = draft;
  if (status.target !== undefined) return status.target.cause;
  switch (holder.state) {
    case "None":
      return "ColdStart";
    case "Revocable":
      return holder.end === "Fenced" ? "Fenced" : "SessionExpired";
    case "Expired":
    case "Holding":
    case "Vetoed":
      return "SessionExpired";
    case "Down":
      return causeOfProof(draft, holder);
  }
}

function causeOfProof(draft: Draft, holder: Extract<Holder, { state: "Down" }>): Cause {
  if (holder.proof === "Fenced") return "Fenced";
  if (holder.proof === "NewLife") return "SessionExpired";
  const report = memberOf(draft.seen, holder.node)?.report;
  if (holder.proof === "Reported" && report?.isolation === "Lost" && areTargetsUp(draft.seen)) return "Isolated";
  const hasFailed = report?.resources?.some((resource) => resource.state === "Failed") === true;
  return holder.proof === "Reported" && hasFailed ? "ResourceFailed" : "Shutdown";
}

function wishOf(draft: Draft): Wish {
  const { holder, status, seen } = draft;
  if (status.target !== undefined) return { prefer: status.target.node, isLastResort: true };
  if (!movesByItself(draft)) return wishWithoutMove(draft);
  if (holder.state !== "Down") return { isLastResort: true };
  const awaited = restartAwaited(draft);
  if (awaited !== undefined) return { only: awaited.node };
  if (holder.proof === "NewLife") return { prefer: holder.node, isLastResort: true };
  const gaveUp = { except: holder.node };
  const hasOthers = chooseCandidate(seen, draft.now.wallMs, gaveUp) !== undefined;
  return hasOthers ? gaveUp : { isLastResort: true };
}

/**
 * The holder went down in order and said that its agent comes back: it gets as long as its session would have lasted
 * without a word. Not where something had failed on it: then it would come back to the same.
 */
function restartAwaited(draft: Draft): { readonly node: string; readonly leftMs: number } | undefined {
  const { holder, seen, now, status } = draft;
  const { restarting } = seen.memory;
  if (holder.state !== "Down" || holder.proof === "Fenced" || restarting === undefined) return undefined;
  const member = memberOf(seen, holder.node);
  const hasFailed = member?.report?.resources?.some((resource) => resource.state === "Failed") === true;
  const isOfGrant = restarting.node === holder.node && restarting.epoch === status.active?.epoch;
  if (!isOfGrant || status.target !== undefined || hasFailed || member?.nodeObject?.isCordoned === true)
    return undefined;
  const leftMs = restarting.sinceMs + revokeWaitMs(seen.settings.timings) - now.monotonicMs;
  return leftMs > 0 ? { node: holder.node, leftMs } : undefined;
}

function awaitRestart(draft: Draft): undefined {
  const awaited = restartAwaited(draft);
  if (awaited === undefined) return undefined;
  const { node, leftMs } = awaited;
  draft.lookAgainMs.push(leftMs);
  const forMs = formatDuration(Math.round(revokeWaitMs(draft.seen.settings.timings)));
  draft.blocked = { reason: "NoCandidate", message: `the agent of ${node} restarts; it is waited for up to ${forMs}` };
  return undefined;
}

/** `Manual`: repair in place only. The group comes back where it was; elsewhere only by request. */
function wishWithoutMove(draft: Draft): Wish {
  const { holder, status } = draft;
  if (isStartAsked(draft)) return { isLastResort: true };
  const last = holder.state === "None" ? status.history?.find((entry) => entry.to !== undefined)?.to : holder.node;
  return last === undefined ? { isLastResort: true } : { only: last, isLastResort: true };
}

/**
 * A cold start gives earlier members of the list `startWait` to appear, from when this leader began to look: a group
 * that it has seen go down waits for nobody.
 */
function mustWaitForEarlier(draft: Draft, choice: Choice): boolean {
  const { seen, now, status } = draft;
  if (status.target !== undefined) return false;
  const missing = earlierMembersMissing(seen, choice.node, now.wallMs);
  if (missing.length === 0) return false;
  const waitMs = parseDurationMs(seen.group.spec.failover.startWait) ?? 0;
  const leftMs = (seen.memory.firstSeenMs ?? now.monotonicMs) + waitMs - now.monotonicMs;
  if (leftMs <= 0) return false;
  draft.lookAgainMs.push(leftMs);
  draft.blocked = {
    reason: "NoCandidate",
    message: `waiting up to ${seen.group.spec.failover.startWait} for earlier members: ${missing.join(", ")}`,
  };
  return true;
}

/** With `HoldAfterUncleanStop`, a group that died without a successor waits for a person. */
function holdAfterUncleanStop(draft: Draft): void {
  const { holder, seen, now, status } = draft;
  const isUnclean =
    holder.state === "Expired" ||
    holder.state === "Revocable" ||
    (holder.state === "Down" && (holder.proof === "NewLife" || holder.proof === "Fenced"));
  if (!isUnclean || seen.group.spec.failover.coldStart !== "HoldAfterUncleanStop") return;
  const message = `${holder.node} was lost and no member could follow`;
  status.hold = { reason: "UncleanStop", since: isoTime(now.wallMs), message };
  draft.blocked = { reason: "Held", stalled: "UncleanStop", message };
  tell(draft, "Warning", "UncleanStop", `${message}; the group stays down until annotated understudy.dev/start`);
}
