/**
 * Leader election on one Lease, as a pure machine: `step(state, event, moment) -> {state, effects}`.
 *
 *              free, or unchanged for rho*D+M           write known to have succeeded
 *   Standby ──────────────────────────────> (write) ───────────────────────────────> Leading ──┐ renew every interval
 *      ^  └── read every interval, or when it expires        refused: read again       │  ^ <────┘
 *      └────────────────────────────────────────────────────────────────┘             │
 *                              R since the send of the last success, or another holder │        Stop
 *   Ended <─────────────────────────────── (Deposed) ──────────────────────────────────┘ ──> Releasing ──> Ended
 *
 * Why there are never two leaders by this Lease:
 *  1. The holder's right lasts R from the SEND of its last write known to have succeeded, measured as the larger of
 *     monotonic and wall clock, and is computed at every use (`isLeader`): no timer has to fire for it to end.
 *  2. A candidate never compares clocks of machines. It has seen one resourceVersion, unchanged, for rho*D+M of its
 *     own monotonic time since the ARRIVAL of the read that first showed it. That read came after the send of (1),
 *     and rho*R+M <= D, so the right was over before the wait was, with M to spare.
 *  3. It takes over by compare-and-set on that very resourceVersion. A renewal that got in first makes it fail; a
 *     renewal that comes later fails itself. So gaps between a candidate's reads do not matter: the write proves that
 *     nothing was renewed meanwhile.
 *  4. A write with an unknown result is resolved by reading: its nonce is found, or not. Until then nothing is assumed.
 *  5. Leadership once lost is never resumed: the state ends, and the process with it. The identity is fresh per process.
 *
 * A wall clock that jumps forward by more than R between two renewals ends the right too early, never too late.
 *
 * What it is not: a lock on the world. A stale leader that is frozen inside a write is harmless only because its writes
 * are themselves compare-and-set or carry the epoch (DESIGN 4.3, 4.5).
 *
 * A Lease is written back with the uid it was read with: real servers create Leases on PUT, and without the uid a
 * renewal would bring a deleted one back to life.
 *
 * A Lease that never existed is created at once; one that was seen and then vanished is treated as held for the full
 * wait, since its holder learns of the deletion only at its next renewal.
 */
import { LEASE_ANNOTATIONS, type Lease, microTime } from "../api/session-lease.ts";
import { CLOCK_RATE_BOUND } from "../api/timings.ts";
import { unreachable } from "../lib/assert.ts";
import { elapsedMs, type Instant } from "../lib/clock.ts";

/** All in milliseconds. */
export interface ElectionTimings {
  /** D: published in the Lease; whole seconds, as its field is. */
  readonly leaseDurationMs: number;
  /** R: the holder's right from the send of its last success. */
  readonly renewDeadlineMs: number;
  readonly renewIntervalMs: number;
  readonly requestTimeoutMs: number;
  /** M */
  readonly marginMs: number;
}

export interface ElectionConfig extends ElectionTimings {
  /** Fresh per process life. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
}

/** A write that was sent and may have been carried out. */
interface Sent {
  readonly nonce: string;
  readonly at: Instant;
}

interface Seen {
  /** Undefined: there was no Lease. */
  readonly lease: Lease | undefined;
  /** Own monotonic time at which the read arrived that first showed this version. */
  readonly sinceMs: number;
}

export interface ElectionState {
  readonly phase: "Standby" | "Leading" | "Releasing" | "Ended";
  /** The one request under way. */
  readonly request: "None" | "Read" | "Release" | Sent;
  /** What the last read or write showed; undefined: look first. */
  readonly seen: Seen | undefined;
  /** A Lease has been seen in this life: its absence is then a deletion, not a first start. */
  readonly hasExisted: boolean;
  /** Own writes that may be what the Lease holds, oldest first. */
  readonly mine: readonly Sent[];
  /** The send from which the right counts; defined exactly while Leading. */
  readonly rightFrom: Instant | undefined;
  /** Own monotonic time at which `Timer` is due. */
  readonly wakeAtMs: number;
}

export type ElectionEvent =
  | { readonly type: "Timer" }
  | { readonly type: "Read"; readonly lease: Lease | undefined }
  | { readonly type: "ReadFailed" }
  | { readonly type: "Written"; readonly lease: Lease }
  /**
   * Another write came first: conflict, already exists, or gone. It may have been this very write, carried out once and
   * then repeated by something in between, so its nonce is kept and looked for.
   */
  | { readonly type: "Refused" }
  /** Surely not written, for a reason that says nothing about others. */
  | { readonly type: "NotWritten" }
  | { readonly type: "WriteUnknown" }
  /** Without `release` the Lease is left to expire. */
  | { readonly type: "Stop"; readonly release: boolean };

export type ElectionEffect =
  | { readonly type: "Read" }
  /** Create when the Lease has no resourceVersion, replace otherwise. */
  | { readonly type: "Write"; readonly lease: Lease }
  | { readonly type: "Elected" }
  /** The process must end: nothing may be written any more. */
  | { readonly type: "Deposed"; readonly reason: string }
  | { readonly type: "Ended" };

/** What a step may know about the world besides the event. */
export interface Moment {
  readonly now: Instant;
  /** Fresh for every step. */
  readonly nonce: string;
}

export interface ElectionStep {
  readonly state: ElectionState;
  readonly effects: readonly ElectionEffect[];
}

export const INITIAL_ELECTION: ElectionState = {
  phase: "Standby",
  request: "None",
  seen: undefined,
  hasExisted: false,
  mine: [],
  rightFrom: undefined,
  wakeAtMs: 0,
};

/** What is wrong with the timings, as sentences; empty when every relation holds. */
export function brokenElectionRelations(timings: ElectionTimings): string[] {
  const { leaseDurationMs: D, renewDeadlineMs: R, renewIntervalMs, requestTimeoutMs, marginMs: M } = timings;
  const heldMs = CLOCK_RATE_BOUND * R + M;
  const relations: readonly (readonly [boolean, string])[] = [
    [heldMs <= D, `rho*R+M = ${heldMs} ms must be at most the lease duration ${D} ms`],
    [
      renewIntervalMs + 2 * requestTimeoutMs < R,
      "renew interval + two request timeouts must be below the renew deadline",
    ],
    [D % 1_000 === 0, `the lease duration ${D} ms must be whole seconds`],
    [M > 0 && renewIntervalMs > 0 && requestTimeoutMs > 0, "margin, interval and request timeout must be above zero"],
  ];
  return relations.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}

/** Whether the right holds at `now`: the only thing anybody may base a write on. */
export function isLeader(state: ElectionState, now: Instant, timings: ElectionTimings): boolean {
  return state.phase === "Leading" && isLive(state.rightFrom, now, timings);
}

function isLive(from: Instant | undefined, now: Instant, timings: ElectionTimings): boolean {
  return from !== undefined && elapsedMs(from, now) < timings.renewDeadlineMs;
}

export function step(state: ElectionState, event: ElectionEvent, moment: Moment, config: ElectionConfig): ElectionStep {
  if (state.phase === "Ended") return { state, effects: [] };
  if (state.phase === "Leading" && !isLeader(state, moment.now, config))
    return deposed(state, "no renewal succeeded in time");
  if (event.type === "Timer") return onTimer(state, moment, config);
  if (event.type === "Stop") return event.release ? onStop(state) : ended(state);
  const answered: ElectionState = { ...state, request: "None" };
  if (state.phase === "Releasing") return onReleasing(state, answered, event, moment, config.identity);
  switch (event.type) {
    case "Read":
      return onRead(answered, event.lease, moment, config);
    case "Written":
      return state.request === "None" || typeof state.request === "string"
        ? { state: answered, effects: [] }
        : onWritten(answered, event.lease, state.request, moment, config);
    case "WriteUnknown":
      return read(answered, moment, config);
    case "Refused":
      return onRefused(answered, moment, config);
    case "NotWritten":
      return wait(withoutLast(answered), config.renewIntervalMs / 2, moment, config);
    case "ReadFailed":
      return wait(answered, config.renewIntervalMs / 2, moment, config);
    default:
      return unreachable(event);
  }
}

function onTimer(state: ElectionState, moment: Moment, config: ElectionConfig): ElectionStep {
  if (state.request !== "None") return wait(state, config.renewIntervalMs, moment, config);
  if (state.phase === "Leading") return write(state, moment, config);
  if (state.seen === undefined || claimableAtMs(state, state.seen, config) > moment.now.monotonicMs)
    return read(state, moment, config);
  return write(state, moment, config);
}

/** Own monotonic time from which a candidate may take what it has seen. */
function claimableAtMs(state: ElectionState, seen: Seen, config: ElectionConfig): number {
  const holder = seen.lease?.spec?.holderIdentity ?? "";
  const isFree = seen.lease === undefined ? !state.hasExisted : holder === "" || holder === config.identity;
  if (isFree) return seen.sinceMs;
  const publishedMs = (seen.lease?.spec?.leaseDurationSeconds ?? 0) * 1_000;
  return seen.sinceMs + CLOCK_RATE_BOUND * Math.max(config.leaseDurationMs, publishedMs) + config.marginMs;
}

function onRead(state: ElectionState, lease: Lease | undefined, moment: Moment, config: ElectionConfig): ElectionStep {
  const { now } = moment;
  const holder = lease?.spec?.holderIdentity ?? "";
  if (state.phase === "Leading" && holder !== config.identity)
    return deposed(
      state,
      lease === undefined ? "the Lease was deleted" : `the Lease is held by ${JSON.stringify(holder)}`,
    );
  const isSame = state.seen !== undefined && versionOf(state.seen.lease) === versionOf(lease);
  const seen: Seen = { lease, sinceMs: isSame ? (state.seen?.sinceMs ?? now.monotonicMs) : now.monotonicMs };
  const looked: ElectionState = { ...state, seen, hasExisted: state.hasExisted || lease !== undefined };
  const found = holder === config.identity ? state.mine.find((sent) => sent.nonce === nonceOf(lease)) : undefined;
  if (found !== undefined && isLive(found.at, now, config)) return leading(looked, found, moment, config);
  if (state.phase === "Leading") return wait(looked, config.renewIntervalMs / 4, moment, config);
  const claimableInMs = claimableAtMs(looked, seen, config) - now.monotonicMs;
  return claimableInMs <= 0
    ? write(looked, moment, config)
    : wait(looked, Math.min(config.renewIntervalMs, claimableInMs), moment, config);
}

function onWritten(
  state: ElectionState,
  lease: Lease,
  sent: Sent,
  moment: Moment,
  config: ElectionConfig,
): ElectionStep {
  const written: ElectionState = { ...state, seen: { lease, sinceMs: moment.now.monotonicMs }, hasExisted: true };
  return isLive(sent.at, moment.now, config) ? leading(written, sent, moment, config) : write(written, moment, config);
}

/** The write `sent` is what the Lease holds. Writes before it can not get in any more: their versions are older. */
function leading(state: ElectionState, sent: Sent, moment: Moment, config: ElectionConfig): ElectionStep {
  const after = state.mine.slice(state.mine.findIndex((other) => other.nonce === sent.nonce) + 1);
  const next: ElectionState = {
    ...state,
    phase: "Leading",
    mine: [sent, ...after],
    rightFrom: later(state.rightFrom, sent.at),
  };
  const dueInMs = sent.at.monotonicMs + config.renewIntervalMs - moment.now.monotonicMs;
  // Read back, and nothing newer got in: go on soon, but not at the pace of a server that fails at once.
  const isProgress = next.rightFrom === sent.at && state.rightFrom !== sent.at;
  const waited = wait(next, isProgress ? dueInMs : Math.max(dueInMs, config.renewIntervalMs / 4), moment, config);
  return state.phase === "Leading" ? waited : { ...waited, effects: [{ type: "Elected" }] };
}

function later(one: Instant | undefined, other: Instant): Instant {
  return one !== undefined && one.monotonicMs > other.monotonicMs ? one : other;
}

function onRefused(state: ElectionState, moment: Moment, config: ElectionConfig): ElectionStep {
  if (state.phase === "Leading") return read(state, moment, config);
  return wait({ ...state, seen: undefined }, config.renewIntervalMs / 2, moment, config);
}

/** From here on `isLeader` is false, whatever the Lease says: only then may it be given away. */
function onStop(state: ElectionState): ElectionStep {
  if (state.phase === "Releasing") return { state, effects: [] };
  const releasing: ElectionState = { ...state, phase: "Releasing", rightFrom: undefined };
  if (state.request !== "None") return { state: releasing, effects: [] };
  if (state.mine.length === 0) return ended(state);
  return { state: { ...releasing, request: "Read" }, effects: [{ type: "Read" }] };
}

function onReleasing(
  before: ElectionState,
  state: ElectionState,
  event: ElectionEvent,
  { now }: Moment,
  identity: string,
): ElectionStep {
  if (before.request === "Release" || event.type === "ReadFailed") return ended(state);
  if (event.type !== "Read" && event.type !== "Written") {
    return state.mine.length === 0
      ? ended(state)
      : { state: { ...state, request: "Read" }, effects: [{ type: "Read" }] };
  }
  const { lease } = event;
  if (lease === undefined || lease.spec?.holderIdentity !== identity) return ended(state);
  const { holderIdentity: _, ...spec } = lease.spec;
  const released: Lease = { ...lease, spec: { ...spec, renewTime: microTime(now.wallMs) } };
  return { state: { ...state, request: "Release" }, effects: [{ type: "Write", lease: released }] };
}

function read(state: ElectionState, moment: Moment, config: ElectionConfig): ElectionStep {
  const waited = wait({ ...state, request: "Read" }, config.renewIntervalMs, moment, config);
  return { ...waited, effects: [{ type: "Read" }] };
}

function write(state: ElectionState, moment: Moment, config: ElectionConfig): ElectionStep {
  const sent: Sent = { nonce: moment.nonce, at: moment.now };
  // What can give no right any more need not be remembered; this bounds the list to R / the shortest pause.
  const mine = [...state.mine.filter((other) => isLive(other.at, moment.now, config)), sent];
  const waited = wait({ ...state, request: sent, mine }, config.renewIntervalMs, moment, config);
  return { ...waited, effects: [{ type: "Write", lease: claimed(state.seen?.lease, moment, config) }] };
}

/** The Lease as this process wants it; carries the resourceVersion that was seen, so it is a compare-and-set. */
function claimed(lease: Lease | undefined, moment: Moment, config: ElectionConfig): Lease {
  const time = microTime(moment.now.wallMs);
  const isMine = lease?.spec?.holderIdentity === config.identity;
  const transitions = lease?.spec?.leaseTransitions ?? 0;
  return {
    ...lease,
    metadata: {
      ...lease?.metadata,
      name: config.name,
      namespace: config.namespace,
      annotations: { ...lease?.metadata.annotations, [LEASE_ANNOTATIONS.nonce]: moment.nonce },
    },
    spec: {
      ...lease?.spec,
      holderIdentity: config.identity,
      leaseDurationSeconds: config.leaseDurationMs / 1_000,
      acquireTime: isMine ? (lease.spec?.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: isMine || lease === undefined ? transitions : transitions + 1,
    },
  };
}

/** Nothing to do before `delayMs` have passed, or the right has ended. */
function wait(state: ElectionState, delayMs: number, { now }: Moment, config: ElectionTimings): ElectionStep {
  const wakeAtMs = now.monotonicMs + Math.max(0, delayMs);
  const rightEndsAtMs = state.rightFrom === undefined ? Infinity : state.rightFrom.monotonicMs + config.renewDeadlineMs;
  return { state: { ...state, wakeAtMs: Math.min(wakeAtMs, rightEndsAtMs) }, effects: [] };
}

function deposed(state: ElectionState, reason: string): ElectionStep {
  return {
    state: { ...state, phase: "Ended", rightFrom: undefined, wakeAtMs: Infinity },
    effects: [{ type: "Deposed", reason }, { type: "Ended" }],
  };
}

function ended(state: ElectionState): ElectionStep {
  return {
    state: { ...state, phase: "Ended", rightFrom: undefined, wakeAtMs: Infinity },
    effects: [{ type: "Ended" }],
  };
}

/** The last write surely did not happen: it never left this process, or the server refused to look at it. */
function withoutLast(state: ElectionState): ElectionState {
  return { ...state, mine: state.mine.slice(0, -1) };
}

function versionOf(lease: Lease | undefined): string {
  return lease?.metadata.resourceVersion ?? "";
}

function nonceOf(lease: Lease | undefined): string | undefined {
  return lease?.metadata.annotations?.[LEASE_ANNOTATIONS.nonce];
}
