/** `status` of a pointer as it should be, from what was seen and judged (API.md 1), and the Events about its changes. Pure. */
import type { CallTime, Condition } from "../../api/generated/types.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import { formatDuration, parseDurationMs } from "../../lib/duration.ts";
import { conditionsFrom, observedOf, readyOf, reconcilingOf, stalledOf } from "./conditions.ts";
import type { Judgement } from "./conditions.ts";
import type { Finding } from "./kind.ts";
import { grantOf, isApplied } from "./seen.ts";
import type { PointerObject, PointerSeen, PointerStatus, StatusOf, Verdict } from "./seen.ts";
import type { Step } from "./steps.ts";

/** A call time that moved by less than this part of the old one is not worth a write. */
const CALL_TIME_TOLERANCE = 0.5;
/** `monitor.delayWarningPercent` unless it is set. */
const DELAY_WARNING_PERCENT = 80;

type AnySeen = PointerSeen<PointerObject, unknown>;

export function statusOf<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): StatusOf<Obj> {
  const { kind, seen, preflight, now } = judgement;
  const ready = readyOf(judgement);
  const conditions = conditionsFrom(
    [
      ["Ready", ready],
      ["PreflightOK", preflight],
      ["Observed", observedOf(judgement)],
      ...(kind.conditions?.(seen, now) ?? []),
      ["Reconciling", reconcilingOf(judgement)],
      ["Stalled", stalledOf(judgement, ready)],
    ],
    seen,
    now,
  );
  const active = judgement.stopped?.state === "Done" ? undefined : appliedTo(seen, ready);
  const { claim } = seen;
  const { uid } = claim.type === "Held" ? claim.group.metadata : {};
  const { generation } = seen.object.metadata;
  const callTime = callTimeOf(seen, kind.callTimes(seen.facts));
  const shared: PointerStatus = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(claim.type === "Held" && uid !== undefined ? { group: { name: claim.group.metadata.name, uid } } : {}),
    ...(claim.type === "GroupDeleted" && active !== undefined ? { group: seen.status.group } : {}),
    ...(active === undefined ? {} : { active }),
    ...(callTime === undefined ? {} : { callTime }),
    conditions,
  };
  return { ...kind.status(seen, now), ...shared } as StatusOf<Obj>;
}

function appliedTo(seen: AnySeen, ready: Verdict): PointerStatus["active"] {
  const grant = grantOf(seen);
  const isNewlyActive = ready.status === "True" && !isApplied(seen) && grant !== undefined;
  return isNewlyActive ? { node: grant.node, epoch: grant.epoch } : seen.status.active;
}

function callTimeOf(seen: AnySeen, times: CallTimes | undefined): CallTime | undefined {
  const last = seen.status.callTime;
  if (times === undefined) return last;
  const isNear = (text: string | undefined, valueMs: number): boolean => {
    const lastMs = text === undefined ? undefined : parseDurationMs(text);
    return lastMs !== undefined && Math.abs(valueMs - lastMs) <= Math.max(5, lastMs * CALL_TIME_TOLERANCE);
  };
  const callTime = { p99: formatDuration(Math.ceil(times.p99Ms)), max: formatDuration(Math.ceil(times.maxMs)) };
  const isSameSide = isSlow(seen, last) === isSlow(seen, callTime);
  return isSameSide && isNear(last?.p99, times.p99Ms) && isNear(last?.max, times.maxMs) ? last : callTime;
}

/** Deadline of one reading, in ms. */
function callLimitMs({ spec }: PointerObject): number {
  return Math.min(parseDurationMs(spec.monitor.timeout) ?? 5_000, parseDurationMs(spec.timeouts.call) ?? 5_000);
}

/** Calls take more than the part of what they may that is warned about. */
function isSlow({ object, delayWarningPercent }: AnySeen, callTime: CallTime | undefined): boolean {
  const p99Ms = parseDurationMs(callTime?.p99 ?? "0s") ?? 0;
  return p99Ms * 100 > callLimitMs(object) * (delayWarningPercent ?? DELAY_WARNING_PERCENT);
}

/** One Event when calls begin to take nearly as long as they may. */
export function eventsAboutCalls(seen: AnySeen, after: PointerStatus): Finding[] {
  if (!isSlow(seen, after.callTime) || isSlow(seen, seen.status.callTime)) return [];
  const percent = seen.delayWarningPercent ?? DELAY_WARNING_PERCENT;
  const message = `99 of 100 calls take up to ${after.callTime?.p99 ?? ""}, which is more than ${percent} % of the ${formatDuration(callLimitMs(seen.object))} that spec.monitor.timeout and spec.timeouts.call allow. Raise them, or repair the path to the cloud`;
  return [{ reason: "DelayWarning", message }];
}

/** One Event per condition that turned, and for each new reason of one that stays False. */
export function eventsAbout<Write, Status>(before: PointerStatus, after: PointerStatus): Step<Write, Status>[] {
  return (after.conditions ?? []).flatMap((condition): Step<Write, Status>[] => {
    const last = before.conditions?.find((known) => known.type === condition.type);
    if (last?.status === condition.status && last.reason === condition.reason) return [];
    if (!isWorthTelling(condition, last)) return [];
    return [
      {
        do: "Tell",
        type: isGood(condition) ? "Normal" : "Warning",
        reason: condition.reason,
        message: condition.message,
      },
    ];
  });
}

/** Nothing to say about the quiet beginning of an object, nor about what Ready says anyway. */
function isWorthTelling(condition: Condition, last: Condition | undefined): boolean {
  if (condition.type === "Reconciling" || condition.type === "Stalled") return false;
  // Observed says it, unless nobody wants to hear of it.
  if (condition.reason === "Unreadable") return false;
  if (condition.reason === "NotInGroup" || condition.reason === "NotChecked") return last !== undefined;
  return !(last === undefined && condition.type === "Observed" && condition.status === "True");
}

const NORMAL_REASONS: readonly string[] = [
  "Inactive",
  "NotInGroup",
  "Activating",
  "Deactivating",
  "NotChecked",
  "Pending",
];

function isGood(condition: Condition): boolean {
  return condition.status === "True" || NORMAL_REASONS.includes(condition.reason);
}
