/**
 * The conditions of an AwsVirtualIP (API.md 0 and 1.2): Ready, PreflightOK, Observed; Reconciling and Stalled only while
 * they are True. Pure.
 * Must never do: turn Ready because something could not be read, unless `whenUnreadable: Recover` says so.
 */
import type { Condition } from "../../api/generated/types.ts";
import type { Instant } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { isAnswer } from "../../cloud/errors.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";
import { missingAddress } from "./activation.ts";
import type { Preflight } from "./checks.ts";
import type { RoutesView } from "./routes.ts";
import { groupOf } from "./seen.ts";
import type { Failure, Seen } from "./seen.ts";

export interface Verdict {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export interface Judgement {
  readonly seen: Seen;
  readonly preflight: Preflight;
  /** Undefined while no route is due. */
  readonly routes: RoutesView | undefined;
  readonly now: Instant;
}

/** Whether the routes were last applied for exactly this grant. */
export function isApplied(seen: Seen): boolean {
  const { activation } = seen;
  if (!("grant" in activation)) return false;
  const { active } = seen.status;
  return active?.node === activation.grant.node && active.epoch === activation.grant.epoch;
}

export function readyOf(judgement: Judgement): Verdict {
  const { seen, routes } = judgement;
  const { claim, activation, vip } = seen;
  if (claim.type === "None") return no("NotInGroup", `no FailoverGroup lists this object`);
  if (claim.type === "AddressHeld") return no("Inactive", claim.message);
  const group = claim.group.metadata.name;
  if (activation.state === "Stopped")
    return no("Inactive", `group ${group} is active on no member; routes stay as they are`);
  if (activation.state === "Deactivating")
    return no("Deactivating", `group ${group} is being taken down on ${activation.grant.node}`);
  const missing = missingAddress(claim.group, vip.metadata.name);
  if (missing !== undefined && isApplied(seen))
    return no("AddressMissing", `${vip.spec.address} on ${activation.grant.node}: ${missing}`);
  if (activation.state === "Waiting") return no("Activating", activation.message);
  if (routes?.state === "Right" && isVerified(judgement)) {
    const { node, epoch } = activation.grant;
    return {
      status: "True",
      reason: "Active",
      message: `${vip.spec.address} leads to ${routes.eniId} of ${node} under epoch ${epoch} in ${countOf(routes.tables, "route table")}`,
    };
  }
  return isApplied(seen) ? readyWhileApplied(judgement) : readyWhileActivating(judgement);
}

/** A reading from before the grant proves nothing about what was written since. */
function isVerified({ seen, routes }: Judgement): boolean {
  if (routes?.state !== "Right") return false;
  return isApplied(seen) || routes.sentAtMs >= Math.max(seen.memory.freshSinceMs, seen.memory.due?.sinceMs ?? 0);
}

function readyWhileActivating(judgement: Judgement): Verdict {
  const { seen, routes, now } = judgement;
  const failed = writeFailures(seen).find((failure) => isAnswer(failure.code));
  if (failed !== undefined) return no("ActivationFailed", failed.message);
  if (routes?.state === "NothingToWrite") return no("ActivationFailed", routes.message);
  if (routes?.state === "Unreadable" && isAnswer(routes.failure.code))
    return no("ActivationFailed", routes.failure.message);
  const { activate } = seen.vip.spec.timeouts;
  const sinceMs = seen.memory.due?.sinceMs ?? now.monotonicMs;
  const last = routes?.state === "Unreadable" ? routes.failure : writeFailures(seen)[0];
  const text = last === undefined ? "the routes are being written" : `the routes are not written yet: ${last.message}`;
  if (now.monotonicMs - sinceMs >= (parseDurationMs(activate) ?? 0))
    return no("ActivationTimeout", `${text}; spec.timeouts.activate is ${activate}`);
  return no("Activating", text);
}

function readyWhileApplied(judgement: Judgement): Verdict {
  const { seen, routes } = judgement;
  const { retries, whenUnreadable } = seen.vip.spec.monitor;
  const { bad, unreadable } = seen.memory.counted;
  const last = lastVerdict(seen, "Ready") ?? no("Activating", "the routes are being verified");
  if (routes === undefined) return last;
  if (routes.state === "Unreadable") {
    const isRecovered = whenUnreadable === "Recover" && unreadable > retries;
    return isRecovered ? no(observedReason(routes.failure), routes.failure.message) : last;
  }
  if (routes.state === "Right") return last;
  if (bad <= retries) return last;
  if (routes.state === "NothingToWrite") return no("RouteWrong", routes.message);
  const tables = routes.wrong.map((wrong) => `${wrong.routeTableId} (leads to ${wrong.found ?? "nothing"})`).join(", ");
  const why = writeFailures(seen)[0]?.message;
  const message = `should lead to ${routes.wrong[0]?.wanted ?? "the active member"}: ${tables}${why === undefined ? "" : `; ${why}`}`;
  return no(routes.right > 0 ? "RoutesPartlyWritten" : "RouteWrong", message);
}

export function observedOf({ seen, routes }: Judgement): Verdict | undefined {
  const last = lastVerdict(seen, "Observed");
  const failure = firstUnreadable(seen, routes);
  if (failure === undefined) {
    const wasAsked = seen.vpcs.length > 0 || seen.members.some((member) => member.networkInterface !== undefined);
    return wasAsked ? { status: "True", reason: "Read", message: "the cloud answers" } : last;
  }
  if (seen.vip.spec.monitor.whenUnreadable === "Ignore") return last;
  const remedy = UNREADABLE_REMEDY[failure.code] ?? "See PreflightOK";
  return no(
    observedReason(failure),
    `${failure.message}. What is true in the cloud is unknown; nothing is changed. ${remedy}`,
  );
}

const UNREADABLE_REMEDY: Readonly<Partial<Record<CloudErrorCode, string>>> = {
  EndpointUnreachable:
    "Check the path from the controller to the EC2 endpoint: DNS, proxy, security groups, VPC endpoint",
  CallTimeout: "Compare status.callTime with spec.timeouts.call; check the path to the EC2 endpoint",
  Throttled: "Lengthen spec.monitor.interval, or have the account's API limits raised",
  CallFailed: "It is tried again; if it lasts, look at the health of EC2 in this region",
};

function firstUnreadable(seen: Seen, routes: RoutesView | undefined): Failure | undefined {
  if (routes?.state === "Unreadable") return routes.failure;
  const readings = [
    ...seen.members.map((member) => member.networkInterface),
    ...seen.vpcs.map((vpc) => vpc.routeTables),
  ];
  return readings.flatMap((reading) =>
    reading === undefined || reading.ok || reading.failure.code === "NotFound" ? [] : [reading.failure],
  )[0];
}

function observedReason(failure: Failure): string {
  return isAnswer(failure.code) ? "CallFailed" : failure.code;
}

export function reconcilingOf({ seen, routes }: Judgement): Verdict | undefined {
  if (routes?.state !== "Wrong" || seen.activation.state !== "Due") return undefined;
  const message = `${countOf(routes.wrong.length, "route")} to write`;
  return { status: "True", reason: isApplied(seen) ? "Repairing" : "Applying", message };
}

/** What only a person can change, while nothing is up. */
export function stalledOf({ preflight, seen }: Judgement, ready: Verdict): Verdict | undefined {
  const isForPeople =
    seen.claim.type === "AddressHeld" || (preflight.status === "False" && ready.reason === "ActivationFailed");
  if (!isForPeople || ready.status === "True") return undefined;
  return { status: "True", reason: "NeedsOperator", message: preflight.message };
}

/** `types` that have no verdict disappear; a condition whose status stays keeps its time. */
export function conditionsFrom(
  verdicts: readonly (readonly [type: string, verdict: Verdict | undefined])[],
  seen: Seen,
  now: Instant,
): Condition[] {
  const { generation } = seen.vip.metadata;
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

export function lastVerdict(seen: Seen, type: string): Verdict | undefined {
  const last = seen.status.conditions?.find((condition) => condition.type === type);
  return last === undefined ? undefined : { status: last.status, reason: last.reason, message: last.message };
}

export function writeFailures(seen: Seen): readonly Failure[] {
  const { writes } = seen.memory;
  const epoch = "grant" in seen.activation ? seen.activation.grant.epoch : undefined;
  return writes !== undefined && writes.epoch === epoch ? writes.failures : [];
}

export function groupName(seen: Seen): string {
  const group = groupOf(seen);
  return group === undefined ? "" : `${group.metadata.namespace ?? ""}/${group.metadata.name}`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function no(reason: string, message: string): Verdict {
  return { status: "False", reason, message };
}
