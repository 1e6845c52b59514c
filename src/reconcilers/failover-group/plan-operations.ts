/**
 * Operations: annotations that are carried out once (API.md section 3), in four steps of which each finds what the
 * one before left behind: record in status, remove the annotation, act, answer.
 *
 * A crash between any two steps repeats nothing: what is recorded is found again. One at a time; only `stop`
 * interrupts (and `simulate-fault: none` ends its own kind).
 */
import { GROUP_OPERATIONS, operationAnnotation } from "../../api/kinds.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { isSessionUnseen, isStillLooking, refusalOf } from "./checks-members.ts";
import { addHistory, type Draft, isoTime, isPaused } from "./draft.ts";
import { chooseCandidate } from "./plan-candidates.ts";
import { decideForce } from "./plan-force.ts";
import { memberOf } from "./seen.ts";
import type { Step } from "./steps.ts";
import type { GroupOperation, HistoryEntry } from "./types.ts";

type Verb = GroupOperation["verb"];

/** `stop` first: it interrupts. */
const ORDER: readonly Verb[] = ["stop", ...GROUP_OPERATIONS.filter((verb) => verb !== "stop")];

const MAX_PAUSE_MS = 24 * 3_600_000;
export const FAULT_LASTS_MS = 10 * 60_000;

export interface Request {
  readonly verb: Verb;
  readonly value: string;
}

/** Requests that stand on the object, the most urgent first. */
export function requestsOn(annotations: Readonly<Record<string, string>> | undefined): Request[] {
  return ORDER.flatMap((verb) => {
    const value = annotations?.[operationAnnotation(verb)];
    return value === undefined ? [] : [{ verb, value }];
  });
}

/** Steps one and two. True: something was accepted or cleaned up, and the group must be seen again before anything else. */
export function acceptOperation(draft: Draft): boolean {
  const running = draft.status.operation;
  const requests = requestsOn(draft.seen.group.metadata.annotations);
  const recorded = requests.find((request) => request.verb === running?.verb && request.value === running.value);
  if (recorded !== undefined) {
    draft.before.push(removal(recorded));
    return true;
  }
  const next = requests.find((request) => running === undefined || interrupts(request, running));
  if (next === undefined) return false;
  const requestedBy = requesterOf(draft, next.verb);
  draft.status.operation = {
    verb: next.verb,
    value: next.value,
    since: isoTime(draft.now.wallMs),
    ...(requestedBy === undefined ? {} : { requestedBy }),
  };
  if (running !== undefined)
    draft.after.push(...answer(draft, running, "OperationRefused", `interrupted by ${next.verb}`));
  draft.after.unshift(removal(next));
  return true;
}

function removal(request: Request): Step {
  return { do: "RemoveAnnotation", name: operationAnnotation(request.verb), value: request.value };
}

function interrupts(request: Request, running: GroupOperation): boolean {
  if (request.verb === "stop") return running.verb !== "stop";
  return request.verb === "simulate-fault" && request.value === "none" && running.verb === "simulate-fault";
}

/** Who wrote the annotation, by the managed fields of the object. */
function requesterOf(draft: Draft, verb: Verb): string | undefined {
  const field = `f:${operationAnnotation(verb)}`;
  for (const entry of draft.seen.group.metadata.managedFields ?? []) {
    const { manager, fieldsV1 } = entry as {
      manager?: string;
      fieldsV1?: Record<string, Record<string, Record<string, unknown>>>;
    };
    if (fieldsV1?.["f:metadata"]?.["f:annotations"]?.[field] !== undefined) return manager;
  }
  return undefined;
}

/** Steps three and four: edits the draft as the operation demands; answers when it is done or cannot be done. */
export function carryOutOperation(draft: Draft): void {
  const operation = draft.status.operation;
  if (operation === undefined) return;
  switch (operation.verb) {
    case "stop":
      return carryOutStop(draft, operation);
    case "start":
      return carryOutStart(draft, operation);
    case "pause":
      return carryOutPause(draft, operation);
    case "move-to":
      return carryOutMove(draft, operation);
    case "simulate-fault":
      return carryOutFault(draft, operation);
    case "force-promote":
      return carryOutForce(draft, operation);
  }
}

function carryOutStop(draft: Draft, operation: GroupOperation): void {
  draft.status.hold ??= {
    reason: "StoppedByRequest",
    since: isoTime(draft.now.wallMs),
    ...(operation.value === "" ? {} : { message: operation.value }),
  };
  delete draft.status.target;
  if (draft.holder.state === "None" || draft.holder.state === "Down" || draft.holder.state === "Expired") {
    done(draft, operation, "the group is stopped", historyOf(draft, operation, "Succeeded", draft.status.active?.node));
  }
}

function carryOutStart(draft: Draft, operation: GroupOperation): void {
  if (draft.status.hold?.reason === "DataDecision")
    return refuse(draft, operation, `a decision about data is open: ${draft.status.hold.message ?? ""}`);
  const isStopping = draft.status.hold !== undefined && draft.holder.state === "Holding";
  if (isStopping) return;
  delete draft.status.hold;
  forgetRepairs(draft);
  done(draft, operation, "the group may run", historyOf(draft, operation, "Succeeded"));
}

function carryOutPause(draft: Draft, operation: GroupOperation): void {
  if (operation.value === "none") {
    delete draft.status.pausedUntil;
    return done(draft, operation, "recovery is no longer paused", historyOf(draft, operation, "Succeeded"));
  }
  const pauseMs = parseDurationMs(operation.value);
  if (pauseMs === undefined || pauseMs > MAX_PAUSE_MS) {
    return refuse(draft, operation, `${operation.value} is not a duration up to 24h, or none`);
  }
  draft.status.pausedUntil = isoTime(Date.parse(operation.since) + pauseMs);
  done(
    draft,
    operation,
    `recovery is paused until ${draft.status.pausedUntil}`,
    historyOf(draft, operation, "Succeeded"),
  );
}

/** The move runs through `target` and the grant; here it begins, and here it is answered. */
function carryOutMove(draft: Draft, operation: GroupOperation): void {
  const { status, seen, now } = draft;
  if (status.hold !== undefined)
    return refuse(draft, operation, `the group is held (${status.hold.reason}); annotate understudy.dev/start first`);
  if (status.target !== undefined) return;
  const begun = status.history?.find((entry) => entry.to !== undefined && entry.startedAt >= operation.since);
  if (begun !== undefined && begun.result === undefined) return;
  if (begun?.cause === "Requested" && begun.result === "Succeeded")
    return done(draft, operation, `the group is active on ${begun.to}`);
  if (
    status.history?.some(
      (entry) => entry.cause === "Requested" && entry.result === "Failed" && entry.startedAt >= operation.since,
    ) === true
  ) {
    return refuse(
      draft,
      operation,
      `activation failed there; the group is on ${status.active?.node ?? "no member"}`,
      false,
    );
  }
  const holderNode = draft.holder.state === "None" ? undefined : draft.holder.node;
  if (operation.value === holderNode && draft.holder.state === "Holding")
    return done(draft, operation, `the group is already on ${holderNode}`, historyOf(draft, operation, "Succeeded"));
  const refusal = refusalOfTarget(draft, operation.value);
  if (refusal !== undefined && isTooEarlyToTell(draft, operation.value)) return;
  if (refusal !== undefined) return refuse(draft, operation, refusal);
  const choice = chooseCandidate(
    seen,
    now.wallMs,
    operation.value === "any" ? (holderNode === undefined ? {} : { except: holderNode }) : { prefer: operation.value },
  );
  if (choice !== undefined) status.target = { node: choice.node, cause: "Requested" };
}

/** A leader that has only begun to look at the sessions refuses nobody for a session it has not seen yet. */
function isTooEarlyToTell(draft: Draft, value: string): boolean {
  if (value === "any") return isStillLooking(draft.seen);
  const member = memberOf(draft.seen, value);
  return member !== undefined && isSessionUnseen(member);
}

function refusalOfTarget(draft: Draft, value: string): string | undefined {
  const { seen, now, holder } = draft;
  if (value === "any") {
    const except = holder.state === "None" ? {} : { except: holder.node };
    return chooseCandidate(seen, now.wallMs, except) === undefined
      ? "there is no standby that may take the group; status.members says why"
      : undefined;
  }
  const member = memberOf(seen, value);
  if (member === undefined) return `${value} is not a member of the group`;
  const refusal = refusalOf(seen, member, now.wallMs, true);
  return refusal === undefined ? undefined : `${value} is not promotable: ${refusal.reason}: ${refusal.message}`;
}

function carryOutFault(draft: Draft, operation: GroupOperation): void {
  const { status, seen, now } = draft;
  if (operation.value === "none")
    return done(draft, operation, "no fault is simulated any more", historyOf(draft, operation, "Succeeded"));
  if (!seen.resources.some((entry) => entry.resource.name === operation.value))
    return refuse(draft, operation, `the group has no resource ${operation.value}`);
  if (isPaused(draft)) return refuse(draft, operation, "recovery is paused");
  const isBegun =
    status.conditions?.some((condition) => condition.type === "Paused" && condition.reason === "FaultSimulated") ===
    true;
  const isReady =
    status.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
  if (!isBegun && !isReady) return refuse(draft, operation, "the group is not Ready");
  const leftMs = Date.parse(operation.since) + FAULT_LASTS_MS - now.wallMs;
  if (leftMs <= 0) return done(draft, operation, "10 minutes have passed", historyOf(draft, operation, "Succeeded"));
  const moved = status.history?.find((entry) => entry.to !== undefined && entry.startedAt >= operation.since);
  if (moved !== undefined) {
    return done(draft, operation, `the group left the member (${moved.cause})`);
  }
  draft.lookAgainMs.push(leftMs);
}

/** The grant, the answer and the person's word in the history are one write: a crash repeats none of them. */
function carryOutForce(draft: Draft, operation: GroupOperation): void {
  const decision = decideForce(draft, operation.value);
  switch (decision.decision) {
    case "Wait":
      return;
    case "Refuse":
      return refuse(draft, operation, decision.why);
    case "Done":
      return done(draft, operation, decision.how, historyOf(draft, operation, "Succeeded"));
    case "Promote": {
      const { choice, holder, basis } = decision;
      const { requestedBy } = operation;
      const message = `force-promote: ${operation.value}: ${basis}`;
      draft.force = { choice, message, ...(requestedBy === undefined ? {} : { requestedBy }) };
      draft.holder = holder;
      delete draft.status.hold;
      return done(draft, operation, `${choice.node} is granted the group, ${basis}`);
    }
  }
}

function forgetRepairs(draft: Draft): void {
  draft.status.resources = (draft.status.resources ?? []).map(({ reactivations: _count, ...view }) => view);
}

function historyOf(
  draft: Draft,
  operation: GroupOperation,
  result: "Succeeded" | "Refused",
  from?: string,
): HistoryEntry {
  const { verb, value, since, requestedBy } = operation;
  return {
    epoch: draft.status.epoch ?? 0,
    cause: "Requested",
    ...(from === undefined ? {} : { from }),
    startedAt: since,
    finishedAt: isoTime(draft.now.wallMs),
    result,
    message: value === "" ? verb : `${verb}: ${value}`,
    ...(requestedBy === undefined ? {} : { requestedBy }),
  };
}

function done(draft: Draft, operation: GroupOperation, how: string, entry?: HistoryEntry): void {
  delete draft.status.operation;
  if (operation.verb === "simulate-fault") forgetRepairs(draft);
  if (entry !== undefined) addHistory(draft, entry);
  draft.after.push(...answer(draft, operation, "OperationDone", how));
}

function refuse(draft: Draft, operation: GroupOperation, why: string, isNew = true): void {
  delete draft.status.operation;
  if (isNew)
    addHistory(draft, {
      ...historyOf(draft, operation, "Refused"),
      message: `${operation.verb}: ${operation.value}: ${why}`,
    });
  draft.after.push(...answer(draft, operation, "OperationRefused", why));
}

function answer(
  _draft: Draft,
  operation: GroupOperation,
  reason: "OperationDone" | "OperationRefused",
  how: string,
): Step[] {
  const by = operation.requestedBy === undefined ? "" : ` (asked by ${operation.requestedBy})`;
  const type = reason === "OperationDone" ? "Normal" : "Warning";
  return [{ do: "Tell", type, reason, message: `${operation.verb} ${operation.value}${by}: ${how}` }];
}
