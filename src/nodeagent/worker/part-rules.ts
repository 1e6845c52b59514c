/**
 * One part of a group: what each outcome makes of it, and what to do with it next. Pure.
 *
 *   down ──start──> starting ──ok──> up ──bad, a repair is left──> (stop) ──> starting
 *    ^                  └─failed─> down, unclean ──stop──> down, clean ──later──> starting
 *    └────── stop ok ── stopping <──────── leaving
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { hurryReading, type Reading, startMonitor, takeReading } from "../monitor/schedule.ts";
import { backoffMs, newPart, type Part, type StepOutcome } from "./group-state.ts";
import { type PartPlan, planIdentity } from "./part-plan.ts";
import { isPaused } from "./tenure-rules.ts";

/** A failed activation is tried again after so long, doubling, in milliseconds. */
const RETRY_BASE_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A failed stop is repeated sooner: until it succeeds nobody else may serve. */
const STOP_RETRY_BASE_MS = 200;
const STOP_RETRY_MAX_MS = 10_000;
/** So often a start waits for the object of its resource, one base retry apart: it may be seen after the grant. */
const MAX_WAITS_FOR_OBJECT = 8;
/** An exhausted part is repaired once more in such intervals while nobody takes the group away. */
const EXHAUSTED_RETRY_MS = 30_000;
const FALLBACK_RESET_AFTER_MS = 600_000;
const FALLBACK_REACTIVATIONS = 3;

export function afterStart(part: Part, outcome: StepOutcome, nowMs: number, group: FailoverGroup | undefined): Part {
  if (part.phase !== "starting") return part;
  if (outcome.ok) {
    const monitor = part.plan.monitor === undefined ? undefined : startMonitor(part.plan.monitor, nowMs);
    // To look again mends nothing: what a name's last reading found stands until another one is good.
    const trouble = part.plan.kind === "name" ? part.trouble : undefined;
    return { ...part, phase: "up", isAborted: false, failures: 0, upSinceMs: nowMs, monitor, trouble };
  }
  const failed = { ...part, phase: "down", isAborted: false, monitor: undefined } as const;
  const found = { reason: outcome.reason, message: outcome.message };
  if (part.isAborted) return { ...failed, notBeforeMs: nowMs, trouble: { ...found, isFinal: false } };
  const failures = part.failures + 1;
  if (isAwaitingObject(part))
    return { ...failed, failures, notBeforeMs: nowMs + RETRY_BASE_MS, trouble: { ...found, isFinal: false } };
  const attempts = attemptsLeft(part, group);
  const waitMs = attempts > 1 ? 0 : backoffMs(failures, RETRY_BASE_MS, RETRY_MAX_MS);
  const isFinal = attempts <= 1 && part.plan.onFailure !== "Reactivate";
  const repairs = part.upSinceMs === undefined ? part.repairs : part.repairs + 1;
  return { ...failed, failures, repairs, notBeforeMs: nowMs + waitMs, trouble: { ...found, isFinal } };
}

/** Group and object come by different watches: the leader granted because it knows the object, so it is on its way. */
function isAwaitingObject({ plan, failures }: Part): boolean {
  return plan.kind === "refused" && plan.reason === "ResourceNotFound" && failures < MAX_WAITS_FOR_OBJECT;
}

/** How many starts may still be tried before the controller must decide, the failed one included. */
function attemptsLeft(part: Part, group: FailoverGroup | undefined): number {
  if (part.upSinceMs !== undefined)
    return (group?.spec.failover?.reactivations ?? FALLBACK_REACTIVATIONS) - part.repairs + 1;
  return (group?.spec.failover?.attemptsPerMember ?? 1) - part.failures;
}

export function afterStop(part: Part, outcome: StepOutcome, nowMs: number, isUrgent: boolean): Part {
  if (part.phase !== "stopping") return part;
  if (outcome.ok) return { ...part, phase: "down", isClean: true, isAborted: false, monitor: undefined };
  const failures = part.failures + 1;
  const waitMs = isUrgent ? STOP_RETRY_BASE_MS / 4 : backoffMs(failures, STOP_RETRY_BASE_MS, STOP_RETRY_MAX_MS);
  const trouble = { reason: outcome.reason, message: outcome.message, isFinal: true };
  return {
    ...part,
    phase: "down",
    isAborted: false,
    failures,
    notBeforeMs: nowMs + waitMs,
    monitor: undefined,
    trouble,
  };
}

/** What a reading makes of a part that is up. */
export function afterReading(part: Part, reading: Reading, nowMs: number, group: FailoverGroup): Part {
  if (part.monitor === undefined || part.plan.monitor === undefined || part.phase !== "up") return part;
  const { state: monitor, verdict } = takeReading(part.monitor, part.plan.monitor, reading, nowMs);
  const resetAfterMs = parseDurationMs(group.spec.failover?.resetAfter ?? "") ?? FALLBACK_RESET_AFTER_MS;
  if (verdict === "good") {
    const repairs = nowMs - (part.upSinceMs ?? nowMs) >= resetAfterMs ? 0 : part.repairs;
    return { ...part, monitor, repairs, trouble: undefined };
  }
  if (verdict !== "bad") return { ...part, monitor };
  const reason = reading.result === "bad" ? reading.reason : "Unreadable";
  const message = reading.result === "good" ? "" : reading.message;
  return repairOrGiveUp({ ...part, monitor }, { reason, message }, nowMs, group);
}

interface Found {
  readonly reason: string;
  readonly message: string;
}

function repairOrGiveUp(part: Part, found: Found, nowMs: number, group: FailoverGroup): Part {
  const limit = group.spec.failover?.reactivations ?? FALLBACK_REACTIVATIONS;
  const { onFailure } = part.plan;
  if (isPaused(group) || onFailure === "Warn") return { ...part, trouble: { ...found, isFinal: true } };
  const repair = { ...part, phase: "down", notBeforeMs: nowMs, monitor: undefined } as const;
  if (onFailure === "Reactivate" || part.repairs < limit) {
    const message = `${found.message}; reactivation ${part.repairs + 1} of ${limit}`;
    return { ...repair, repairs: part.repairs + 1, trouble: { reason: found.reason, message, isFinal: false } };
  }
  const trouble = {
    reason: found.reason,
    message: `${found.message}; ${limit} reactivations did not help`,
    isFinal: true,
  };
  if (part.trouble?.isFinal !== true) return { ...part, trouble, notBeforeMs: nowMs + EXHAUSTED_RETRY_MS };
  return nowMs < part.notBeforeMs ? { ...part, trouble } : { ...repair, trouble };
}

/** A command is stopped before it is started again; an address and a port are simply brought up again. */
export function needsStopBeforeStart(part: Part): boolean {
  return !part.isClean && (part.plan.kind === "command" || part.plan.kind === "refused");
}

/** Adds parts of new plans, and lets running parts take over plans that occupy the same thing. */
export function adoptPlans(
  parts: Readonly<Record<string, Part>>,
  plans: readonly PartPlan[],
): Readonly<Record<string, Part>> {
  const adopted: Record<string, Part> = {};
  for (const plan of plans) {
    const part = parts[plan.key];
    if (part === undefined) adopted[plan.key] = newPart(plan, true);
    else if (part.isClean && part.phase === "down") {
      const isSame = planIdentity(plan) === planIdentity(part.plan);
      adopted[plan.key] = isSame ? { ...part, plan } : newPart(plan, true);
    } else if (planIdentity(plan) === planIdentity(part.plan)) adopted[plan.key] = { ...part, plan };
    else adopted[plan.key] = part;
  }
  for (const [key, part] of Object.entries(parts))
    if (adopted[key] === undefined && !(part.isClean && part.phase === "down")) adopted[key] = part;
  return adopted;
}

/** No plan wants what this part has on the host. */
export function isObsolete(part: Part, plans: readonly PartPlan[]): boolean {
  const plan = plans.find((candidate) => candidate.key === part.plan.key);
  return plan === undefined || planIdentity(plan) !== planIdentity(part.plan);
}

export function hurried(part: Part, nowMs: number): Part {
  return part.monitor === undefined ? part : { ...part, monitor: hurryReading(part.monitor, nowMs) };
}
