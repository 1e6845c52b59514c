/**
 * Whether a member could take the group now, and if not, why: an ordered list of small checks, each named as the
 * fact that must hold. The first that fails gives `status.members[].reason`.
 *
 * The invariant: who is not promotable is never granted anything (DESIGN 4.4). Pure.
 */
import { type Holder, holderOf } from "./holder.ts";
import { isIsolated } from "./isolation.ts";
import { outOfSync } from "./seal.ts";
import { type MemberSeen, memberOf, type Seen } from "./seen.ts";
import type { HistoryEntry, MemberReason, MemberVerdict, Report } from "./types.ts";
import { parseDurationMs } from "../../lib/duration.ts";

export interface Refusal {
  readonly reason: MemberReason;
  readonly message: string;
}

interface Question {
  readonly seen: Seen;
  readonly member: MemberSeen;
  readonly wallMs: number;
  /** For a move that a person asked for by name, the scope does not count. */
  readonly ignoresScope: boolean;
}

type Check = (question: Question) => Refusal | undefined;

const isInTheSpec: Check = ({ member }) =>
  member.position === undefined
    ? { reason: "NotYetKnown", message: `${member.node} is not a member in the spec` }
    : undefined;

const nodeExists: Check = ({ member }) =>
  member.nodeObject === undefined ? { reason: "NodeMissing", message: `there is no Node ${member.node}` } : undefined;

const nodeIsInService: Check = ({ member }) =>
  member.nodeObject?.isOutOfService === true
    ? { reason: "SessionMissing", message: `Node ${member.node} carries the taint node.kubernetes.io/out-of-service` }
    : undefined;

const sessionIsLive: Check = ({ member }) => {
  const { verdict } = member.session;
  switch (verdict.state) {
    case "Live":
      return undefined;
    case "Ended":
      return {
        reason: "SessionMissing",
        message: `the session of ${member.node} ended (${verdict.end}); its agent has not begun a new one`,
      };
    case "Revocable":
      return { reason: "SessionMissing", message: `the session of ${member.node} has expired` };
    case "Unknown":
      return { reason: "SessionMissing", message: SESSION_UNKNOWN[verdict.reason](member.node) };
  }
};

const SESSION_UNKNOWN = {
  NotRead: (node: string) => `the session of ${node} could not be read`,
  FirstSeen: (node: string) => `the session of ${node} has not been seen to be renewed yet`,
  Quiet: (node: string) => `the session of ${node} is not being renewed`,
  NoLease: (node: string) => `${node} has no session: its agent has not started`,
} as const;

/** The session that it still renews ends within seconds: a grant bound to it would never be served. */
const agentIsNotEnding: Check = ({ member }) =>
  member.session.facts?.isRestarting === true
    ? { reason: "SessionMissing", message: `the agent of ${member.node} is about to restart` }
    : undefined;

/** What its agent promised before the machine booted may still bind; it would refuse the grant (DESIGN 4.6). */
const waitAfterBootIsOver: Check = ({ member }) =>
  member.session.facts?.isWaitingAfterBoot === true
    ? {
        reason: "SessionMissing",
        message: `${member.node} booted so recently that a promise it gave before may still bind; its agent says when it may take over`,
      }
    : undefined;

const nodeIsNotCordoned: Check = ({ member }) =>
  member.nodeObject?.isCordoned === true
    ? { reason: "Cordoned", message: `Node ${member.node} is cordoned` }
    : undefined;

const isInTheHoldersRecord: Check = ({ seen, member }) => {
  const record = memberRecord(seen);
  if (record === undefined || record.members.includes(member.node)) return undefined;
  return {
    reason: "NotYetKnown",
    message: `the record of members that ${record.reporter} stored under epoch ${record.epoch} does not name ${member.node}; it may take over once ${record.reporter} has stored a record that does, or is proven down`,
  };
};

/** The set as it was seen is the one that the seal before the grant is conditional on. */
const copiesAreInSync: Check = ({ seen, member }) => {
  const problem = outOfSync(seen, member.node);
  return problem === undefined ? undefined : { reason: "NotInSync", message: problem };
};

/** Reasons in a member's own report that say it could not bring a resource up. */
const MEMBER_PREFLIGHT_REASONS: readonly string[] = [
  "PortInUse",
  "CommandNotAllowed",
  "InterfaceMissing",
  "DeviceMissing",
  "DeviceInUse",
  "NoNbd",
];

/** A standby reports what it should not have; that report keeps the session and epoch of its last tenure. */
const ownPreflightPasses: Check = ({ member }) => {
  const { report } = member;
  if (report === undefined || report.state !== "Inactive") return undefined;
  const failed = report.resources?.find((resource) => MEMBER_PREFLIGHT_REASONS.includes(resource.reason ?? ""));
  if (failed === undefined) return undefined;
  return {
    reason: "PreflightFailed",
    message: `${failed.name}: ${failed.reason}${failed.message === undefined ? "" : `: ${failed.message}`}`,
  };
};

const isNotIsolated: Check = ({ seen, member }) =>
  isIsolated(seen, member)
    ? { reason: "Isolated", message: `${member.node} reaches none of the isolation targets, and they are up` }
    : undefined;

const isInScope: Check = ({ seen, member, ignoresScope }) => {
  if (ignoresScope || seen.group.spec.failover.scope !== "SameRegion") return undefined;
  const home = homeRegion(seen);
  const region = member.nodeObject?.region;
  if (home === undefined || region === home) return undefined;
  return {
    reason: "OutOfScope",
    message: `${member.node} is in region ${region ?? "(no label)"}, the group in ${home}; only move-to leaves the region`,
  };
};

/** The agent itself tries `attemptsPerMember` times before it gives the group up. */
const attemptsAreLeft: Check = ({ seen, member, wallMs }) => {
  if (!hasFailedOn(seen, member.node, wallMs)) return undefined;
  const { attemptsPerMember, resetAfter } = seen.group.spec.failover;
  return {
    reason: "AttemptsExhausted",
    message: `the group failed on ${member.node} (attemptsPerMember: ${attemptsPerMember}); it counts again after ${resetAfter} of health elsewhere, or after understudy.dev/start`,
  };
};

const CHECKS: readonly Check[] = [
  isInTheSpec,
  nodeExists,
  nodeIsInService,
  sessionIsLive,
  waitAfterBootIsOver,
  agentIsNotEnding,
  nodeIsNotCordoned,
  isInTheHoldersRecord,
  copiesAreInSync,
  ownPreflightPasses,
  isNotIsolated,
  isInScope,
  attemptsAreLeft,
];

/** Why `member` may not be granted the group; undefined when it may. */
export function refusalOf(seen: Seen, member: MemberSeen, wallMs: number, ignoresScope = false): Refusal | undefined {
  for (const check of CHECKS) {
    const refusal = check({ seen, member, wallMs, ignoresScope });
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/**
 * This leader has not seen enough of every member's session to conclude that nobody may take the group. Ends by
 * itself: a session is seen to change, or counts as expired. Whoever is found promotable meanwhile may be granted.
 */
export function isStillLooking(seen: Seen): boolean {
  return seen.members.some((member) => member.position !== undefined && isSessionUnseen(member));
}

/** What became of the member's session is not known to this leader yet. */
export function isSessionUnseen({ session: { verdict } }: MemberSeen): boolean {
  return verdict.state === "Unknown" && (verdict.reason === "FirstSeen" || verdict.reason === "NotRead");
}

/**
 * The record of members that counts: of the report with the highest epoch that carries one. Undefined when the spec
 * alone counts: before the first record, and once its reporter is proven down (API.md 1.1).
 */
export function memberRecord(seen: Seen): { reporter: string; epoch: number; members: readonly string[] } | undefined {
  let newest: MemberSeen | undefined;
  for (const member of seen.members) {
    if (member.report?.knownMembers === undefined) continue;
    if (newest === undefined || member.report.epoch > (newest.report?.epoch ?? 0)) newest = member;
  }
  const report = newest?.report;
  if (newest === undefined || report?.knownMembers === undefined || isProvenDown(newest, report)) return undefined;
  return { reporter: newest.node, epoch: report.epoch, members: report.knownMembers };
}

function isProvenDown(member: MemberSeen, report: Report): boolean {
  if (report.state === "Inactive") return true;
  const { verdict } = member.session;
  if (verdict.state === "Ended" && verdict.session === report.session) return verdict.end !== "Expired";
  return member.isSessionReadAfterGroup && verdict.session !== undefined && verdict.session !== report.session;
}

/** Region of the member that holds the group, or held it last. */
export function homeRegion(seen: Seen): string | undefined {
  const node =
    seen.group.status?.active?.node ?? seen.group.status?.history?.find((entry) => entry.to !== undefined)?.to;
  return node === undefined ? undefined : memberOf(seen, node)?.nodeObject?.region;
}

/**
 * Whether the group left `node` because it failed there, since it was last healthy for `resetAfter` or started by
 * request. Read from the history, so that a new leader concludes the same.
 */
function hasFailedOn(seen: Seen, node: string, wallMs: number): boolean {
  const resetAfterMs = parseDurationMs(seen.group.spec.failover.resetAfter) ?? 600_000;
  let nextStartedMs = wallMs;
  for (const entry of seen.group.status?.history ?? []) {
    if (isFreshStart(entry) || wasHealthyFor(entry, nextStartedMs, resetAfterMs)) return false;
    if (entry.to === undefined) continue;
    if (entry.cause === "ResourceFailed" && entry.from === node && !isDrill(entry)) return true;
    nextStartedMs = Date.parse(entry.startedAt);
  }
  return false;
}

/** The move that a simulated fault caused. */
function isDrill(entry: HistoryEntry): boolean {
  return /^simulate-fault\b/.test(entry.message ?? "");
}

/** The answer to a `start` by request. */
function isFreshStart(entry: HistoryEntry): boolean {
  return (
    entry.cause === "Requested" &&
    entry.result === "Succeeded" &&
    entry.to === undefined &&
    /^start\b/.test(entry.message ?? "")
  );
}

function wasHealthyFor(entry: HistoryEntry, untilMs: number, atLeastMs: number): boolean {
  if (entry.result !== "Succeeded" || entry.finishedAt === undefined || entry.to === undefined) return false;
  return untilMs - Date.parse(entry.finishedAt) >= atLeastMs;
}

/** `status.members`: one verdict per member of the spec, in its order, and the holder even when it left the spec. */
export function memberVerdicts(seen: Seen, wallMs: number): MemberVerdict[] {
  const holder = holderOf(seen);
  return seen.members
    .filter((member) => member.position !== undefined || (holder.state !== "None" && holder.node === member.node))
    .map((member) => verdictOf(seen, member, holder, wallMs));
}

function verdictOf(seen: Seen, member: MemberSeen, holder: Holder, wallMs: number): MemberVerdict {
  const session = sessionWord(member);
  if (member.fence.phase === "Working" && member.fence.order.session === member.session.verdict.session) {
    return { node: member.node, session, state: "Fencing", message: "its machine is being stopped" };
  }
  if ((holder.state === "Holding" || holder.state === "Vetoed") && holder.node === member.node) {
    return { node: member.node, session, state: "Active" };
  }
  const refusal = refusalOf(seen, member, wallMs);
  if (refusal === undefined) return { node: member.node, session, state: "Promotable" };
  const isFenced = session === "Fenced";
  return {
    node: member.node,
    session,
    state: isFenced ? "Fenced" : "NotPromotable",
    reason: refusal.reason,
    message: refusal.message,
  };
}

function sessionWord(member: MemberSeen): MemberVerdict["session"] {
  const { verdict } = member.session;
  switch (verdict.state) {
    case "Live":
      return "Live";
    case "Revocable":
      return "Expired";
    case "Ended":
      return verdict.end;
    case "Unknown":
      return "Unknown";
  }
}
