/**
 * What the members' words about isolation targets mean together (DESIGN 4.8). A member that reaches none may have lost its
 * network, or the targets may be down; only another member that reaches one tells the two apart. Hence one rule for who
 * leaves and for who is not chosen: nobody is isolated while nobody reaches anything.
 *
 * Pure. Must never do: take "not checked", or a word under another session, for a loss.
 */
import { parseDurationMs } from "../../lib/duration.ts";
import type { MemberSeen, Seen } from "./seen.ts";

/** For a report to be written and seen, in milliseconds. */
const REPORT_MS = 1_000;

/** The member said in its session in force that it reaches no target, and the targets are known to be up. */
export function isIsolated(seen: Seen, { report, session }: MemberSeen): boolean {
  if (seen.group.spec.isolation === undefined || report?.isolation !== "Lost") return false;
  return report.session === session.verdict.session && areTargetsUp(seen);
}

/** Members in the spec that live and reach a target now, in their order. */
export function membersThatReach(seen: Seen): MemberSeen[] {
  if (seen.group.spec.isolation === undefined) return [];
  return seen.members.filter(
    ({ position, report, session: { verdict } }) =>
      position !== undefined &&
      verdict.state === "Live" &&
      report?.isolation === "Reached" &&
      report.session === verdict.session,
  );
}

/**
 * Somebody reaches a target; or the last holder did, in the last it was heard to say: its death says nothing about the
 * network of those that did not reach one before it.
 */
export function areTargetsUp(seen: Seen): boolean {
  if (membersThatReach(seen).length > 0) return true;
  const epochs = seen.members.map(({ report }) => report?.epoch ?? 0);
  const last = Math.max(0, ...epochs);
  return last > 0 && seen.members.some(({ report }) => report?.epoch === last && report.isolation === "Reached");
}

/**
 * How long a holder must be seen isolated before the group leaves it, in milliseconds. Members ask at different moments:
 * when the targets themselves go down (or come back), the last member learns it one round after the first.
 */
export function confirmationMs(seen: Seen): number {
  const { interval = "", timeout = "" } = seen.group.spec.isolation ?? {};
  return (parseDurationMs(interval) ?? 0) + (parseDurationMs(timeout) ?? 0) + REPORT_MS;
}

/** What people should know about it: one sentence per member that reaches nothing, or cannot tell. */
export function isolationSentences(seen: Seen): string[] {
  const reaching = membersThatReach(seen).map(({ node }) => node);
  return seen.members.flatMap(({ node, report, session: { verdict } }) => {
    const word = report?.session === verdict.session ? report?.isolation : undefined;
    if (seen.group.spec.isolation === undefined || word === undefined || word === "Reached") return [];
    if (word === "NotChecked")
      return [`${node} cannot tell whether it reaches its isolation targets; its log says why`];
    const others = reaching.length > 0 ? `${reaching.join(", ")} does` : "nor does anybody: they count as down";
    return [`${node} reaches none of its isolation targets; ${others}`];
  });
}
