/**
 * When a machine is stopped to prove its member off, and what the group does meanwhile. Pure.
 *
 *   heard ──silent for rho*(R+S)+M, no promise to it──> Fencing ──proof──> its session is ended as Fenced, grant
 *                                                          └──BestEffort: timeout──> by expiry
 *
 * A holder that works has by then taken everything down or lives on promises, which its peers report: whoever is left is
 * crashed, frozen or cut off from all. Somebody must be able to take over, judged as if the holder were already proven
 * off: the last healthy member is never shot, and none is shot for nothing.
 * Must never do: count silence across a gap in the reads (an API outage shoots nobody, nor does its end: reads that have
 * only begun again give everybody rho*L+M).
 */
import type { Fencing } from "../../api/generated/types.ts";
import { formatDuration, parseDurationMs } from "../../lib/duration.ts";
import { vmText } from "../../cloud/fencing-ports.ts";
import type { Draft } from "./draft.ts";
import { fenceTargetOf, fencingOf, identityOf, isGraceful } from "./fencing-target.ts";
import type { FenceOrder, FenceView } from "./fencing-view.ts";
import { type Grant, holderOf, vetoes } from "./holder.ts";
import type { Choice } from "./plan-candidates.ts";
import { type MemberSeen, memberOf, type Seen } from "./seen.ts";

/** A holder of which nothing is heard and whose end nobody has proven. */
export interface SilentHolder {
  readonly fencing: Fencing;
  readonly member: MemberSeen;
  readonly grant: Grant;
  /** Since when it is silent, on the leader's monotonic clock; absent while reads are broken. */
  readonly silentAtMs: number | undefined;
}

/** An order that came to nothing is given anew after so long, in milliseconds. */
const REORDER_MS = 250;
/** Another group's credentials are tried when those of the order under way have failed for so long, in milliseconds. */
const OTHER_IDENTITY_MS = 5_000;
/** Something that passes by itself gets so long before a person is called, in milliseconds. */
const PATIENCE_MS = 30_000;

/** Undefined: the holder is heard, proven down, or only expiry counts. */
export function silentHolder(draft: Draft): SilentHolder | undefined {
  const { holder, seen } = draft;
  const fencing = fencingOf(seen);
  const grant = seen.group.status?.active;
  if (fencing === undefined || grant === undefined) return undefined;
  const isUnproven =
    (holder.state === "Holding" && !holder.isHeard) ||
    (holder.state === "Revocable" && holder.end === "Expired") ||
    holder.state === "Expired";
  const member = memberOf(seen, grant.node);
  if (!isUnproven || member === undefined) return undefined;
  return { fencing, member, grant, silentAtMs: silentAfterPauseMs(seen, member) };
}

/** A machine that stands still as its cloud announced is not shot for it. */
function silentAfterPauseMs(seen: Seen, { session }: MemberSeen): number | undefined {
  const { silentAtMs, pausingUntilMs } = session;
  if (silentAtMs === undefined || pausingUntilMs === undefined) return silentAtMs;
  return seen.group.spec.scheduledEvents?.action === "Act" ? Math.max(silentAtMs, pausingUntilMs) : silentAtMs;
}

/** Whether the grant of a lost holder's group must wait for proof; under BestEffort only until `timeout`. */
export function mustAwaitProof(draft: Draft): boolean {
  const silent = silentHolder(draft);
  if (silent === undefined || draft.holder.state === "Holding") return false;
  if (silent.fencing.policy === "Required") return true;
  const leftMs = timeLeftMs(draft, silent);
  if (leftMs !== undefined && leftMs <= 0) return false;
  if (leftMs !== undefined) draft.lookAgainMs.push(leftMs);
  return true;
}

/** Undefined while it cannot be counted. */
function timeLeftMs(draft: Draft, { fencing, silentAtMs }: SilentHolder): number | undefined {
  if (silentAtMs === undefined) return undefined;
  return silentAtMs + (parseDurationMs(fencing.timeout) ?? 0) - draft.now.monotonicMs;
}

/** The draft as it will be once the holder is proven off: who takes over is chosen in it. */
export function asIfFenced(draft: Draft, { member, grant }: SilentHolder): Draft {
  const session = { ...member.session, verdict: { state: "Ended", session: grant.session, end: "Fenced" } as const };
  const members = draft.seen.members.map((other) => (other === member ? { ...member, session } : other));
  const seen: Seen = { ...draft.seen, members };
  return { ...draft, seen, holder: holderOf(seen), before: [], after: [], blocked: undefined };
}

/** Orders the proof that `silent` is off, for `choice` to take over, and says how far it is. */
export function planFence(draft: Draft, silent: SilentHolder, choice: Choice): void {
  const { seen, now } = draft;
  const { fencing, member, grant, silentAtMs } = silent;
  if (vetoes(seen.members, grant).length > 0) return;
  const target = fenceTargetOf(fencing, member);
  if (!target.ok) return tellUnproven(draft, silent, target.message, true);
  if (silentAtMs === undefined || silentAtMs > now.monotonicMs) {
    if (silentAtMs !== undefined) draft.lookAgainMs.push(silentAtMs - now.monotonicMs);
    return;
  }
  if (memberOf(seen, choice.node)?.session.facts?.isWaitingAfterBoot === true) return;
  const { namespace = "", name } = seen.group.metadata;
  const order: FenceOrder = {
    group: { namespace, name },
    node: member.node,
    session: grant.session,
    epoch: grant.epoch,
    leaseVersion: member.session.lease?.metadata.resourceVersion,
    candidate: choice,
    vm: target.vm,
    isGraceful: isGraceful(fencing),
    identity: identityOf(seen, fencing),
  };
  const orderAgainMs = delayOfOrder(member.fence, order, now.monotonicMs);
  if (orderAgainMs === 0) draft.before.push({ do: "Fence", order });
  else if (orderAgainMs !== undefined) draft.lookAgainMs.push(orderAgainMs);
  const view = member.fence.phase === "Working" ? member.fence : undefined;
  const what = `machine ${vmText(target.vm)} of ${member.node} is being stopped for ${choice.node} to take over`;
  if (view?.problem === undefined) {
    const word = view?.detail === undefined ? "" : ` (${view.detail})`;
    return tellUnproven(draft, silent, `${what}${word}`, false);
  }
  const isLasting = view.problem.isFinal || now.monotonicMs - view.problem.sinceMs >= PATIENCE_MS;
  tellUnproven(draft, silent, `${what}, and there is no proof yet: ${view.problem.message}`, isLasting);
}

/** 0: order now; undefined: what is under way serves. */
function delayOfOrder(view: FenceView, order: FenceOrder, nowMs: number): number | undefined {
  if (view.phase === "Idle") return 0;
  const isSameSession = view.order.session === order.session && view.order.leaseVersion === order.leaseVersion;
  if (!isSameSession || view.phase === "Proven") return 0;
  if (view.phase === "Dropped") return Math.max(0, view.atMs + REORDER_MS - nowMs);
  const isOurs = view.order.group.namespace === order.group.namespace && view.order.group.name === order.group.name;
  if (isOurs) return JSON.stringify(view.order) === JSON.stringify(order) ? undefined : 0;
  const failedSinceMs = view.problem?.isFinal === true ? view.problem.sinceMs : undefined;
  if (failedSinceMs === undefined || JSON.stringify(view.order.identity) === JSON.stringify(order.identity))
    return undefined;
  return Math.max(0, failedSinceMs + OTHER_IDENTITY_MS - nowMs);
}

/** What the conditions say while proof is awaited; a person is called when it does not come by itself. */
function tellUnproven(draft: Draft, silent: SilentHolder, message: string, needsPerson: boolean): void {
  const leftMs = timeLeftMs(draft, silent);
  const isLate = leftMs !== undefined && leftMs <= 0;
  const isBestEffort = silent.fencing.policy === "BestEffort";
  const until = isBestEffort
    ? `; without proof its expired session counts ${silent.fencing.timeout} after it fell silent`
    : "";
  const after = isLate && !needsPerson ? `; that takes longer than ${silent.fencing.timeout}` : "";
  draft.fencing = { node: silent.member.node, message: `${message}${after}${until}` };
  if (leftMs !== undefined && leftMs > 0) draft.lookAgainMs.push(leftMs);
  if (isBestEffort || !(needsPerson || isLate)) return;
  draft.blocked = { reason: "Blocked", stalled: "FenceUnproven", message: `${message}${after}` };
}

/** `detect` and `fence` of the history, from the proof that ends the session. */
export function fenceTimes(member: MemberSeen | undefined): { detect?: string; fence?: string } {
  const fence = member?.fence;
  if (fence?.phase !== "Proven") return {};
  const changedAtMs = member?.session.changedAtMs;
  return {
    ...(changedAtMs === undefined ? {} : { detect: formatDuration(Math.max(0, fence.startedMs - changedAtMs)) }),
    fence: formatDuration(fence.provenMs - fence.startedMs),
  };
}

/** The group is Ready elsewhere: machines that were stopped for it are started again, if it says so. */
export function considerBoot(draft: Draft): void {
  const { seen } = draft;
  const { fencing } = seen.group.spec;
  if (fencing?.afterwards !== "Start") return;
  const { namespace = "", name } = seen.group.metadata;
  for (const member of seen.members) {
    const { verdict } = member.session;
    if (verdict.state !== "Ended" || verdict.end !== "Fenced" || member.position === undefined) continue;
    if (member.nodeObject?.isOutOfService === true || member.isBooted) continue;
    const target = fenceTargetOf(fencing, member);
    if (!target.ok) continue;
    const { node } = member;
    const order = { group: { namespace, name }, node, session: verdict.session, vm: target.vm };
    draft.before.push({ do: "Boot", order: { ...order, identity: identityOf(seen, fencing) } });
  }
}
