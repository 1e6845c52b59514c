/**
 * One group on this node as a pure machine: `step(state, event, now)`. Every event updates what is known; then one pass
 * decides what follows from it. Nothing depends on the order in which events arrive, and losing any of them costs time
 * only: a worker that restarts begins from what the API server and the guard say.
 *
 * Must never do: start anything before the guard allowed the grant and the report was stored under it; serve an epoch
 * again that it has begun to leave; say `Inactive` before every part is proven absent from the host.
 */
import type { Instant } from "../../lib/clock.ts";
import type { Reading } from "../monitor/schedule.ts";
import type { DenyReason } from "../guard-protocol.ts";
import { decideParts, partWakesMs } from "./group-parts.ts";
import {
  backoffMs,
  type Call,
  type GroupEffect,
  type GroupEvent,
  type GroupState,
  type GroupStep,
  newPart,
  type Part,
  type ReadCall,
  storedReport,
  type Tenure,
} from "./group-state.ts";
import { askSetAnswered, mayRecord, nobodyAsked, tellMustAsk } from "./record-rules.ts";
import { adoptPlans, afterReading, afterStart, afterStop, hurried } from "./part-rules.ts";
import { wantsReboot } from "./reboot-rules.ts";
import { isRecorded, PROGRESS_INTERVAL_MS, reportPatienceMs, wantedReport, withTimes } from "./report-rules.ts";
import { causeOf, isStillGranted, leftoverGrant, servableGrant, unservedGrant } from "./tenure-rules.ts";

/** Waits after failed API calls, and before asking the guard again, in milliseconds. */
const CALL_RETRY_BASE_MS = 100;
const CALL_RETRY_MAX_MS = 5_000;
const ASK_AGAIN_MS = 250;
const RACES_IN_A_ROW = 4;
/** A late event explains itself within so long; a server that went back does not, in milliseconds. */
const RECHECK_MS = 1_000;

const READ_DONE: ReadCall = {
  isInFlight: false,
  failures: 0,
  notBeforeMs: 0,
  isWanted: false,
  sentAt: undefined,
  recheckAtMs: undefined,
};

export function step(state: GroupState, event: GroupEvent, now: Instant): GroupStep {
  const known = learn(state, event, now.monotonicMs);
  return decide(known, now);
}

/** What the event says, without any consequence yet. */
function learn(state: GroupState, event: GroupEvent, nowMs: number): GroupState {
  switch (event.type) {
    case "seen":
      return seen(state, event, nowMs);
    case "planned":
      return { ...state, plans: event.plans };
    case "gone":
      return { ...state, isGone: true };
    case "readFailed":
      return { ...state, read: { ...state.read, ...failedCall(state.read, nowMs), isWanted: true } };
    case "session":
      return { ...state, session: event.session, isForbidden: state.isForbidden && event.session === undefined };
    case "answered":
      return answered(state, event.epoch, event.denied, nowMs);
    case "askSetAnswered":
      return withTenure(state, (tenure) =>
        tenure.grant.epoch === event.epoch
          ? { ...tenure, asking: askSetAnswered(tenure.asking, event.denied === undefined, nowMs) }
          : tenure,
      );
    case "stored":
      return {
        ...settled(seen(state, { ...event, type: "seen", isConsistent: false }, nowMs)),
        write: { isInFlight: false, failures: 0, notBeforeMs: 0, lastMs: nowMs },
      };
    case "notStored":
      return notStored(state, event.isConflict, nowMs);
    case "started":
      return withPart(state, event.part, (part) => afterStart(part, event.outcome, nowMs, state.group));
    case "stopped":
      return withPart(state, event.part, (part) =>
        afterStop(part, event.outcome, nowMs, state.tenure?.urgent !== undefined),
      );
    case "read":
      return readPart(state, event.part, event.reading, nowMs);
    case "changed":
      return withParts(state, (part) => (part.plan.kind === event.kind ? hurried(part, nowMs) : part));
    case "connectionsCut":
      return withTenure(state, (tenure) => ({ ...tenure, cutsDone: tenure.cutsDone + 1 }));
    case "found":
      return { ...state, findings: event.findings };
    case "promised":
      return { ...state, promise: event.promise };
    case "copies":
      return { ...state, copies: withCopies(state.copies, event.disk, event.members) };
    case "isolation":
      return { ...state, isolation: event.verdict };
    case "takeDown":
      return takeDown(state, event.budgetMs, nowMs);
    case "tick":
      return state;
  }
}

function withCopies(
  copies: GroupState["copies"],
  disk: string,
  members: readonly string[] | undefined,
): GroupState["copies"] {
  const others = Object.entries(copies).filter(([name]) => name !== disk);
  return Object.fromEntries(members === undefined ? others : [...others, [disk, members]]);
}

function seen(state: GroupState, event: GroupEvent & { type: "seen" }, nowMs: number): GroupState {
  const version = event.group.metadata.resourceVersion;
  // A read that shows less than what was known when it was sent: the server itself went back (a restored backup).
  const isRewound = event.isConsistent && isOlderVersion(version, state.read.sentAt);
  const isOlder = !isRewound && isOlderVersion(version, state.group?.metadata.resourceVersion);
  const read = event.isConsistent
    ? READ_DONE
    : isOlder
      ? { ...state.read, recheckAtMs: state.read.recheckAtMs ?? nowMs + RECHECK_MS }
      : state.read;
  const known = isOlder
    ? { ...state, read }
    : { ...state, read, group: event.group, plans: event.plans, isGone: false };
  if (!event.isConsistent) return known;
  const resolved = state.rules.onlyWritesResolveChanges ? known : settled(known);
  return withTenure(resolved, (tenure) => confirmed(known, tenure));
}

/** A read of ours that shows the grant takes the tenure one stage on. */
function confirmed(state: GroupState, tenure: Tenure): Tenure {
  const isConfirmed = tenure.stage === "reading" && isStillGranted(state, tenure.grant);
  return isConfirmed ? { ...tenure, stage: "asking" } : tenure;
}

/** Resource versions of one object rise as decimal numbers; where they do not look so, the newer arrival counts. */
function isOlderVersion(arrived: string | undefined, known: string | undefined): boolean {
  if (arrived === undefined || known === undefined) return false;
  if (!/^[0-9]+$/.test(arrived) || !/^[0-9]+$/.test(known)) return false;
  return BigInt(arrived) < BigInt(known);
}

function answered(state: GroupState, epoch: number, denied: DenyReason | undefined, nowMs: number): GroupState {
  return withTenure(state, (tenure) => {
    if (tenure.stage !== "asking" || tenure.grant.epoch !== epoch) return tenure;
    if (denied === undefined) return { ...tenure, stage: "recording", isAsked: false };
    const isFinal = denied === "older-epoch" || denied === "given-up";
    return isFinal ? leaving(tenure, nowMs) : { ...tenure, isAsked: false, askAtMs: nowMs + ASK_AGAIN_MS };
  });
}

function notStored(state: GroupState, isConflict: boolean, nowMs: number): GroupState {
  const failed = { ...state.write, ...failedCall(state.write, nowMs) };
  // A lost race is run again at once; one that is lost again and again is no race.
  const isRace = isConflict && failed.failures <= RACES_IN_A_ROW;
  const write = isRace ? { ...failed, notBeforeMs: nowMs } : failed;
  // Whether or not it was carried out, the truth is on the server.
  return { ...(isConflict ? settled(state) : state), write, read: { ...state.read, isWanted: true } };
}

/** An answer, yes or no, shows that the object has moved on: no earlier write of ours can arrive any more. */
function settled(state: GroupState): GroupState {
  return withTenure(state, (tenure) => ({ ...tenure, asking: { ...tenure.asking, unsettled: [] } }));
}

function takeDown(state: GroupState, budgetMs: number, nowMs: number): GroupState {
  const forbidden = { ...state, isForbidden: true };
  return withTenure(forbidden, (tenure) => {
    const urgent = tenure.urgent ?? { sinceMs: nowMs, budgetMs };
    return { ...leaving(tenure, nowMs), urgent };
  });
}

function failedCall(call: Call, nowMs: number): Call {
  const failures = call.failures + 1;
  return {
    isInFlight: false,
    failures,
    notBeforeMs: nowMs + backoffMs(failures, CALL_RETRY_BASE_MS, CALL_RETRY_MAX_MS),
  };
}

function withTenure(state: GroupState, change: (tenure: Tenure) => Tenure): GroupState {
  return state.tenure === undefined ? state : { ...state, tenure: change(state.tenure) };
}

function withParts(state: GroupState, change: (part: Part) => Part): GroupState {
  return withTenure(state, (tenure) => ({
    ...tenure,
    parts: Object.fromEntries(Object.entries(tenure.parts).map(([key, part]) => [key, change(part)])),
  }));
}

function withPart(state: GroupState, key: string, change: (part: Part) => Part): GroupState {
  return withParts(state, (part) => (part.plan.key === key ? change(part) : part));
}

function readPart(state: GroupState, key: string, reading: Reading, nowMs: number): GroupState {
  const group = state.group;
  if (group === undefined) return state;
  return withPart(state, key, (part) => afterReading(part, reading, nowMs, group));
}

function leaving(tenure: Tenure, nowMs: number): Tenure {
  if (tenure.stage === "leaving" || tenure.stage === "down") return tenure;
  // What waited for another try of its start is stopped at once.
  const parts = Object.fromEntries(
    Object.entries(tenure.parts).map(([key, part]) => [key, { ...part, notBeforeMs: nowMs, failures: 0 }]),
  );
  return { ...tenure, parts, stage: "leaving", leavingSinceMs: nowMs };
}

/** What follows from what is known. */
function decide(known: GroupState, now: Instant): GroupStep {
  const nowMs = now.monotonicMs;
  const effects: GroupEffect[] = [];
  let state = leaveOrBegin(leaveBehind(known, effects), nowMs);
  const { tenure } = state;
  if (tenure?.stage === "asking" && !tenure.isAsked && nowMs >= tenure.askAtMs) {
    effects.push({ type: "ask", grant: tenure.grant });
    state = { ...state, tenure: { ...tenure, isAsked: true } };
  }
  if (tenure?.stage === "recording" && isRecorded(state, tenure))
    state = { ...state, tenure: { ...tenure, stage: "serving" } };
  if (state.tenure !== undefined) state = { ...state, tenure: tellMustAsk(state, state.tenure, nowMs, effects) };
  if (state.tenure?.stage === "serving" || state.tenure?.stage === "leaving") {
    const moved = decideParts(state, state.tenure, nowMs);
    effects.push(...moved.effects);
    state = finishWhenDown({ ...state, tenure: moved.tenure }, effects);
  }
  if (state.tenure !== undefined && wantsReboot(state, state.tenure, nowMs)) {
    effects.push({ type: "reboot", grant: state.tenure.grant });
    state = { ...state, tenure: { ...state.tenure, isRebootAsked: true } };
  }
  state = decideWrite(state, now, effects);
  state = decideRead(state, nowMs, effects);
  return { state, effects, wakeAtMs: nextWakeMs(state, nowMs) };
}

/** Only what serves in peace is left behind; a take-down under way is carried through. */
function leaveBehind(state: GroupState, effects: GroupEffect[]): GroupState {
  const { tenure } = state;
  const isLeft = state.isGone && state.group?.spec.whenDeleted === "Leave" && tenure?.stage === "serving";
  if (!isLeft || state.isForbidden) return state;
  effects.push({ type: "leaveBehind", grant: tenure.grant });
  return { ...state, tenure: undefined, finishedEpoch: Math.max(state.finishedEpoch, tenure.grant.epoch) };
}

function leaveOrBegin(known: GroupState, nowMs: number): GroupState {
  let state = known;
  if (state.tenure !== undefined && state.tenure.stage !== "leaving" && state.tenure.stage !== "down") {
    if (isStillGranted(state, state.tenure.grant))
      return withTenure(state, (tenure) => ({
        ...tenure,
        parts: tenure.stage === "serving" ? adoptPlans(tenure.parts, state.plans) : tenure.parts,
      }));
    state = { ...state, tenure: leaving(state.tenure, nowMs) };
  }
  if (state.tenure?.stage === "leaving")
    return { ...state, finishedEpoch: Math.max(state.finishedEpoch, state.tenure.grant.epoch) };
  if (state.tenure !== undefined && !isSettled(state, state.tenure)) return state;
  return begin({ ...state, tenure: undefined }, nowMs);
}

/** A tenure that is down has nothing left to do once that is on record, or once nobody can read it any more. */
function isSettled(state: GroupState, tenure: Tenure): boolean {
  const report = storedReport(state);
  const isOnRecord =
    report?.state === "Inactive" && report.epoch === tenure.grant.epoch && report.session === tenure.grant.session;
  return (
    state.isGone ||
    isOnRecord ||
    (report !== undefined && report.epoch > tenure.grant.epoch) ||
    servableGrant(state) !== undefined
  );
}

function begin(state: GroupState, nowMs: number): GroupState {
  const leftover = leftoverGrant(state);
  const servable = servableGrant(state);
  const grant = leftover ?? servable ?? unservedGrant(state);
  if (grant === undefined || state.group === undefined) return state;
  const isLeftover = leftover !== undefined;
  const isServable = !isLeftover && servable !== undefined;
  const tenure: Tenure = {
    grant,
    stage: isServable ? "reading" : "leaving",
    cause: causeOf(state.group, grant.epoch),
    parts: Object.fromEntries(state.plans.map((plan) => [plan.key, newPart(plan, !isLeftover)])),
    isAsked: false,
    askAtMs: nowMs,
    asking: nobodyAsked,
    urgent: undefined,
    leavingSinceMs: nowMs,
    cutsBegun: 0,
    cutsDone: 0,
    isRebootAsked: false,
  };
  const finishedEpoch = isServable ? state.finishedEpoch : Math.max(state.finishedEpoch, grant.epoch);
  // What was known about copies was known under another grant.
  return { ...state, tenure, finishedEpoch, copies: {} };
}

function finishWhenDown(state: GroupState, effects: GroupEffect[]): GroupState {
  const { tenure } = state;
  if (
    tenure?.stage !== "leaving" ||
    !Object.values(tenure.parts).every((part) => part.isClean && part.phase === "down")
  )
    return state;
  const ports = state.group?.spec.servicePorts ?? [];
  const hasCommand = Object.values(tenure.parts).some((part) => part.plan.kind === "command");
  // A service that runs on although nothing here serves it may have accepted more since the first cut.
  if (ports.length > 0 && !hasCommand && tenure.cutsBegun < 2) {
    effects.push({ type: "cutConnections", addresses: [], ports });
    return { ...state, tenure: { ...tenure, cutsBegun: 2 } };
  }
  if (tenure.cutsDone < tenure.cutsBegun) return state;
  effects.push({ type: "tellDeactivated", grant: tenure.grant });
  return { ...state, tenure: { ...tenure, stage: "down" } };
}

function decideWrite(state: GroupState, now: Instant, effects: GroupEffect[]): GroupState {
  const wanted = wantedReport(state);
  const version = state.group?.metadata.resourceVersion;
  if (
    wanted === undefined ||
    version === undefined ||
    state.write.isInFlight ||
    state.read.isWanted ||
    state.read.isInFlight
  )
    return state;
  if (!mayRecord(state, wanted)) return state;
  const dueAtMs = writeDueAtMs(state);
  if (dueAtMs === undefined || now.monotonicMs < dueAtMs) return state;
  effects.push({ type: "write", report: withTimes(wanted, storedReport(state), now), resourceVersion: version });
  const sent = withTenure(state, (tenure) => ({
    ...tenure,
    asking: { ...tenure.asking, unsettled: [...new Set([...tenure.asking.unsettled, ...(wanted.knownMembers ?? [])])] },
  }));
  return { ...sent, write: { ...state.write, isInFlight: true } };
}

function writeDueAtMs(state: GroupState): number | undefined {
  const wanted = wantedReport(state);
  if (wanted === undefined) return undefined;
  const patienceMs = reportPatienceMs(wanted, storedReport(state));
  if (patienceMs === undefined) return undefined;
  const sinceMs = patienceMs < PROGRESS_INTERVAL_MS ? (state.tenure?.leavingSinceMs ?? 0) : state.write.lastMs;
  return Math.max(state.write.notBeforeMs, patienceMs === 0 ? 0 : sinceMs + patienceMs);
}

function decideRead(state: GroupState, nowMs: number, effects: GroupEffect[]): GroupState {
  const isRecheckDue = state.read.recheckAtMs !== undefined && nowMs >= state.read.recheckAtMs;
  const isNeeded = state.read.isWanted || isRecheckDue || state.tenure?.stage === "reading";
  if (!isNeeded || state.isGone || state.read.isInFlight || state.write.isInFlight || nowMs < state.read.notBeforeMs)
    return state;
  effects.push({ type: "read" });
  return {
    ...state,
    read: { ...state.read, isInFlight: true, isWanted: true, sentAt: state.group?.metadata.resourceVersion },
  };
}

function nextWakeMs(state: GroupState, nowMs: number): number | undefined {
  const { tenure, read, write } = state;
  const times: (number | undefined)[] = [];
  if (tenure?.stage === "asking" && !tenure.isAsked) times.push(tenure.askAtMs);
  if (tenure !== undefined) times.push(tenure.asking.notBeforeMs);
  times.push(read.recheckAtMs);
  if (read.isWanted && !read.isInFlight && !write.isInFlight && !state.isGone) times.push(read.notBeforeMs);
  if (!write.isInFlight && !read.isWanted) times.push(writeDueAtMs(state));
  if (tenure !== undefined) times.push(...partWakesMs(tenure));
  const due = times.filter((time) => time !== undefined);
  // What is overdue waits for an event that is on its way; looking again at once would change nothing.
  const ahead = due.filter((time) => time > nowMs);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
