/** What the answers of the API server mean for the session. Part of `session-machine.ts`. */
import type { Lease } from "../../api/session-lease.ts";
import { revokeWaitMs } from "../../api/timings.ts";
import { assert, unreachable } from "../../lib/assert.ts";
import { elapsedMs, type Instant } from "../../lib/clock.ts";
import { type Answer, change, type Draft, isPlannedStop, pause } from "./session-draft.ts";
import { type RequestInFlight, rulesOf, sessionName, type SessionState, timingsInForce } from "./session-state.ts";
import { lose, stop } from "./session-take-down.ts";
import { isEnded, nonceOf, publishedTimings } from "./session-writes.ts";

/** Writes with unknown result that are remembered; within R there can be fewer than 20 (R / request timeout). */
const MAX_UNKNOWN = 32;

export function expireRequest(draft: Draft): void {
  const { inFlight } = draft.state;
  if (inFlight === undefined) return;
  const { requestTimeoutMs } = timingsInForce(draft.state, draft.now);
  if (elapsedMs(inFlight.sentAt, draft.now) < requestTimeoutMs) return;
  answered(draft, inFlight.requestId, inFlight.write === undefined ? { kind: "notDone" } : { kind: "unknown" });
}

export function answered(draft: Draft, requestId: number, answer: Answer): void {
  const { inFlight } = draft.state;
  // A reply after its timeout is not used: the read-back that followed it knows at least as much.
  if (inFlight?.requestId !== requestId) return;
  change(draft, { inFlight: undefined });
  if (inFlight.session !== sessionName(draft.state)) return change(draft, { mustRead: true });
  switch (answer.kind) {
    case "read":
      return readDone(draft, answer.lease);
    case "written":
      return written(draft, inFlight, answer.lease);
    case "conflict": {
      const conflictsInRow = draft.state.conflictsInRow + 1;
      change(draft, { mustRead: true, conflictsInRow });
      return pause(draft, conflictsInRow > 2 ? timingsInForce(draft.state, draft.now).renewIntervalMs / 4 : 0);
    }
    case "notDone":
      return pause(draft, timingsInForce(draft.state, draft.now).renewIntervalMs / 2);
    case "unknown":
      return unknownResult(draft, inFlight);
    default:
      return unreachable(answer);
  }
}

function unknownResult(draft: Draft, request: RequestInFlight): void {
  if (request.write === undefined) return;
  const unknown = [...draft.state.unknown, { ...request.write, sentAt: request.sentAt }].slice(-MAX_UNKNOWN);
  change(draft, { unknown, mustRead: true });
  draft.effects.push({ type: "renewal", outcome: "unknown" });
  pause(draft, 0);
}

function written(draft: Draft, request: RequestInFlight, lease: Lease): void {
  assert(request.write !== undefined, "only a write is written");
  if (draft.state.phase === "Releasing") return releaseWritten(draft, lease);
  succeeded(draft, request.sentAt, lease, "ok");
}

function releaseWritten(draft: Draft, lease: Lease): void {
  if (isEnded(lease)) return stop(draft, true);
  // A renewal that was still under way when the stop began.
  change(draft, { lease, knownNonce: nonceOf(lease), unknown: [] });
  pause(draft, 0);
}

function readDone(draft: Draft, lease: Lease | undefined): void {
  // Read for a session whose take-down is under way: asked again when that is proven.
  if (draft.state.takeDown !== undefined && !isPlannedStop(draft.state)) return change(draft, { mustRead: true });
  change(draft, { mustRead: false });
  pause(draft, 0);
  if (draft.state.phase === "Acquiring") return readForAcquire(draft, lease);
  const { state } = draft;
  if (lease === undefined || lease.spec?.holderIdentity !== sessionName(state)) return lose(draft);
  if (isEnded(lease)) {
    const isOwnRelease = state.phase === "Releasing" && state.unknown.some((write) => write.nonce === nonceOf(lease));
    return isOwnRelease ? stop(draft, true) : lose(draft);
  }
  const nonce = nonceOf(lease);
  const found = state.unknown.find((write) => write.nonce === nonce);
  if (found !== undefined) return succeeded(draft, found.sentAt, lease, "resolved");
  if (nonce !== state.knownNonce) return lose(draft);
  change(draft, { lease, unknown: stillPossible(state, lease) });
}

function readForAcquire(draft: Draft, lease: Lease | undefined): void {
  resume(draft, lease);
  const { state } = draft;
  const isOurs = lease?.spec?.holderIdentity === sessionName(state);
  if (lease !== undefined && isOurs && !isEnded(lease)) {
    const found = state.unknown.find((write) => write.nonce === nonceOf(lease));
    if (found !== undefined) return succeeded(draft, found.sentAt, lease, "resolved");
  } else if (isOurs) {
    change(draft, { sessionCount: state.sessionCount + 1 }); // acquired unknowingly, and ended since
  }
  change(draft, { lease, unknown: stillPossible(state, lease) });
}

/** Does nothing, except where the simulator breaks the rule that one life is one session. */
function resume(draft: Draft, lease: Lease | undefined): void {
  const { config, sessionCount } = draft.state;
  const holder = lease?.spec?.holderIdentity;
  if (rulesOf(draft.state).lifeIsSession || sessionCount > 1 || lease === undefined || isEnded(lease)) return;
  if (holder?.startsWith(`${config.node}_`) === true) change(draft, { resumedSession: holder });
}

/** Only a write that demands the version now stored can still be carried out. */
function stillPossible(state: SessionState, lease: Lease | undefined): SessionState["unknown"] {
  return state.unknown.filter((write) => write.precondition === lease?.metadata.resourceVersion);
}

function succeeded(draft: Draft, sentAt: Instant, lease: Lease, outcome: "ok" | "resolved"): void {
  const { state, now } = draft;
  const { renewIntervalMs, renewDeadlineMs } = timingsInForce(state, now);
  const seen = state.lease;
  change(draft, { lease, knownNonce: nonceOf(lease), unknown: [], conflictsInRow: 0, mustRead: false });
  change(draft, { next: { since: sentAt, pauseMs: renewIntervalMs } });
  draft.effects.push({ type: "renewal", outcome });
  // While something is being taken down (a planned stop excepted) success neither prolongs nor pets.
  if (state.takeDown !== undefined && !isPlannedStop(state)) return;
  if (state.phase === "Acquiring") {
    if (elapsedMs(sentAt, now) >= renewDeadlineMs) return pause(draft, 0); // too old to be a right: renew at once
    change(draft, { phase: "Holding", ...formerOf(state, seen, now) });
  }
  countFormer(draft, lease);
  const countsFrom = rulesOf(state).countsFromSend ? sentAt : now;
  change(draft, { renewedAt: countsFrom });
  prolong(draft, countsFrom);
}

/** One old duration counts from when others can know the new timings: not from a renewal that was sent before the change. */
function countFormer(draft: Draft, stored: Lease): void {
  const { formerTimings: former, config } = draft.state;
  if (former === undefined || former.since !== undefined) return;
  const published = publishedTimings(stored);
  if (published === undefined || revokeWaitMs(published) < revokeWaitMs(config.timings)) return;
  change(draft, { formerTimings: { ...former, since: draft.now } });
}

/** What an earlier life published counts for one old duration, if it is smaller. */
function formerOf(state: SessionState, seen: Lease | undefined, now: Instant): Pick<SessionState, "formerTimings"> {
  const former = seen === undefined ? undefined : publishedTimings(seen);
  const inForce = timingsInForce(state, now);
  if (former === undefined || former.sessionDurationMs >= inForce.sessionDurationMs) return {};
  return { formerTimings: { timings: former } };
}

export function prolong(draft: Draft, base: Instant): void {
  const { state, now } = draft;
  if (state.base !== undefined && elapsedMs(state.base, now) <= elapsedMs(base, now)) return;
  change(draft, { base });
  // Known too late to be a right (this process was paused): the deadlines that follow act, and nothing is petted.
  if (elapsedMs(base, now) >= timingsInForce(draft.state, now).renewDeadlineMs) return;
  draft.effects.push({ type: "prolonged", base });
}
