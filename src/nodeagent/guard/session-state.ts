/**
 * What the guard knows about its session, and the questions others may ask about it. Values only; the changes are in
 * `session-machine.ts`.
 *
 * The right of this node to have anything active counts from `base`: the SEND of the last renewal known to have
 * succeeded (or the ask of the last complete promise round), never from a reply.
 */
import type { Lease, NodeFacts } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import { elapsedMs, type Instant } from "../../lib/clock.ts";
import type { TakeDownCause } from "../guard-protocol.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";

export interface SessionConfig {
  readonly node: string;
  readonly namespace: string;
  /** Fresh per life of the guard; sessions are named `NODE_LIFE`, and `NODE_LIFE-2` and so on after a lost one. */
  readonly lifeId: string;
  readonly publicKey: string;
  readonly facts: NodeFacts;
  readonly timings: Timings;
  /** Absent: all of them. Only the simulator breaks one. */
  readonly rules?: SafetyRules;
}

/**
 *   Starting ──proven down──> Acquiring ──own write known──> Holding ──stop, proven down──> Releasing ──> Stopped
 *                                 ^                             │
 *                                 └── lost, or taken down ──────┘
 */
export type SessionPhase = "Starting" | "Acquiring" | "Holding" | "Releasing" | "Stopped";

/** A write whose result is not known. It can still be carried out while the Lease has `precondition` as its version. */
export interface UnknownWrite {
  readonly nonce: string;
  readonly sentAt: Instant;
  /** resourceVersion the write demanded; undefined for a create. */
  readonly precondition: string | undefined;
}

export interface RequestInFlight {
  readonly requestId: number;
  readonly session: string;
  readonly sentAt: Instant;
  /** Present for a write. */
  readonly write?: { readonly nonce: string; readonly precondition: string | undefined };
}

export interface TakeDown {
  readonly cause: TakeDownCause;
  readonly startedAt: Instant;
  /** The guard has begun to cut by itself. */
  readonly isCut: boolean;
  /** Something was, or may have been, active: the session ends with the take-down. */
  readonly endsSession: boolean;
}

export interface SessionState {
  readonly config: SessionConfig;
  readonly phase: SessionPhase;
  /** How many sessions this life has begun. */
  readonly sessionCount: number;
  /** Only where the simulator breaks `lifeIsSession`: the session of an earlier life, taken for this one's. */
  readonly resumedSession?: string;
  readonly base?: Instant;
  /** The send of the last renewal known to have succeeded; equal to `base` unless promises prolonged the right since. */
  readonly renewedAt?: Instant;
  /** As last read or written by us: its version is the precondition of the next write. */
  readonly lease?: Lease;
  readonly knownNonce?: string;
  readonly unknown: readonly UnknownWrite[];
  readonly inFlight?: RequestInFlight;
  readonly mustRead: boolean;
  /** The next request is sent `pauseMs` after `since`. */
  readonly next: { readonly since: Instant; readonly pauseMs: number };
  readonly conflictsInRow: number;
  readonly requestCount: number;
  readonly nonceCount: number;
  readonly takeDown?: TakeDown;
  /** Something is or may be active on this node. */
  readonly isBusy: boolean;
  readonly isStopping: boolean;
  readonly releasingSince?: Instant;
  /** What the worker was last told. */
  readonly announced?: string;
  /** Smaller timings of a time before a change, in force for one old duration (DESIGN 4.3). */
  readonly formerTimings?: { readonly timings: Timings; readonly since?: Instant };
}

export function initialSession(config: SessionConfig, now: Instant): SessionState {
  return {
    config,
    phase: "Starting",
    sessionCount: 1,
    unknown: [],
    mustRead: true,
    next: { since: now, pauseMs: 0 },
    conflictsInRow: 0,
    requestCount: 0,
    nonceCount: 0,
    isBusy: false,
    isStopping: false,
  };
}

export function sessionName(state: SessionState): string {
  if (state.resumedSession !== undefined) return state.resumedSession;
  const { node, lifeId } = state.config;
  return state.sessionCount === 1 ? `${node}_${lifeId}` : `${node}_${lifeId}-${state.sessionCount}`;
}

export function rulesOf(state: SessionState): SafetyRules {
  return state.config.rules ?? ALL_RULES;
}

/** The timings this holder lives by: the smaller of old and new while a change is recent. */
export function timingsInForce(state: SessionState, now: Instant): Timings {
  const { formerTimings: former, config } = state;
  if (former === undefined || former.timings.sessionDurationMs >= config.timings.sessionDurationMs)
    return config.timings;
  const isOver = former.since !== undefined && elapsedMs(former.since, now) >= former.timings.sessionDurationMs;
  return isOver ? config.timings : former.timings;
}

/** Milliseconds until this node must begin to take everything down; 0 when it may have nothing active. */
export function rightLeftMs(state: SessionState, now: Instant): number {
  if (state.phase !== "Holding" || state.base === undefined || state.takeDown !== undefined) return 0;
  return Math.max(0, timingsInForce(state, now).renewDeadlineMs - elapsedMs(state.base, now));
}

/** The session under which something may be activated now. */
export function sessionInForce(state: SessionState, now: Instant): string | undefined {
  return !state.isStopping && rightLeftMs(state, now) > 0 ? sessionName(state) : undefined;
}

/** No promise has prolonged the right since the last renewal: only then may something new become active (A3). */
export function restsOnSession(state: SessionState): boolean {
  return state.base !== undefined && state.base === state.renewedAt;
}

/** Milliseconds until the guard itself must cut; undefined while nothing is being taken down. */
export function hardCutInMs(state: SessionState, now: Instant): number | undefined {
  const { takeDown, base } = state;
  if (takeDown === undefined || takeDown.isCut) return undefined;
  const { renewDeadlineMs: R, stopBudgetMs: S } = timingsInForce(state, now);
  const fromStart = S - elapsedMs(takeDown.startedAt, now);
  return Math.max(0, base === undefined ? fromStart : Math.min(fromStart, R + S - elapsedMs(base, now)));
}

/** Longest time until the machine wants a `tick`, in milliseconds; it is never wrong to tick earlier. */
export function nextTickMs(state: SessionState, now: Instant): number {
  const { sessionDurationMs, requestTimeoutMs, renewDeadlineMs } = timingsInForce(state, now);
  // Deadlines are also looked at between them, so that a stepped wall clock is noticed.
  const waits = [Math.min(250, sessionDurationMs / 20), state.next.pauseMs - elapsedMs(state.next.since, now)];
  if (state.inFlight !== undefined) waits[1] = requestTimeoutMs - elapsedMs(state.inFlight.sentAt, now);
  if (rightLeftMs(state, now) > 0) waits.push(rightLeftMs(state, now));
  if (state.releasingSince !== undefined) waits.push(renewDeadlineMs - elapsedMs(state.releasingSince, now));
  const cutInMs = hardCutInMs(state, now);
  if (cutInMs !== undefined) waits.push(cutInMs);
  return Math.max(state.phase === "Stopped" || state.phase === "Starting" ? 50 : 1, Math.min(...waits));
}
