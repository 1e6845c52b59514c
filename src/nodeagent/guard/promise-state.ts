/** What a guard knows about promises: those it gave, and those it asks for. Values only; see `promise-machine.ts`. */
import type { Timings } from "../../api/timings.ts";
import type { Instant } from "../../lib/clock.ts";
import type { GrantRef, MemberPromise } from "../guard-protocol.ts";
import type { PromiseMessage } from "./promise-messages.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";

/** A promise this node gave: nothing of the group is activated here for `bindMs` from `sinceMs` on the own clock. */
export interface GivenPromise {
  readonly groupUid: string;
  /** The holder it was given to, its session and its epoch. */
  readonly node: string;
  readonly session: string;
  readonly epoch: number;
  readonly bindMs: number;
  /** Own monotonic clock: a wall clock that is stepped forward must not end a promise. */
  readonly sinceMs: number;
  readonly state: MemberPromise["state"];
  /** A restarted guard would find it: only then may it be answered. */
  readonly isDurable: boolean;
}

/** What is kept under the state folder: without a time, since a restarted process has another clock. */
export type PromiseRecord = Pick<GivenPromise, "groupUid" | "node" | "session" | "epoch" | "bindMs">;

/** The members that must be asked about one group that is active here. */
export interface AskSet {
  readonly groupUid: string;
  readonly epoch: number;
  readonly members: readonly string[];
}

/** One ask to everybody; its answers count from `askedAt`. */
export interface Round {
  readonly nonce: string;
  readonly askedAt: Instant;
  /** `member groupUid`, as far as not answered. */
  readonly missing: ReadonlySet<string>;
  readonly size: number;
  /** `groupUid epoch` of every group it asked about: it counts only while nothing else is active here. */
  readonly covers: ReadonlySet<string>;
}

/** An answer that waits for its promises to be durable. */
export interface PendingAnswer {
  readonly storeId: number;
  readonly node: string;
  readonly nonce: string;
  readonly promises: readonly PromiseRecord[];
}

/** This node's own "epoch N is down", told to the peers again and again for a while. */
export interface DownNotice {
  readonly groupUid: string;
  readonly epoch: number;
  readonly session: string;
  readonly sinceMs: number;
}

export interface PromiseState {
  readonly node: string;
  readonly lifeId: string;
  readonly timings: Timings;
  /** Timings before a change, until everybody who counts by them has ended: own monotonic clock. */
  readonly former?: { readonly timings: Timings; readonly untilMs: number };
  readonly rules: SafetyRules;
  readonly given: ReadonlyMap<string, GivenPromise>;
  /** Until then this node activates nothing: it may have promised before its machine booted. */
  readonly bootWaitUntilMs: number;
  readonly pending: readonly PendingAnswer[];
  readonly storeCount: number;
  readonly askSets: ReadonlyMap<string, AskSet>;
  readonly rounds: readonly Round[];
  readonly roundCount: number;
  readonly lastAskMs?: number;
  readonly downs: readonly DownNotice[];
  readonly lastDownMs: number;
}

/** What the promise machine must know of the rest of the guard, read afresh for every step. */
export interface PromiseContext {
  /** The take-down of what an earlier life left is proven: before that no ask is answered. */
  readonly canAnswer: boolean;
  /** The session held, while there is an unbroken right. */
  readonly session: string | undefined;
  /** Grants under which something is, or may be, active here. */
  readonly active: readonly GrantRef[];
  /** Highest epoch noted here for a group; 0 for none. */
  readonly notedEpoch: (groupUid: string) => number;
  /** Since the send of the last renewal known to have succeeded, in milliseconds. */
  readonly sinceRenewalMs: number;
  /** R as the session counts it now: the right ends so long after that send, whatever was changed and when it was published. */
  readonly renewDeadlineMs: number;
  /** No promise has prolonged the right since that renewal. */
  readonly restsOnSession: boolean;
  /** Members of the network by name; one that is no peer cannot be asked. */
  readonly isPeer: (node: string) => boolean;
}

export type PromiseEvent =
  | { readonly type: "tick" }
  /** This machine stood still unseen by its clocks: open rounds count no more. */
  | { readonly type: "pauseFound" }
  | {
      readonly type: "received";
      readonly node: string;
      readonly senderSession: string;
      readonly message: PromiseMessage;
    }
  /** The peer speaks under this session: it acquired it after everything of its former one was proven down. */
  | { readonly type: "newSession"; readonly node: string; readonly session: string }
  /** Everything the store effect with this id named is durable; or it could not be stored. */
  | { readonly type: "stored"; readonly storeId: number; readonly isDurable: boolean }
  | { readonly type: "mustAsk"; readonly set: AskSet }
  /** Others count the larger of old and new, the holder the smaller, for one duration of the larger (DESIGN 4.2). */
  | { readonly type: "timings"; readonly timings: Timings }
  /** Proven down on this node under this grant. */
  | { readonly type: "down"; readonly grant: GrantRef };

export type PromiseEffect =
  | { readonly type: "send"; readonly node: string; readonly message: PromiseMessage }
  | { readonly type: "sendToAll"; readonly message: PromiseMessage }
  | { readonly type: "store"; readonly storeId: number; readonly records: readonly PromiseRecord[] }
  /** All answered this very ask. */
  | { readonly type: "roundComplete"; readonly askedAt: Instant }
  | { readonly type: "report"; readonly groupUid: string; readonly promise: MemberPromise };

export function initialPromises(
  options: Pick<PromiseState, "node" | "lifeId" | "timings" | "rules"> & {
    readonly records: readonly PromiseRecord[];
    readonly bootWaitMs: number;
  },
  now: Instant,
): PromiseState {
  const { node, lifeId, timings, rules, records, bootWaitMs } = options;
  const sinceMs = now.monotonicMs;
  // How much of it is over nobody can say: it binds for its whole length again.
  const open = records.map((record): [string, GivenPromise] => [
    record.groupUid,
    { ...record, sinceMs, state: "Open", isDurable: true },
  ]);
  const isKept = rules.promisesOutliveTheGuard;
  return {
    node,
    lifeId,
    timings,
    rules,
    given: new Map(isKept ? open : []),
    bootWaitUntilMs: sinceMs + (isKept ? bootWaitMs : 0),
    pending: [],
    storeCount: 0,
    askSets: new Map(),
    rounds: [],
    roundCount: 0,
    downs: [],
    lastDownMs: 0,
  };
}

export function isOpen(promise: GivenPromise, nowMs: number): boolean {
  return promise.state === "Open" && nowMs - promise.sinceMs < promise.bindMs;
}

/** Whether this node may not activate the group, whatever it reads. */
export function isPromised(state: PromiseState, groupUid: string, now: Instant): boolean {
  if (!state.rules.promiseBlocksActivation) return false;
  const given = state.given.get(groupUid);
  return now.monotonicMs < state.bootWaitUntilMs || (given !== undefined && isOpen(given, now.monotonicMs));
}

/** As reported in `reports[].promise`. */
export function memberPromise(promise: GivenPromise): MemberPromise {
  const { node, session, epoch, state } = promise;
  return { node, session, epoch, state };
}

/** What everybody but the holder counts by. */
export function widestSession(state: PromiseState, nowMs: number): Pick<Timings, "sessionDurationMs" | "marginMs"> {
  const { timings } = state;
  const former = formerTimings(state, nowMs) ?? timings;
  return {
    sessionDurationMs: Math.max(timings.sessionDurationMs, former.sessionDurationMs),
    marginMs: Math.max(timings.marginMs, former.marginMs),
  };
}

/** R as the holder counts it, in milliseconds. */
export function nearestDeadlineMs(state: PromiseState, nowMs: number): number {
  const former = formerTimings(state, nowMs) ?? state.timings;
  return Math.min(state.timings.renewDeadlineMs, former.renewDeadlineMs);
}

export function formerTimings({ former }: PromiseState, nowMs: number): Timings | undefined {
  return former !== undefined && nowMs < former.untilMs ? former.timings : undefined;
}
