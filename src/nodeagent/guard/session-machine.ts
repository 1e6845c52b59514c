/**
 * The session of this node as a pure machine: `step(state, event, now)` returns the next state and what to do. It owns
 * the right (DESIGN 4.1), its end (4.2) and its release; it never awaits, and every event looks at every deadline
 * again, so that a pause between any two awaits is noticed by the first step after it.
 *
 *   send ──R──> takeDown ──S──> hardCut (repeated by the driver until everything is proven down)
 *
 * Invariants: one request in flight; every write is a compare-and-set with a fresh nonce; a renewal counts only once it
 * is known to have succeeded, and then from its send; a session that had anything active is never resumed after a
 * take-down. Must never: announce a session while a take-down is not proven; renew (and so let the watchdog be petted)
 * while a take-down other than a planned stop is unproven.
 */
import type { Timings } from "../../api/timings.ts";
import { assert, unreachable } from "../../lib/assert.ts";
import { elapsedMs, type Instant } from "../../lib/clock.ts";
import type { Lease } from "../../api/session-lease.ts";
import { answered, expireRequest, prolong } from "./session-answers.ts";
import { change, type Draft, isPlannedStop, pause, type SessionEffect, type SessionEvent } from "./session-draft.ts";
import {
  hardCutInMs,
  type RequestInFlight,
  rightLeftMs,
  rulesOf,
  sessionInForce,
  sessionName,
  type SessionState,
  timingsInForce,
} from "./session-state.ts";
import { beginTakeDown, cutHard, downProven, stop, stopWanted } from "./session-take-down.ts";
import { heldLease, releasedLease } from "./session-writes.ts";

export interface StepResult {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

export function step(state: SessionState, event: SessionEvent, now: Instant): StepResult {
  const draft: Draft = { state, effects: [], now };
  apply(draft, event);
  enforceDeadlines(draft);
  // The next request must be sent after the watchdog was petted for this one (2W rests on it): left to the next tick.
  if (!draft.effects.some((effect) => effect.type === "prolonged") || event.type === "tick") sendNext(draft);
  announce(draft);
  return { state: draft.state, effects: draft.effects };
}

function apply(draft: Draft, event: SessionEvent): void {
  switch (event.type) {
    case "started":
      assert(draft.state.phase === "Starting" && draft.state.takeDown === undefined, "a guard starts once");
      return beginTakeDown(draft, "restart");
    case "tick":
      return petInLoop(draft);
    case "answered":
      return answered(draft, event.requestId, event.answer);
    case "activity":
      assert(
        !event.isBusy || draft.state.phase === "Holding",
        "something can become active only while a session is held",
      );
      return change(draft, { isBusy: event.isBusy });
    case "takeDownWanted":
      return beginTakeDown(draft, event.cause);
    case "downProven":
      return downProven(draft);
    case "stopWanted":
      return stopWanted(draft);
    case "promiseRound":
      return promiseRound(draft, event.askedAt);
    case "pauseFound":
      return change(draft, olderBy(draft.state, event.pauseMs));
    case "timingsChanged":
      return timingsChanged(draft, event.timings);
    case "factsChanged":
      return change(draft, { config: { ...draft.state.config, facts: event.facts } });
    default:
      return unreachable(event);
  }
}

/** Does nothing, except where the simulator breaks the rule that only success pets. */
function petInLoop(draft: Draft): void {
  const { state, now } = draft;
  if (!rulesOf(state).onlySuccessPets && rightLeftMs(state, now) > 0)
    draft.effects.push({ type: "prolonged", base: now });
}

function enforceDeadlines(draft: Draft): void {
  expireRequest(draft);
  const { state, now } = draft;
  if (state.phase === "Holding" && state.isBusy && rightLeftMs(state, now) === 0)
    beginTakeDown(draft, "renew-deadline");
  if (hardCutInMs(draft.state, now) === 0) cutHard(draft);
  const { releasingSince } = draft.state;
  if (releasingSince !== undefined && elapsedMs(releasingSince, now) >= timingsInForce(state, now).renewDeadlineMs)
    stop(draft, false);
}

/** Promises prolong an unbroken right only (A8). */
function promiseRound(draft: Draft, askedAt: Instant): void {
  const { state, now } = draft;
  const isUnbroken = rightLeftMs(state, now) > 0 || !rulesOf(state).promisesProlongUnbrokenRight;
  if (state.phase !== "Holding" || state.takeDown !== undefined || !isUnbroken) return;
  prolong(draft, askedAt);
}

/** Whether a thing was sent before or after the pause nobody can say: all of them count as before it. */
function olderBy(state: SessionState, pauseMs: number): Partial<SessionState> {
  const older = (at: Instant): Instant => ({ monotonicMs: at.monotonicMs - pauseMs, wallMs: at.wallMs - pauseMs });
  const { base, renewedAt, inFlight, takeDown } = state;
  const olderBase = base === undefined ? undefined : older(base);
  return {
    ...(olderBase === undefined ? {} : { base: olderBase }),
    ...(renewedAt === undefined
      ? {}
      : { renewedAt: renewedAt === base && olderBase !== undefined ? olderBase : older(renewedAt) }),
    ...(inFlight === undefined ? {} : { inFlight: { ...inFlight, sentAt: older(inFlight.sentAt) } }),
    ...(takeDown === undefined ? {} : { takeDown: { ...takeDown, startedAt: older(takeDown.startedAt) } }),
    unknown: state.unknown.map((write) => ({ ...write, sentAt: older(write.sentAt) })),
  };
}

function timingsChanged(draft: Draft, timings: Timings): void {
  const { config } = draft.state;
  const inForce = timingsInForce(draft.state, draft.now);
  const formerTimings = inForce.sessionDurationMs < timings.sessionDurationMs ? { timings: inForce } : undefined;
  change(draft, { config: { ...config, timings }, formerTimings });
  pause(draft, 0); // published with the next renewal, which is sent at once
}

function maySend(state: SessionState): boolean {
  switch (state.phase) {
    case "Starting":
    case "Stopped":
      return false;
    case "Acquiring":
      return state.takeDown === undefined;
    case "Holding":
      return state.takeDown === undefined || isPlannedStop(state);
    case "Releasing":
      return true;
    default:
      return unreachable(state.phase);
  }
}

function sendNext(draft: Draft): void {
  const { state, now } = draft;
  if (state.inFlight !== undefined || !maySend(state)) return;
  if (elapsedMs(state.next.since, now) < state.next.pauseMs) return;
  const requestId = state.requestCount + 1;
  const timeoutMs = timingsInForce(state, now).requestTimeoutMs;
  const request: RequestInFlight = { requestId, session: sessionName(state), sentAt: now };
  if (state.mustRead) {
    change(draft, { requestCount: requestId, inFlight: request });
    draft.effects.push({ type: "read", requestId, timeoutMs });
    return;
  }
  const nonce = `${state.config.lifeId}.${state.nonceCount + 1}`;
  const precondition = state.lease?.metadata.resourceVersion;
  change(draft, {
    requestCount: requestId,
    nonceCount: state.nonceCount + 1,
    inFlight: { ...request, write: { nonce, precondition } },
  });
  draft.effects.push({
    type: state.lease === undefined ? "create" : "replace",
    requestId,
    timeoutMs,
    lease: leaseToWrite(state, nonce, now),
  });
}

function leaseToWrite(state: SessionState, nonce: string, now: Instant): Lease {
  const { config, lease: seen } = state;
  const write = { config, session: sessionName(state), nonce, wallMs: now.wallMs };
  if (state.phase !== "Releasing") return heldLease({ ...write, seen });
  assert(seen !== undefined, "only a session that was held is released");
  return releasedLease({ ...write, seen });
}

function announce(draft: Draft): void {
  const session = sessionInForce(draft.state, draft.now);
  if (session === draft.state.announced) return;
  change(draft, { announced: session });
  draft.effects.push({ type: "session", session });
}
