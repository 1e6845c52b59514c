/**
 * Promises (DESIGN 4.6) as a pure machine: how a holder that cannot renew goes on with the consent of everybody who
 * could take over, and how this node keeps its word to other holders.
 *
 *   holder:   no renewal for 2/3 R ──ask, nonce──> every member of every active group ──all answer this ask──> right counts
 *             from the ask
 *   promiser: ask ──neither active, nor noted as newer, nor over──> recorded durably ──> answered ──rho*L + M──> Lapsed
 *                                                                                        └──holder says down──> Down
 *
 * Must never: count an answer for another ask than its own (A8), or a round without the answer of one member that had to
 * be asked; answer before the promise is durable; promise what is active or noted as newer here.
 */
import { CLOCK_RATE_BOUND, type Timings } from "../../api/timings.ts";
import { assert, unreachable } from "../../lib/assert.ts";
import type { Instant } from "../../lib/clock.ts";
import { type GroupEpoch, GROUPS_PER_MESSAGE, type PromiseMessage } from "./promise-messages.ts";
import {
  type AskSet,
  type DownNotice,
  formerTimings,
  type GivenPromise,
  isOpen,
  memberPromise,
  nearestDeadlineMs,
  type PromiseContext,
  type PromiseEffect,
  type PromiseEvent,
  type PromiseRecord,
  type PromiseState,
  type Round,
  widestSession,
} from "./promise-state.ts";
import type { GrantRef } from "../guard-protocol.ts";

/**
 * Part of R after which promises are asked for. Late enough that one slow renewal asks for none (a promise delays the
 * successor if the holder dies now), early enough for a second ask before R.
 */
const ASK_AFTER = 2 / 3;
/** Rounds whose answers may still come; within R no more are begun. */
const MAX_ROUNDS = 16;
/** Groups a node can promise about, and answers that wait for the disk. */
const MAX_GIVEN = 5_000;
const MAX_PENDING = 256;

interface Draft {
  state: PromiseState;
  readonly effects: PromiseEffect[];
  readonly context: PromiseContext;
  readonly now: Instant;
}

export interface PromiseStep {
  readonly state: PromiseState;
  readonly effects: readonly PromiseEffect[];
}

export function stepPromises(
  state: PromiseState,
  event: PromiseEvent,
  context: PromiseContext,
  now: Instant,
): PromiseStep {
  const draft: Draft = { state, effects: [], context, now };
  apply(draft, event);
  lapse(draft);
  ask(draft);
  tellDowns(draft);
  return { state: draft.state, effects: draft.effects };
}

function apply(draft: Draft, event: PromiseEvent): void {
  switch (event.type) {
    case "tick":
      return;
    case "pauseFound":
      return change(draft, { rounds: [] });
    case "received":
      // What it says about itself must be said under the session that signed it.
      if (event.message.type !== "ask" || event.message.session === event.senderSession)
        received(draft, event.node, event.message);
      return;
    case "newSession":
      return newSession(draft, event.node, event.session);
    case "stored":
      return stored(draft, event.storeId, event.isDurable);
    case "mustAsk":
      return mustAsk(draft, event.set);
    case "timings":
      return timingsChanged(draft, event.timings);
    case "down":
      return ownDown(draft, event.grant);
    default:
      return unreachable(event);
  }
}

function timingsChanged(draft: Draft, timings: Timings): void {
  const nowMs = draft.now.monotonicMs;
  const before = draft.state.timings;
  // A second change within one duration: what was widest stays so.
  const widest = formerTimings(draft.state, nowMs) ?? before;
  const former = widest.sessionDurationMs > before.sessionDurationMs ? widest : before;
  const longestMs = Math.max(former.sessionDurationMs, timings.sessionDurationMs);
  const untilMs = nowMs + CLOCK_RATE_BOUND * longestMs + Math.max(former.marginMs, timings.marginMs);
  change(draft, { timings, former: { timings: former, untilMs } });
}

function received(draft: Draft, node: string, message: PromiseMessage): void {
  switch (message.type) {
    case "ask":
      return asked(draft, node, message);
    case "promise":
      return promised(draft, node, message.nonce, message.groupUids);
    case "down":
      for (const group of message.groups) peerDown(draft, node, message.session, group);
      return;
    default:
      return unreachable(message);
  }
}

// ---- the promiser

function asked(draft: Draft, node: string, message: Extract<PromiseMessage, { type: "ask" }>): void {
  if (!draft.context.canAnswer) return;
  const { rules } = draft.state;
  const own = widestSession(draft.state, draft.now.monotonicMs);
  // The larger of what both publish: the asker may count its own L, whatever this node lives by.
  const sessionMs = Math.max(own.sessionDurationMs, message.sessionDurationMs);
  const rate = rules.promiseBindsWithRho ? CLOCK_RATE_BOUND : 1;
  const bindMs = rate * sessionMs + Math.max(own.marginMs, message.marginMs);
  const granted = message.groups.filter((group) => mayPromise(draft, node, message.session, group));
  if (granted.length === 0) return;
  for (const group of granted) give(draft, { ...group, node, session: message.session, bindMs });
  const promises = granted
    .map(({ groupUid }) => draft.state.given.get(groupUid))
    .filter((given) => given !== undefined);
  if (promises.every((given) => given.isDurable)) return answer(draft, node, message.nonce, promises);
  if (draft.state.pending.length >= MAX_PENDING) return;
  const storeId = store(draft);
  change(draft, { pending: [...draft.state.pending, { storeId, node, nonce: message.nonce, promises }] });
}

function mayPromise(draft: Draft, node: string, session: string, group: GroupEpoch): boolean {
  const { context, state, now } = draft;
  if (context.active.some((grant) => grant.groupUid === group.groupUid)) return false;
  // A newer grant that this node has noted: its activation may be under way.
  if (context.notedEpoch(group.groupUid) >= group.epoch) return false;
  const given = state.given.get(group.groupUid);
  if (given === undefined) return state.given.size < MAX_GIVEN;
  const isSame = given.node === node && given.session === session && given.epoch === group.epoch;
  if (isSame) return given.state !== "Down";
  return group.epoch > given.epoch || (group.epoch === given.epoch && !isOpen(given, now.monotonicMs));
}

/** From this moment nothing of the group is activated here, whether or not the answer ever leaves. */
function give(draft: Draft, wanted: PromiseRecord): void {
  const nowMs = draft.now.monotonicMs;
  const before = draft.state.given.get(wanted.groupUid);
  const restMs = before !== undefined && isOpen(before, nowMs) ? before.bindMs - (nowMs - before.sinceMs) : 0;
  const bindMs = Math.max(wanted.bindMs, restMs);
  const isSame = before !== undefined && isSamePromise(before, wanted) && before.state === "Open";
  const isDurable = isSame && before.isDurable && before.bindMs >= bindMs;
  const given: GivenPromise = {
    ...wanted,
    bindMs: isDurable ? before.bindMs : bindMs,
    sinceMs: nowMs,
    state: "Open",
    isDurable,
  };
  setGiven(draft, given);
  if (!isSame) report(draft, given);
}

function isSamePromise(left: PromiseRecord, right: PromiseRecord): boolean {
  return left.node === right.node && left.session === right.session && left.epoch === right.epoch;
}

function stored(draft: Draft, storeId: number, isDurable: boolean): void {
  const { pending } = draft.state;
  change(draft, { pending: pending.filter((answer) => answer.storeId !== storeId) });
  // What could not be stored still binds this node; it is only not answered.
  if (!isDurable) return;
  for (const { node, nonce, promises } of pending.filter((waiting) => waiting.storeId === storeId)) {
    const kept = promises.filter((promise) => isStillGiven(draft, promise));
    for (const { groupUid } of kept) markDurable(draft, groupUid);
    answer(draft, node, nonce, kept);
  }
}

function markDurable(draft: Draft, groupUid: string): void {
  const given = draft.state.given.get(groupUid);
  if (given !== undefined) setGiven(draft, { ...given, isDurable: true });
}

/** Nothing that was learnt while it was being written speaks against answering it. */
function isStillGiven(draft: Draft, promise: PromiseRecord): boolean {
  const given = draft.state.given.get(promise.groupUid);
  const isSame = given !== undefined && isSamePromise(given, promise) && given.bindMs <= promise.bindMs;
  return isSame && given.state === "Open" && draft.context.notedEpoch(promise.groupUid) < promise.epoch;
}

/** It binds from the answer on. */
function answer(draft: Draft, node: string, nonce: string, promises: readonly PromiseRecord[]): void {
  const groupUids = promises.map((promise) => promise.groupUid);
  if (groupUids.length === 0) return;
  for (const uid of groupUids) {
    const given = draft.state.given.get(uid);
    assert(given?.isDurable === true, "a promise is durable before it is answered");
    setGiven(draft, { ...given, sinceMs: draft.now.monotonicMs });
  }
  draft.effects.push({ type: "send", node, message: { type: "promise", nonce, groupUids } });
}

/** The holder itself says that this epoch is over there: the promise has nothing left to protect. */
function peerDown(draft: Draft, node: string, session: string, group: GroupEpoch): void {
  const given = draft.state.given.get(group.groupUid);
  if (given?.node !== node || given.session !== session || given.epoch > group.epoch || given.state === "Down") return;
  endGiven(draft, { ...given, state: "Down" });
}

function newSession(draft: Draft, node: string, session: string): void {
  for (const given of draft.state.given.values())
    if (given.node === node && given.session !== session && given.state === "Open")
      endGiven(draft, { ...given, state: "Down" });
}

function lapse(draft: Draft): void {
  for (const given of draft.state.given.values())
    if (given.state === "Open" && !isOpen(given, draft.now.monotonicMs)) endGiven(draft, { ...given, state: "Lapsed" });
}

function endGiven(draft: Draft, ended: GivenPromise): void {
  setGiven(draft, ended);
  report(draft, ended);
  store(draft);
}

function report(draft: Draft, given: GivenPromise): void {
  draft.effects.push({ type: "report", groupUid: given.groupUid, promise: memberPromise(given) });
}

function store(draft: Draft): number {
  const storeId = draft.state.storeCount + 1;
  change(draft, { storeCount: storeId });
  const records = [...draft.state.given.values()]
    .filter((given) => given.state === "Open")
    .map(({ groupUid, node, session, epoch, bindMs }) => ({ groupUid, node, session, epoch, bindMs }));
  draft.effects.push({ type: "store", storeId, records });
  return storeId;
}

function setGiven(draft: Draft, given: GivenPromise): void {
  change(draft, { given: new Map(draft.state.given).set(given.groupUid, given) });
}

// ---- the holder

/** Whether the set may become `set` now: growth needs a right that rests on the session (A3). */
export function mayBecome(state: PromiseState, set: AskSet, context: PromiseContext): boolean {
  if (!state.rules.growthRestsOnSession || !isGrowth(state, set)) return true;
  return context.session !== undefined && context.restsOnSession;
}

function isGrowth(state: PromiseState, set: AskSet): boolean {
  const before = state.askSets.get(set.groupUid);
  return before?.epoch !== set.epoch || set.members.some((member) => !before.members.includes(member));
}

function mustAsk(draft: Draft, set: AskSet): void {
  const { state } = draft;
  const isVoiding = isGrowth(state, set) && state.rules.growthRestsOnSession;
  change(draft, { askSets: new Map(state.askSets).set(set.groupUid, set), ...(isVoiding ? { rounds: [] } : {}) });
}

/** Asks when no renewal succeeded for 2/3 R, and again every interval until one does. */
function ask(draft: Draft): void {
  const { context, state, now } = draft;
  const { timings } = state;
  const isNeeded =
    context.session !== undefined &&
    context.active.length > 0 &&
    context.sinceRenewalMs >= ASK_AFTER * Math.min(context.renewDeadlineMs, nearestDeadlineMs(state, now.monotonicMs));
  if (!isNeeded) return state.rounds.length > 0 ? change(draft, { rounds: [] }) : undefined;
  if (state.lastAskMs !== undefined && now.monotonicMs - state.lastAskMs < timings.renewIntervalMs) return;
  const asks = groupsByMember(draft);
  if (asks === undefined) return;
  const nonce = `${state.lifeId}.${state.roundCount + 1}`;
  const missing = new Set(
    [...asks].flatMap(([member, groups]) => groups.map((group) => `${member} ${group.groupUid}`)),
  );
  const covers = new Set(context.active.map(coverOf));
  const round: Round = { nonce, askedAt: now, missing, size: missing.size, covers };
  change(draft, {
    roundCount: state.roundCount + 1,
    lastAskMs: now.monotonicMs,
    rounds: [...state.rounds, round].slice(-MAX_ROUNDS),
  });
  for (const [member, groups] of asks) sendAsk(draft, member, nonce, groups);
  completeRounds(draft);
}

/** Whom to ask about what; undefined when somebody who must be asked is not known or cannot be reached by name. */
function groupsByMember(draft: Draft): Map<string, GroupEpoch[]> | undefined {
  const { context, state } = draft;
  const asks = new Map<string, GroupEpoch[]>();
  for (const { groupUid, epoch } of context.active) {
    const set = state.askSets.get(groupUid);
    if (set?.epoch !== epoch) return undefined;
    for (const member of set.members) {
      if (member === state.node) continue;
      if (!context.isPeer(member)) return undefined;
      asks.set(member, [...(asks.get(member) ?? []), { groupUid, epoch }]);
    }
  }
  return asks;
}

function sendAsk(draft: Draft, node: string, nonce: string, groups: readonly GroupEpoch[]): void {
  const { sessionDurationMs, marginMs } = widestSession(draft.state, draft.now.monotonicMs);
  const session = draft.context.session ?? "";
  for (let at = 0; at < groups.length; at += GROUPS_PER_MESSAGE) {
    const part = groups.slice(at, at + GROUPS_PER_MESSAGE);
    const message = { type: "ask", nonce, session, sessionDurationMs, marginMs, groups: part } as const;
    draft.effects.push({ type: "send", node, message });
  }
}

function promised(draft: Draft, node: string, nonce: string, groupUids: readonly string[]): void {
  const answered = new Set(groupUids.map((uid) => `${node} ${uid}`));
  const rounds = draft.state.rounds.map((round) =>
    round.nonce === nonce ? { ...round, missing: without(round.missing, answered) } : round,
  );
  change(draft, { rounds });
  completeRounds(draft);
}

function without(set: ReadonlySet<string>, removed: ReadonlySet<string>): Set<string> {
  return new Set([...set].filter((entry) => !removed.has(entry)));
}

function coverOf(grant: GroupEpoch): string {
  return `${grant.groupUid} ${grant.epoch}`;
}

/** The latest complete round decides; those before it add nothing. */
function completeRounds(draft: Draft): void {
  const { rounds, rules } = draft.state;
  const active = draft.context.active.map(coverOf);
  const hasAnswers = (round: Round): boolean =>
    rules.allMustPromise ? round.missing.size === 0 : round.missing.size * 2 <= round.size;
  const isComplete = (round: Round): boolean => hasAnswers(round) && active.every((group) => round.covers.has(group));
  const at = rounds.findLastIndex(isComplete);
  const round = rounds[at];
  if (round === undefined) return;
  change(draft, { rounds: rounds.slice(at + 1) });
  const askedAt = rules.countsFromSend ? round.askedAt : draft.now;
  draft.effects.push({ type: "roundComplete", askedAt });
}

// ---- "epoch N is down"

function ownDown(draft: Draft, grant: GrantRef): void {
  const { state, now } = draft;
  const { groupUid, epoch, session } = grant;
  const askSets = new Map(state.askSets);
  if (askSets.get(groupUid)?.epoch === epoch) askSets.delete(groupUid);
  change(draft, { askSets, rounds: [] });
  // Nobody was asked for a promise, so nobody has one to end.
  if (state.roundCount === 0) return;
  const others = state.downs.filter((notice) => notice.groupUid !== groupUid);
  const notice: DownNotice = { groupUid, epoch, session, sinceMs: now.monotonicMs };
  change(draft, { downs: [...others, notice].slice(-MAX_PENDING), lastDownMs: 0 });
}

/** Told for as long as a promise could be open, at the pace of heartbeats. */
function tellDowns(draft: Draft): void {
  const { downs, timings, lastDownMs } = draft.state;
  const nowMs = draft.now.monotonicMs;
  if (downs.length === 0 || (lastDownMs > 0 && nowMs - lastDownMs < timings.heartbeatIntervalMs)) return;
  const tellForMs = 2 * (CLOCK_RATE_BOUND * timings.sessionDurationMs + timings.marginMs);
  const current = downs.filter((notice) => nowMs - notice.sinceMs < tellForMs);
  change(draft, { downs: current, lastDownMs: nowMs });
  for (const [session, notices] of Map.groupBy(current, (notice) => notice.session))
    for (let at = 0; at < notices.length; at += GROUPS_PER_MESSAGE) {
      const groups = notices.slice(at, at + GROUPS_PER_MESSAGE).map(({ groupUid, epoch }) => ({ groupUid, epoch }));
      draft.effects.push({ type: "sendToAll", message: { type: "down", session, groups } });
    }
}

function change(draft: Draft, changes: Partial<PromiseState>): void {
  draft.state = { ...draft.state, ...changes };
}
