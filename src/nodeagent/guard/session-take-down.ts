/** How a session ends: take-down, hard cut, release, and the way to the next one. Part of `session-machine.ts`. */
import { assert } from "../../lib/assert.ts";
import type { TakeDownCause } from "../guard-protocol.ts";
import { change, type Draft } from "./session-draft.ts";
import { hardCutInMs } from "./session-state.ts";

export function beginTakeDown(draft: Draft, cause: TakeDownCause): void {
  const { state, now } = draft;
  if (state.phase === "Stopped") return;
  if (state.takeDown !== undefined) {
    if (cause === "worker-lost") cutHard(draft); // nobody is left to do it gently
    return;
  }
  change(draft, {
    takeDown: { cause, startedAt: now, isCut: false, endsSession: state.isBusy || state.phase === "Starting" },
  });
  const budgetMs = hardCutInMs(draft.state, now) ?? 0;
  draft.effects.push({ type: "takeDown", cause, budgetMs });
  // After a restart or without a worker only the guard can take down, so it need not wait for anyone.
  if (cause === "restart" || cause === "worker-lost") cutHard(draft);
}

export function cutHard(draft: Draft): void {
  const { takeDown } = draft.state;
  if (takeDown === undefined || takeDown.isCut) return;
  change(draft, { takeDown: { ...takeDown, isCut: true } });
  draft.effects.push({ type: "hardCut", cause: takeDown.cause });
}

export function downProven(draft: Draft): void {
  const { takeDown, phase, isStopping } = draft.state;
  if (takeDown === undefined) return;
  change(draft, { takeDown: undefined, isBusy: false });
  if (isStopping) return phase === "Holding" ? beginRelease(draft) : stop(draft, false);
  if (takeDown.endsSession || phase === "Acquiring") return beginAcquire(draft, phase === "Starting" ? 0 : 1);
  change(draft, { mustRead: true });
}

export function stopWanted(draft: Draft): void {
  const { state } = draft;
  if (state.isStopping || state.phase === "Stopped") return;
  change(draft, { isStopping: true });
  if (state.takeDown !== undefined) return;
  if (state.isBusy) return beginTakeDown(draft, "shutdown");
  return state.phase === "Holding" ? beginRelease(draft) : stop(draft, false);
}

function beginRelease(draft: Draft): void {
  assert(
    draft.state.takeDown === undefined && !draft.state.isBusy,
    "a session is released only when everything is down",
  );
  change(draft, { phase: "Releasing", releasingSince: draft.now, next: { since: draft.now, pauseMs: 0 } });
}

export function stop(draft: Draft, isReleased: boolean): void {
  change(draft, { phase: "Stopped", releasingSince: undefined, base: undefined });
  draft.effects.push({ type: "stopped", isReleased });
}

function beginAcquire(draft: Draft, addSessions: 0 | 1): void {
  assert(
    draft.state.takeDown === undefined && !draft.state.isBusy,
    "a session is acquired only when everything is down",
  );
  change(draft, {
    phase: "Acquiring",
    sessionCount: draft.state.sessionCount + addSessions,
    resumedSession: undefined,
    base: undefined,
    renewedAt: undefined,
    lease: undefined,
    knownNonce: undefined,
    unknown: [],
    mustRead: true,
    conflictsInRow: 0,
    next: { since: draft.now, pauseMs: 0 },
  });
}

/** The Lease says that this session is over: everything down first, then a new one. */
export function lose(draft: Draft): void {
  const { state } = draft;
  draft.effects.push({ type: "renewal", outcome: "lost" });
  if (state.phase === "Releasing") return stop(draft, false);
  if (state.takeDown === undefined && !state.isBusy) return beginAcquire(draft, 1);
  if (state.takeDown === undefined) beginTakeDown(draft, "session-lost");
  // Also when a planned stop was under way: what is left must not be renewed.
  if (draft.state.takeDown !== undefined) change(draft, { phase: "Acquiring" });
}
