/**
 * The report of this node about a group: what it should say, and whether saying it can wait. Pure.
 *
 * Written by compare-and-set on the group as it was read, so that a late one acts on nothing (API.md 0). The members to
 * be asked for promises change only under the reporter's own grant.
 */
import type {
  FailoverGroup,
  MemberReport,
  ReportedResource,
  ReportState,
  ResourceState,
} from "../../api/generated/types.ts";
import { microTime } from "../../api/session-lease.ts";
import type { Instant } from "../../lib/clock.ts";
import { type GroupState, type Part, storedReport, type Tenure } from "./group-state.ts";

/** Progress is written at most so often, in milliseconds (API.md 0). */
export const PROGRESS_INTERVAL_MS = 5_000;
/** "Deactivating" is only worth a write when it lasts: the write that proves "Inactive" must not queue behind it. */
export const DEACTIVATING_DELAY_MS = 200;
const MAX_MESSAGE_CHARS = 1_000;
const MAX_MEMBERS_KNOWN = 16;

/** Undefined: this node has nothing to say. Without times; `withTimes` adds them. */
export function wantedReport(state: GroupState): MemberReport | undefined {
  if (state.group === undefined || state.isGone) return undefined;
  return state.tenure === undefined
    ? standbyReport(state, state.group)
    : tenureReport(state, state.group, state.tenure);
}

function tenureReport(state: GroupState, group: FailoverGroup, tenure: Tenure): MemberReport | undefined {
  const { grant, stage } = tenure;
  // Before the guard has allowed the grant there is nothing that the report on file does not say already.
  if (stage === "reading" || stage === "asking") return undefined;
  const stored = storedReport(state);
  const isOnRecord = stored?.epoch === grant.epoch && stored.session === grant.session;
  const isLeaving = stage === "leaving" || stage === "down";
  const known = isLeaving ? (isOnRecord ? stored.knownMembers : undefined) : knownMembers(group);
  return {
    ...keptFields(state, stored, grant.session),
    node: state.node,
    session: grant.session,
    epoch: grant.epoch,
    state: overallState(tenure),
    observedGeneration: group.metadata.generation ?? 0,
    ...(known === undefined ? {} : { knownMembers: known }),
    resources: reportedResources(group, tenure),
  };
}

/** A standby keeps the record of its last grant and says what it should not have, and whether its network is there. */
function standbyReport(state: GroupState, group: FailoverGroup): MemberReport | undefined {
  const stored = storedReport(state);
  const isMember = group.spec.members.some((member) => member.node === state.node);
  if (state.session === undefined || state.isForbidden || !isMember) return undefined;
  // Only after the server went back to a backup: the next epoch must be above what was served here.
  const isBehind = state.finishedEpoch > (stored?.epoch ?? 0);
  const hasWord = state.promise !== undefined || (group.spec.isolation !== undefined && state.isolation !== undefined);
  const hasNews = state.findings.length > 0 || hasWord || isBehind;
  if (stored === undefined ? !hasNews : stored.state !== "Inactive") return undefined;
  const resources = state.findings.map((finding): ReportedResource => ({
    name: finding.resource,
    state: "Inactive",
    reason: finding.reason,
    message: clipped(finding.message),
  }));
  const said = stored?.resources?.filter((resource) => resource.reason !== undefined);
  if (stored !== undefined && !isBehind && sameResources(said, resources) && isWordSaid(state, group, stored))
    return undefined;
  const known = isBehind ? undefined : stored?.knownMembers;
  return {
    ...keptFields(state, stored, state.session),
    node: state.node,
    // Only a report under the session in force counts for a promise and for isolation; what is Inactive stays so under any.
    session: state.session,
    epoch: Math.max(stored?.epoch ?? 0, state.finishedEpoch),
    state: "Inactive",
    observedGeneration: group.metadata.generation ?? 0,
    ...(known === undefined ? {} : { knownMembers: known }),
    resources,
  };
}

/** What counts only in a report of the session in force stands in one. */
function isWordSaid(state: GroupState, group: FailoverGroup, stored: MemberReport): boolean {
  const isCurrent = stored.session === state.session;
  const isPromiseSaid = state.promise === undefined || (isCurrent && samePromise(stored.promise, state.promise));
  if (group.spec.isolation === undefined) return isPromiseSaid && stored.isolation === undefined;
  const isIsolationSaid = state.isolation === undefined || (isCurrent && stored.isolation === state.isolation);
  return isPromiseSaid && isIsolationSaid;
}

function samePromise(left: MemberReport["promise"], right: MemberReport["promise"]): boolean {
  const text = (promise: MemberReport["promise"]): string =>
    promise === undefined ? "" : [promise.node, promise.session, promise.epoch, promise.state].join(" ");
  return text(left) === text(right);
}

/** The guard's promise, and what an earlier life put into the entry: a write without it would remove it. */
function keptFields(
  state: GroupState,
  stored: MemberReport | undefined,
  session: string,
): Pick<MemberReport, "promise" | "isolation"> {
  const promise = state.promise ?? stored?.promise;
  const isolation = isolationFor(state, stored, session);
  return {
    ...(promise === undefined ? {} : { promise }),
    ...(isolation === undefined ? {} : { isolation }),
  };
}

function isolationFor(state: GroupState, stored: MemberReport | undefined, session: string): MemberReport["isolation"] {
  if (state.group?.spec.isolation === undefined) return undefined;
  // What was found under another session would count for this one as if it had been found now.
  return state.isolation ?? (stored?.session === session ? stored.isolation : undefined);
}

export function knownMembers(group: FailoverGroup): string[] {
  return group.spec.members.map((member) => member.node).slice(0, MAX_MEMBERS_KNOWN);
}

function overallState(tenure: Tenure): ReportState {
  if (tenure.stage === "down") return "Inactive";
  if (tenure.stage === "leaving") return "Deactivating";
  const parts = Object.values(tenure.parts);
  if (tenure.stage !== "serving") return "Activating";
  if (parts.some((part) => part.trouble?.isFinal === true && part.plan.onFailure !== "Warn")) return "Failed";
  const isUp = (part: Part): boolean =>
    part.phase === "up" || (part.plan.onFailure === "Warn" && part.trouble?.isFinal === true);
  return parts.every(isUp) ? "Active" : "Activating";
}

function reportedResources(group: FailoverGroup, tenure: Tenure): ReportedResource[] {
  const parts = Object.values(tenure.parts);
  return group.spec.resources.flatMap((resource): ReportedResource[] => {
    const own = parts.filter((part) => part.plan.resource === resource.name);
    if (own.length === 0) return [];
    const [worst] = own
      .map((part) => ({ part, state: partState(part, tenure) }))
      .sort((left, right) => ORDER.indexOf(left.state) - ORDER.indexOf(right.state));
    if (worst === undefined) return [];
    const trouble = worst.part.trouble;
    return [
      {
        name: resource.name,
        state: worst.state,
        ...(trouble === undefined ? {} : { reason: trouble.reason, message: clipped(trouble.message) }),
      },
    ];
  });
}

/** Of several parts of one resource the first of these is what the resource is. */
const ORDER: readonly ResourceState[] = ["Failed", "Unknown", "Deactivating", "Activating", "Inactive", "Active"];

function partState(part: Part, tenure: Tenure): ResourceState {
  const isLeaving = tenure.stage === "leaving" || tenure.stage === "down";
  if (isLeaving) {
    if (part.isClean) return "Inactive";
    return part.trouble?.isFinal === true && part.phase === "down" ? "Failed" : "Deactivating";
  }
  if (part.trouble?.isFinal === true) return "Failed";
  if (part.plan.kind === "name") return part.trouble === undefined ? "Active" : "Activating";
  if (part.phase === "up") return "Active";
  return part.phase === "down" && part.isClean && part.trouble === undefined ? "Inactive" : "Activating";
}

/** How long the write may wait, in milliseconds after the last one; undefined: there is nothing to write. */
export function reportPatienceMs(wanted: MemberReport, stored: MemberReport | undefined): number | undefined {
  if (stored === undefined || stored.session !== wanted.session || stored.epoch !== wanted.epoch) return 0;
  if (!sameMembers(stored.knownMembers, wanted.knownMembers)) return 0;
  if (!samePromise(stored.promise, wanted.promise) || stored.isolation !== wanted.isolation) return 0;
  if (stored.state !== wanted.state) return wanted.state === "Deactivating" ? DEACTIVATING_DELAY_MS : 0;
  if (hasDecisiveChange(stored.resources, wanted.resources)) return 0;
  const isSame =
    sameResources(stored.resources, wanted.resources) && stored.observedGeneration === wanted.observedGeneration;
  return isSame ? undefined : PROGRESS_INTERVAL_MS;
}

/** A resource became Active, Failed or Inactive: the controller may be waiting for exactly that. */
function hasDecisiveChange(
  stored: readonly ReportedResource[] | undefined,
  wanted: readonly ReportedResource[] | undefined,
): boolean {
  return (wanted ?? []).some((resource) => {
    const before = stored?.find((found) => found.name === resource.name);
    const isDecisive = resource.state === "Active" || resource.state === "Failed" || resource.state === "Inactive";
    return before?.state !== resource.state
      ? isDecisive || before?.state === "Active"
      : before.reason !== resource.reason;
  });
}

function sameResources(
  left: readonly ReportedResource[] | undefined,
  right: readonly ReportedResource[] | undefined,
): boolean {
  const text = (list: readonly ReportedResource[] | undefined): string =>
    JSON.stringify((list ?? []).map(({ name, state, reason, message }) => [name, state, reason, message]));
  return text(left) === text(right);
}

function sameMembers(left: readonly string[] | undefined, right: readonly string[] | undefined): boolean {
  return (left ?? []).join() === (right ?? []).join();
}

/** The report on file records, under this grant, the members that the spec names now. */
export function isRecorded(state: GroupState, tenure: Tenure): boolean {
  const stored = storedReport(state);
  if (state.group === undefined || stored === undefined) return false;
  const isOwn = stored.epoch === tenure.grant.epoch && stored.session === tenure.grant.session;
  return isOwn && stored.state !== "Inactive" && sameMembers(stored.knownMembers, knownMembers(state.group));
}

/** `since` stays while the state does. */
export function withTimes(wanted: MemberReport, stored: MemberReport | undefined, now: Instant): MemberReport {
  const nowText = microTime(now.wallMs);
  const isSame = stored?.state === wanted.state && stored.epoch === wanted.epoch && stored.session === wanted.session;
  const resources = (wanted.resources ?? []).map((resource) => {
    const before = stored?.resources?.find((found) => found.name === resource.name);
    return { ...resource, since: before?.state === resource.state ? (before.since ?? nowText) : nowText };
  });
  return { ...wanted, since: isSame ? (stored.since ?? nowText) : nowText, resources };
}

function clipped(message: string): string {
  return message.length <= MAX_MESSAGE_CHARS ? message : `${message.slice(0, MAX_MESSAGE_CHARS - 1)}…`;
}
