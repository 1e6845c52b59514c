/**
 * What became of the member to which the group was granted: the one question on which exclusivity rests.
 *
 *   None                      nobody was granted, or the grant was removed after proof
 *   Holding                   it may be active: nothing may be granted
 *   Vetoed                    its session may be ended, but a live peer promised it under this epoch to keep off
 *   Revocable                 its session may be ended by compare-and-set, and then something may be granted
 *   Expired                   its session was ended by expiry: the right is over, but nobody proved it down
 *   Down                      proven down: reported, released, a new life of its guard, fenced
 *
 * Pure. Must never do: read "could not be seen" as an end; take a Lease that may have been read before the group for
 * a new life (the grant may be newer than that read).
 */
import type { Lease } from "../../api/session-lease.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";
import { type MemberSeen, memberOf, type Seen } from "./seen.ts";
import type { Report } from "./types.ts";

export type DownProof = "Reported" | "Released" | "NewLife" | "Fenced";

export type Holder =
  | { readonly state: "None" }
  | { readonly state: "Holding"; readonly node: string; readonly isHeard: boolean }
  | { readonly state: "Vetoed"; readonly node: string; readonly by: readonly string[] }
  | {
      readonly state: "Revocable";
      readonly node: string;
      readonly session: string;
      readonly end: "Expired" | "Fenced";
      readonly lease: Lease | undefined;
      readonly sinceMs: number | undefined;
    }
  | { readonly state: "Expired"; readonly node: string }
  | { readonly state: "Down"; readonly node: string; readonly proof: DownProof };

export interface Grant {
  readonly node: string;
  readonly session: string;
  readonly epoch: number;
}

export function holderOf(seen: Seen): Holder {
  const grant = seen.group.status?.active;
  if (grant === undefined) return { state: "None" };
  const member = memberOf(seen, grant.node);
  if (member === undefined) return { state: "Holding", node: grant.node, isHeard: false };
  const fate = fateOf(member, grant);
  if (fate.state !== "Revocable" && fate.state !== "Expired") return fate;
  if (fate.state === "Revocable" && fate.end === "Fenced") return fate;
  const isPausing = member.session.pausingUntilMs !== undefined && seen.group.spec.scheduledEvents?.action === "Act";
  if (fate.state === "Revocable" && isPausing) return { state: "Holding", node: grant.node, isHeard: false };
  const by = vetoes(seen.members, grant, seen.settings.rules);
  return by.length > 0 ? { state: "Vetoed", node: grant.node, by } : fate;
}

function fateOf(member: MemberSeen, grant: Grant): Holder {
  const { node } = member;
  if (reportedInactive(member.report, grant)) return { state: "Down", node, proof: "Reported" };
  const { verdict, lease } = member.session;
  if (verdict.session !== undefined && verdict.session !== grant.session) {
    if (member.isSessionReadAfterGroup) return { state: "Down", node, proof: "NewLife" };
    return { state: "Holding", node, isHeard: false };
  }
  const isVouchedOff = member.nodeObject?.isOutOfService === true;
  if (verdict.state === "Ended" && verdict.end !== "Expired") return { state: "Down", node, proof: verdict.end };
  if (isProvenOff(member, grant)) {
    return { state: "Revocable", node, session: grant.session, end: "Fenced", lease, sinceMs: undefined };
  }
  if (verdict.state === "Ended") {
    return isVouchedOff ? { state: "Down", node, proof: "Fenced" } : { state: "Expired", node };
  }
  // Whoever vouches that a VM is off is not believed while its session is seen to be renewed.
  const isSilent = verdict.state === "Revocable" || (verdict.state === "Unknown" && verdict.reason === "Quiet");
  if (isVouchedOff && isSilent && lease !== undefined) {
    return { state: "Revocable", node, session: grant.session, end: "Fenced", lease, sinceMs: undefined };
  }
  if (verdict.state === "Revocable") {
    return {
      state: "Revocable",
      node,
      session: grant.session,
      end: "Expired",
      lease,
      sinceMs: verdict.sinceMonotonicMs,
    };
  }
  const isQuiet = verdict.state === "Unknown" && (verdict.reason === "Quiet" || verdict.reason === "NoLease");
  return { state: "Holding", node, isHeard: !isQuiet };
}

/** Its machine was off while this very version of its Lease was the newest: a later one is a sign of life. */
function isProvenOff({ fence, session }: MemberSeen, grant: Grant): boolean {
  if (fence.phase !== "Proven") return false;
  return fence.order.session === grant.session && fence.order.leaseVersion === session.lease?.metadata.resourceVersion;
}

export function reportedInactive(report: Report | undefined, grant: Grant): boolean {
  return report?.state === "Inactive" && report.session === grant.session && report.epoch === grant.epoch;
}

/** Whether the report counts for exactly this grant. */
export function reportsUnder(report: Report | undefined, grant: Grant | undefined): report is Report {
  return (
    report !== undefined && grant !== undefined && report.session === grant.session && report.epoch === grant.epoch
  );
}

/** Live peers whose promise to the holder, under this grant, is open; none once a peer relays the holder's own "down". */
export function vetoes(
  members: readonly Pick<MemberSeen, "node" | "report" | "session">[],
  grant: Grant,
  { onlyPromisesVeto }: SafetyRules = ALL_RULES,
): string[] {
  const promises = members.flatMap(({ node, report, session }) => {
    const promise = report?.promise;
    const isLive = session.verdict.state === "Live" && report?.session === session.verdict.session;
    if (promise === undefined || !isLive || node === grant.node) return [];
    // As if a member that a live peer ever answered were kept by that alone.
    if (!onlyPromisesVeto && promise.node === grant.node) return [{ node, state: "Open" as const }];
    const isForGrant =
      promise.node === grant.node && promise.session === grant.session && promise.epoch === grant.epoch;
    return isForGrant ? [{ node, state: promise.state }] : [];
  });
  if (promises.some((promise) => promise.state === "Down")) return [];
  return promises.filter((promise) => promise.state === "Open").map((promise) => promise.node);
}

/**
 * Members other than `except` that report something up under a session that may still be in force: nothing may be
 * granted past them. Normally only the holder reports that; after a restore from a backup the recorded holder may be
 * an old one, and the real one is found here.
 */
export function otherClaimants(seen: Seen, except: readonly string[]): MemberSeen[] {
  return seen.members.filter((member) => {
    const { report, session } = member;
    if (except.includes(member.node) || report === undefined || report.state === "Inactive") return false;
    const { verdict } = session;
    if (verdict.state === "Ended") return false;
    if (verdict.session === undefined) return verdict.state !== "Revocable";
    return verdict.session === report.session;
  });
}
