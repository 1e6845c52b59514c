/**
 * The conditions of a pointer (API.md 0): Ready, PreflightOK, Observed, the kind's own; Reconciling and Stalled only
 * while they are True. Pure.
 * Must never do: turn Ready because something could not be read, unless `whenUnreadable: Recover` says so.
 */
import type { Condition } from "../../api/generated/types.ts";
import type { Instant } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { isAnswer } from "../../cloud/errors.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";
import type { Preflight } from "./checks.ts";
import type { PointerKind, PointerView, PointerWording, StoppedView } from "./kind.ts";
import type { Failure } from "./reading.ts";
import { isApplied } from "./seen.ts";
import type { PointerObject, PointerSeen, Verdict } from "./seen.ts";

export interface Judgement<Obj extends PointerObject, Facts, Write, Keys> {
  readonly kind: PointerKind<Obj, Facts, Write, Keys>;
  readonly seen: PointerSeen<Obj, Facts>;
  readonly preflight: Preflight;
  /** Undefined while the pointer is not due. */
  readonly view: PointerView<Write> | undefined;
  /** Undefined unless the group is stopped and the object wants something then. */
  readonly stopped: StoppedView<Write> | undefined;
  readonly now: Instant;
}

/** A judgement of any kind, as far as the conditions look. */
type AnyJudgement = Judgement<PointerObject, unknown, unknown, unknown>;

export function readyOf<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): Verdict {
  const { seen, view, kind } = judgement;
  const { claim, activation } = seen;
  if (claim.type === "None" || claim.type === "GroupDeleted")
    return no("NotInGroup", `no FailoverGroup lists this object`);
  if (claim.type === "HeldElsewhere") return no("Inactive", claim.message);
  const group = claim.group.metadata.name;
  if (activation.state === "Stopped") {
    const failure = seen.memory.stopFailure;
    const what = failure === undefined ? kind.wording.whileStopped(seen.object) : failure.message;
    return no("Inactive", `group ${group} is active on no member; ${what}`);
  }
  if (activation.state === "Deactivating")
    return no("Deactivating", `group ${group} is being taken down on ${activation.grant.node}`);
  const trouble = isApplied(seen) ? kind.trouble?.(seen) : undefined;
  if (trouble !== undefined) return no(trouble.reason, trouble.message);
  if (activation.state === "Waiting") return no("Activating", activation.message);
  if (view?.state === "Right" && isVerified(judgement)) {
    return {
      status: "True",
      reason: "Active",
      message: `${view.message}, under epoch ${activation.grant.epoch}`,
    };
  }
  return isApplied(seen) ? readyWhileApplied(judgement) : readyWhileActivating(judgement);
}

/** A reading from before the grant proves nothing about what was written since. */
function isVerified({ seen, view }: Pick<AnyJudgement, "seen" | "view">): boolean {
  if (view?.state !== "Right") return false;
  return isApplied(seen) || view.sentAtMs >= Math.max(seen.memory.freshSinceMs, seen.memory.due?.sinceMs ?? 0);
}

function readyWhileActivating<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): Verdict {
  const { kind, seen, view, now } = judgement;
  const failures = writeFailures(seen);
  const { attempts = 1 } = kind.writeRetry?.(seen.object) ?? {};
  const isGivenUp = (seen.memory.writes?.count ?? 0) >= attempts;
  const failed = failures.find((failure) => isAnswer(failure.code) && isGivenUp);
  if (failed !== undefined) return no("ActivationFailed", failed.message);
  if (view?.state === "NothingToWrite") return no("ActivationFailed", view.message);
  if (view?.state === "Unreadable" && isAnswer(view.failure.code)) return no("ActivationFailed", view.failure.message);
  const { activate } = seen.object.spec.timeouts;
  const sinceMs = seen.memory.due?.sinceMs ?? now.monotonicMs;
  const last = view?.state === "Unreadable" ? view.failure : failures[0];
  const text = last === undefined ? kind.wording.beingWritten : `${kind.wording.notWritten}: ${last.message}`;
  if (now.monotonicMs - sinceMs >= (parseDurationMs(activate) ?? 0))
    return no("ActivationTimeout", `${text}; spec.timeouts.activate is ${activate}`);
  return no("Activating", text);
}

function readyWhileApplied<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): Verdict {
  const { kind, seen, view } = judgement;
  const { retries, whenUnreadable } = seen.object.spec.monitor;
  const { bad, unreadable } = seen.memory.counted;
  const last = lastVerdict(seen, "Ready") ?? no("Activating", kind.wording.beingVerified);
  if (view === undefined) return last;
  if (view.state === "Unreadable") {
    const isRecovered = whenUnreadable === "Recover" && unreadable > retries;
    return isRecovered ? no(readyReason(view.failure), view.failure.message) : last;
  }
  if (view.state === "Right" || bad <= retries) return last;
  const why = view.state === "Wrong" ? writeFailures(seen)[0]?.message : undefined;
  return no(view.reason, why === undefined ? view.message : `${view.message}; ${why}`);
}

export function observedOf<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): Verdict | undefined {
  const { kind, seen, view } = judgement;
  const last = lastVerdict(seen, "Observed");
  const { monitored, facts } = kind.readings(seen.facts);
  const readings = [...facts, ...monitored];
  const unread = readings.flatMap((reading) =>
    reading.ok || reading.failure.code === "NotFound" ? [] : [reading.failure],
  );
  const failure = view?.state === "Unreadable" ? view.failure : unread[0];
  if (failure === undefined) {
    return readings.length > 0 ? { status: "True", reason: "Read", message: "the cloud answers" } : last;
  }
  if (seen.object.spec.monitor.whenUnreadable === "Ignore") return last;
  return no(
    observedReason(failure),
    `${failure.message}. What is true in the cloud is unknown; nothing is changed. ${unreadableRemedy(failure, kind.wording)}`,
  );
}

function unreadableRemedy(failure: Failure, wording: Pick<PointerWording<never>, "endpoint" | "service">): string {
  const { endpoint, service } = wording;
  const remedies: Readonly<Partial<Record<CloudErrorCode, string>>> = {
    EndpointUnreachable: `Check the path from the controller to ${endpoint}: DNS, proxy, security groups, VPC endpoint`,
    CallTimeout: `Compare status.callTime with spec.timeouts.call; check the path to ${endpoint}`,
    Throttled: "Lengthen spec.monitor.interval, or have the account's API limits raised",
    CallFailed: `It is tried again; if it lasts, look at the health of ${service}`,
  };
  return remedies[failure.code] ?? "See PreflightOK";
}

function observedReason(failure: Failure): string {
  return isAnswer(failure.code) ? "CallFailed" : failure.code;
}

/** Ready knows no throttling of its own: the fault is that the call failed. */
function readyReason(failure: Failure): string {
  return failure.code === "Throttled" ? "CallFailed" : observedReason(failure);
}

export function reconcilingOf<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): Verdict | undefined {
  const { kind, seen, view } = judgement;
  if (view?.state !== "Wrong" || seen.activation.state !== "Due") return undefined;
  const message = `${countOf(view.writes.length, kind.wording.oneWrite)} to write`;
  return { status: "True", reason: isApplied(seen) ? "Repairing" : "Applying", message };
}

/** What only a person can change: nothing is up, or what is wrong may not be put right. */
export function stalledOf<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
  ready: Verdict,
): Verdict | undefined {
  const { preflight, seen } = judgement;
  const refused = refusedRepair(judgement);
  if (refused !== undefined && ready.status === "False") {
    const message = `the repair was refused ${seen.memory.writes?.count ?? 0} times: ${refused.message}`;
    return { status: "True", reason: "NeedsOperator", message };
  }
  const isForPeople =
    seen.claim.type === "HeldElsewhere" || (preflight.status === "False" && ready.reason === "ActivationFailed");
  if (!isForPeople || ready.status === "True") return undefined;
  return { status: "True", reason: "NeedsOperator", message: preflight.message };
}

/**
 * For kinds with a number of attempts: the cloud itself said no to the last of them, which is when the group may move
 * (REQUIREMENTS 5.3, 3b). An outage refuses nothing.
 */
function refusedRepair<Obj extends PointerObject, Facts, Write, Keys>({
  kind,
  seen,
  view,
}: Judgement<Obj, Facts, Write, Keys>): Failure | undefined {
  const attempts = kind.writeRetry?.(seen.object).attempts;
  if (attempts === undefined || view?.state !== "Wrong" || !isApplied(seen)) return undefined;
  if ((seen.memory.writes?.count ?? 0) < attempts) return undefined;
  return writeFailures(seen).find((failure) => isAnswer(failure.code));
}

/** `types` that have no verdict disappear; a condition whose status stays keeps its time. */
export function conditionsFrom(
  verdicts: readonly (readonly [type: string, verdict: Verdict | undefined])[],
  seen: PointerSeen<PointerObject, unknown>,
  now: Instant,
): Condition[] {
  const { generation } = seen.object.metadata;
  return verdicts.flatMap(([type, verdict]): Condition[] => {
    if (verdict === undefined) return [];
    const last = seen.status.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = last?.status === verdict.status ? last.lastTransitionTime : isoTime(now);
    const observed = generation === undefined ? {} : { observedGeneration: generation };
    return [{ type, ...verdict, ...observed, lastTransitionTime }];
  });
}

/** Kubernetes' times have whole seconds. */
function isoTime(now: Instant): string {
  return new Date(now.wallMs).toISOString().replace(/\.\d{3}Z$/, "Z");
}

function lastVerdict(seen: PointerSeen<PointerObject, unknown>, type: string): Verdict | undefined {
  const last = seen.status.conditions?.find((condition) => condition.type === type);
  return last === undefined ? undefined : { status: last.status, reason: last.reason, message: last.message };
}

function writeFailures(seen: PointerSeen<PointerObject, unknown>): readonly Failure[] {
  const { writes } = seen.memory;
  const epoch = "grant" in seen.activation ? seen.activation.grant.epoch : undefined;
  return writes !== undefined && writes.epoch === epoch ? writes.failures : [];
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function no(reason: string, message: string): Verdict {
  return { status: "False", reason, message };
}
