/**
 * Who takes the group: the first member in order that may be granted it. Pure.
 */
import { homeRegion, refusalOf } from "./checks-members.ts";
import { isMaintenanceDue } from "./maintenance.ts";
import type { MemberSeen, Seen } from "./seen.ts";
import { isZoneDown } from "./zone-view.ts";

export interface Choice {
  readonly node: string;
  /** Session to which the grant is bound. */
  readonly session: string;
}

export interface Wish {
  /** Taken before all others when it may be granted the group. */
  readonly prefer?: string;
  /** Never taken. */
  readonly except?: string;
  /** Nobody else is taken. */
  readonly only?: string;
  /** Nobody outside these is taken. */
  readonly among?: readonly string[];
  /** The group is down: a member on which it failed before is better than nobody. */
  readonly isLastResort?: boolean;
}

export function chooseCandidate(seen: Seen, wallMs: number, wish: Wish): Choice | undefined {
  const { except, only, among } = wish;
  const ordered = inOrder(seen, wallMs, wish.prefer).filter(
    ({ node }) =>
      node !== except && (only === undefined || node === only) && (among === undefined || among.includes(node)),
  );
  const refusals = new Map(
    ordered.map((member) => [member, refusalOf(seen, member, wallMs, member.node === wish.prefer)]),
  );
  const fit = ordered.find((member) => refusals.get(member) === undefined);
  const exhausted = ordered.find((member) => refusals.get(member)?.reason === "AttemptsExhausted");
  const chosen = fit ?? (wish.isLastResort === true ? exhausted : undefined);
  const session = chosen?.session.verdict.session;
  return chosen === undefined || session === undefined ? undefined : { node: chosen.node, session };
}

/**
 * The spec's order; the preferred member and, under `PreferRegion`, the own region first; who is about to go down for
 * maintenance, or in a zone that does not work, last.
 */
function inOrder(seen: Seen, wallMs: number, prefer: string | undefined): MemberSeen[] {
  const home = seen.group.spec.failover.scope === "PreferRegion" ? homeRegion(seen) : undefined;
  const rank = (member: MemberSeen): number => {
    if (member.node === prefer) return -1;
    const isFar = home !== undefined && member.nodeObject?.region !== home;
    const isGoing = isMaintenanceDue(seen, member, wallMs) || isZoneDown(seen.zone, member.providerIds);
    return (isGoing ? 2 : 0) + (isFar ? 1 : 0);
  };
  return seen.members
    .filter((member) => member.position !== undefined)
    .toSorted((a, b) => rank(a) - rank(b) || (a.position ?? 0) - (b.position ?? 0));
}

/** Members before `node` in the list that are not there yet, for which a cold start waits. */
export function earlierMembersMissing(seen: Seen, node: string, wallMs: number): string[] {
  const position = seen.members.find((member) => member.node === node)?.position ?? 0;
  return seen.members
    .filter((member) => member.position !== undefined && member.position < position)
    .filter((member) => {
      const reason = refusalOf(seen, member, wallMs)?.reason;
      return reason === "SessionMissing" || reason === "NodeMissing";
    })
    .map((member) => member.node);
}
