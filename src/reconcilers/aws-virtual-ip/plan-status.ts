/** `status` of an AwsVirtualIP as it should be, from what was seen and judged (API.md 1.2), and the Events about its changes. Pure. */
import type { AwsVirtualIPMemberStatus, AwsVirtualIPStatus, CallTime, Condition } from "../../api/generated/types.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import { formatDuration, parseDurationMs } from "../../lib/duration.ts";
import { conditionsFrom, isApplied, observedOf, readyOf, reconcilingOf, stalledOf } from "./conditions.ts";
import type { Judgement } from "./conditions.ts";
import { routeTableStatuses } from "./routes.ts";
import { destinationOf, valueOf } from "./seen.ts";
import type { Seen } from "./seen.ts";
import type { Step } from "./steps.ts";

/** A call time that moved by less than this part of the old one is not worth a write. */
const CALL_TIME_TOLERANCE = 0.5;

export function statusOf(judgement: Judgement): AwsVirtualIPStatus {
  const { seen, preflight, now } = judgement;
  const ready = readyOf(judgement);
  const conditions = conditionsFrom(
    [
      ["Ready", ready],
      ["PreflightOK", preflight],
      ["Observed", observedOf(judgement)],
      ["Reconciling", reconcilingOf(judgement)],
      ["Stalled", stalledOf(judgement, ready)],
    ],
    seen,
    now,
  );
  const isNewlyActive = ready.status === "True" && !isApplied(seen) && "grant" in seen.activation;
  const active = isNewlyActive
    ? { node: seen.activation.grant.node, epoch: seen.activation.grant.epoch }
    : seen.status.active;
  const { claim, vip } = seen;
  const { uid } = claim.type === "Held" ? claim.group.metadata : {};
  const generation = vip.metadata.generation;
  const callTime = callTimeOf(seen.status.callTime, seen.callTimes);
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(claim.type === "Held" && uid !== undefined ? { group: { name: claim.group.metadata.name, uid } } : {}),
    ...(active === undefined ? {} : { active }),
    members: memberStatuses(seen),
    routeTables: routeTableStatuses(seen),
    ...(callTime === undefined ? {} : { callTime }),
    conditions,
  };
}

/** What could not be read keeps the value of the last status. */
function memberStatuses(seen: Seen): AwsVirtualIPMemberStatus[] {
  return seen.members.map((member) => {
    const last = seen.status.members?.find((known) => known.node === member.node);
    const eni = valueOf(member.networkInterface);
    const zone = eni?.availabilityZone ?? member.instance?.zone;
    const networkInterface = member.interface ?? last?.interface;
    const base = { node: member.node, ...(networkInterface === undefined ? {} : { interface: networkInterface }) };
    if (eni === undefined)
      return { ...last, ...base, ...(zone === undefined ? {} : { zone }), sourceDestCheck: "Unknown" };
    return {
      ...base,
      eniId: eni.networkInterfaceId,
      vpcId: eni.vpcId,
      ...(zone === undefined ? {} : { zone }),
      sourceDestCheck: eni.sourceDestCheck ? "On" : "Off",
    };
  });
}

function callTimeOf(last: CallTime | undefined, times: CallTimes | undefined): CallTime | undefined {
  if (times === undefined) return last;
  const isNear = (text: string | undefined, valueMs: number): boolean => {
    const lastMs = text === undefined ? undefined : parseDurationMs(text);
    return lastMs !== undefined && Math.abs(valueMs - lastMs) <= Math.max(5, lastMs * CALL_TIME_TOLERANCE);
  };
  if (isNear(last?.p99, times.p99Ms) && isNear(last?.max, times.maxMs)) return last;
  return { p99: formatDuration(Math.ceil(times.p99Ms)), max: formatDuration(Math.ceil(times.maxMs)) };
}

/** One Event per condition that turned, and for each new reason of one that stays False. */
export function eventsAbout(before: AwsVirtualIPStatus, after: AwsVirtualIPStatus): Step[] {
  return (after.conditions ?? []).flatMap((condition): Step[] => {
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

/** An entry that was there and is gone: never put back by us, and easily missed by whoever removed it. */
export function eventsAboutLostEntries(seen: Seen, after: AwsVirtualIPStatus): Step[] {
  const present = new Set(after.routeTables?.map((table) => table.id));
  const lost = (seen.status.routeTables ?? []).filter((table) => !present.has(table.id)).map((table) => table.id);
  if (lost.length === 0 || seen.claim.type === "None") return [];
  const message = `${lost.join(", ")}: no entry for ${destinationOf(seen.vip)} any more; the subnets of this table do not reach the address. If that was not meant, add it again with the ENI of any member as target`;
  return [{ do: "Tell", type: "Warning", reason: "NoRouteEntry", message }];
}

/** Nothing to say about the quiet beginning of an object, nor about what Ready says anyway. */
function isWorthTelling(condition: Condition, last: Condition | undefined): boolean {
  if (condition.type === "Reconciling" || condition.type === "Stalled") return false;
  if (condition.reason === "NotInGroup" || condition.reason === "NotChecked") return last !== undefined;
  return !(last === undefined && condition.type === "Observed" && condition.status === "True");
}

const NORMAL_REASONS: readonly string[] = ["Inactive", "NotInGroup", "Activating", "Deactivating", "NotChecked"];

function isGood(condition: Condition): boolean {
  return condition.status === "True" || NORMAL_REASONS.includes(condition.reason);
}
