/**
 * `force-promote`: a person chooses the member that takes the group, past what failover alone may do. Never past the one
 * rule that matters: the old holder must be down, by proof or by the person's own word that names it (amendment A6).
 *
 *   report, release, new life, fencing   proof
 *   expiry                               proof only towards a member that the holder had to ask, and not where the group
 *                                        demands more (fencing Required)
 *   off=NODE@EPOCH                       the person's word; not believed while the session is renewed or a peer hears it
 *
 * The request carries the epoch that the person saw, so that an old one cannot be replayed. Pure.
 */
import { ALL_RULES } from "../../lib/safety-rules.ts";
import { grantBlocker } from "./checks-group.ts";
import { isSessionUnseen, memberRecord, refusalOf } from "./checks-members.ts";
import type { Draft } from "./draft.ts";
import { fencingOf } from "./fencing-target.ts";
import { type Holder, otherClaimants, vetoes } from "./holder.ts";
import type { Choice } from "./plan-candidates.ts";
import { type MemberSeen, memberOf, type Seen } from "./seen.ts";
import type { MemberReason } from "./types.ts";

export interface ForceRequest {
  readonly node: string;
  /** `status.epoch` as the person saw it. */
  readonly epoch: number;
  readonly off?: { readonly node: string; readonly epoch: number };
}

export type ForceDecision =
  | { readonly decision: "Refuse"; readonly why: string }
  /** This leader has not seen enough to tell. */
  | { readonly decision: "Wait" }
  | { readonly decision: "Done"; readonly how: string }
  | { readonly decision: "Promote"; readonly choice: Choice; readonly holder: Holder; readonly basis: string };

const NAME = "[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?";
const VALUE = new RegExp(`^(${NAME})@([0-9]{1,15})(?:,off=(${NAME})@([0-9]{1,15}))?$`);

/** Undefined: not `<node>@<epoch>[,off=<node>@<epoch>]`. */
export function parseForce(value: string): ForceRequest | undefined {
  const [, node, epoch, offNode, offEpoch] = VALUE.exec(value) ?? [];
  if (node === undefined) return undefined;
  const request = { node, epoch: Number(epoch) };
  return offNode === undefined ? request : { ...request, off: { node: offNode, epoch: Number(offEpoch) } };
}

/** What failover alone respects, and a person may override by name. */
const OVERRIDDEN: readonly MemberReason[] = ["NotInSync", "OutOfScope", "AttemptsExhausted"];

export function decideForce(draft: Draft, value: string): ForceDecision {
  const { seen, status, holder } = draft;
  const request = parseForce(value);
  if (request === undefined) {
    const found = value === "" ? "nothing" : value;
    return refuse(`expected <node>@<status.epoch>[,off=<active.node>@<active.epoch>], found ${found}`);
  }
  const epoch = status.epoch ?? 0;
  if (request.epoch !== epoch) {
    return refuse(
      `the request is about epoch ${request.epoch}, the group is at ${epoch}: look at it again and ask anew`,
    );
  }
  if (status.hold !== undefined && status.hold.reason !== "DataDecision")
    return refuse(`the group is held (${status.hold.reason}); annotate understudy.dev/start first`);
  const member = memberOf(seen, request.node);
  if (member?.position === undefined) return refuse(`${request.node} is not a member of the group`);
  if (holder.state === "Holding" && holder.node === request.node && holder.isHeard)
    return { decision: "Done", how: `the group is already on ${request.node}` };
  const holding = holder.state === "None" ? undefined : memberOf(seen, holder.node);
  if (isSessionUnseen(member) || (holding !== undefined && isSessionUnseen(holding))) return { decision: "Wait" };
  const end = endOfHolder(draft, request);
  return "why" in end ? refuse(end.why) : decideCandidate(draft, member, end);
}

interface ProvenEnd {
  readonly holder: Holder;
  readonly basis: string;
}

function endOfHolder(draft: Draft, request: ForceRequest): ProvenEnd | { readonly why: string } {
  const { holder, seen } = draft;
  switch (holder.state) {
    case "None":
      return { holder, basis: "nobody held the group" };
    case "Down":
      return { holder, basis: `${holder.node} is proven down (${holder.proof})` };
    case "Vetoed":
      return { why: promised(holder.by, holder.node) };
    case "Holding": {
      if (holder.isHeard) return { why: `the session of ${holder.node} is being renewed: it is not off` };
      const by = draft.status.active === undefined ? [] : vetoes(seen.members, draft.status.active);
      if (by.length > 0) return { why: promised(by, holder.node) };
      return byWord(draft, request, holder.node, "its session is silent, which proves nothing");
    }
    case "Revocable":
      if (holder.end === "Fenced") return { holder, basis: `${holder.node} is proven off` };
      return byExpiry(seen, holder.node, request.node)
        ? { holder, basis: `the session of ${holder.node} expired` }
        : byWord(draft, request, holder.node, NOT_BY_EXPIRY);
    case "Expired":
      return byExpiry(seen, holder.node, request.node)
        ? { holder, basis: `the session of ${holder.node} expired` }
        : byWord(draft, request, holder.node, NOT_BY_EXPIRY);
  }
}

function promised(by: readonly string[], node: string): string {
  return `${by.join(", ")} promised ${node} to keep off: it was heard lately. Ask again once that is over`;
}

const NOT_BY_EXPIRY = "its session expired, which does not prove it down for this member";

/** Expiry proves the holder down only towards whom it had to ask for a promise (A6), and only where that is enough. */
function byExpiry(seen: Seen, holder: string, node: string): boolean {
  const { rules = ALL_RULES } = seen.settings;
  if (!rules.expiryIsNoProofForForce) return true;
  if (fencingOf(seen)?.policy === "Required") return false;
  const record = memberRecord(seen);
  const isAsked = record?.reporter === holder && record.members.includes(node);
  const disks = seen.resources.filter(({ kind }) => kind === "MirrorDisk");
  return isAsked && disks.every(({ object }) => object?.inSync?.includes(node) === true);
}

function byWord(draft: Draft, { off }: ForceRequest, node: string, why: string): ProvenEnd | { readonly why: string } {
  const grant = draft.status.active;
  const member = memberOf(draft.seen, node);
  if (grant === undefined || member === undefined) return { why: `${node} holds nothing` };
  const wanted = `off=${grant.node}@${grant.epoch}`;
  if (off === undefined)
    return {
      why: `${node} is not proven down: ${why}. Switch it off, then state that by adding ,${wanted} to the request`,
    };
  if (off.node !== grant.node || off.epoch !== grant.epoch)
    return { why: `off=${off.node}@${off.epoch} does not name the holder; ${wanted} would` };
  const { lease } = member.session;
  const holder: Holder = { state: "Revocable", node, session: grant.session, end: "Fenced", lease, sinceMs: undefined };
  return { holder, basis: `on the requester's word that ${node} is off under epoch ${grant.epoch}` };
}

/** The candidate is judged as if the holder were proven down, which is what the grant rests on. */
function decideCandidate(draft: Draft, member: MemberSeen, { holder, basis }: ProvenEnd): ForceDecision {
  const seen = holder.state === "Revocable" && holder.end === "Fenced" ? withEnd(draft.seen, holder) : draft.seen;
  const refusal = refusalOf(seen, memberOf(seen, member.node) ?? member, draft.now.wallMs, true);
  if (refusal !== undefined && !OVERRIDDEN.includes(refusal.reason))
    return refuse(`${member.node} cannot take the group: ${refusal.reason}: ${refusal.message}`);
  const blocker = grantBlocker(draft.seen);
  if (blocker !== undefined) return refuse(blocker.message);
  const known = holder.state === "None" ? [member.node] : [member.node, holder.node];
  const [claimant] = otherClaimants(draft.seen, known);
  if (claimant !== undefined)
    return refuse(
      `${claimant.node} reports epoch ${claimant.report?.epoch} ${claimant.report?.state}: it is not proven down`,
    );
  const { verdict } = member.session;
  if (verdict.state !== "Live") return refuse(`${member.node} has no live session`);
  return { decision: "Promote", choice: { node: member.node, session: verdict.session }, holder, basis };
}

function withEnd(seen: Seen, holder: Extract<Holder, { state: "Revocable" }>): Seen {
  const verdict = { state: "Ended", session: holder.session, end: "Fenced" } as const;
  const members = seen.members.map((member) =>
    member.node === holder.node ? { ...member, session: { ...member.session, verdict } } : member,
  );
  return { ...seen, members };
}

function refuse(why: string): ForceDecision {
  return { decision: "Refuse", why };
}
