/**
 * How long the client may be without an answer, per fault: the table of docs/design/exclusivity.md, section "Chaos".
 * Pure.
 *
 * One fault: what the protocol promises. Two that overlap: the sum; where the second takes away what the failover of the
 * first needs (the API server, the leader, the only other member, the cloud), that sum counts how long it takes it away.
 */
import { CLOCK_RATE_BOUND, revokeWaitMs } from "../../api/timings.ts";
import type { Timings } from "../../api/timings.ts";
import type { Chapter, PlannedFault } from "./faults.ts";
import { isMember } from "./faults.ts";

/** Processing of a failover beyond what the protocol waits, in ms. */
export const PROCESSING_MS = 700;
/**
 * Where the service must not be away at all: the client asks every 20 ms and gives up after 100 ms, and one of its
 * requests may fall into each end of a pause; the rest is for a busy machine. In ms.
 */
export const NOISE_MS = 300;
/** What a machine that is too busy to measure may add at most, however late the measuring processes ran, in ms. */
export const MAX_STALL_MS = 500;

/** From its start until the API server answers, in ms. */
const API_SERVER_START_MS = 2_000;
/** rho * D + M + one interval of the leader's election (4 s, 0.25 s, 0.5 s with the fast timings), in ms. */
const LEADER_CHANGE_MS = CLOCK_RATE_BOUND * 4_000 + 250 + 500;
/** From the end of a controller to its successor's readiness, where it did not end again and again, in ms. */
const CONTROLLER_START_MS = 3_000;
/** From the power coming back to a session, in ms. */
const MACHINE_START_MS = 3_000;
/** A call that hangs, and the pause before it is repeated (`timeouts`, `monitor.retryInterval`), in ms. */
const CLOUD_RETRY_MS = 5_000 + 2_000;
/** Calls in a row between the grant and the change of the route. */
const CLOUD_CALLS = 3;

/** The longest pause that costs nothing (API.md 2): nobody is late for a renewal. In ms. */
export function freePauseMs(timings: Timings): number {
  return timings.renewDeadlineMs - timings.renewIntervalMs - timings.requestTimeoutMs;
}

/** What a failover without proof may take: rho*L + M + 0.7 s. In ms. */
export function failoverMs(timings: Timings): number {
  return revokeWaitMs(timings) + PROCESSING_MS;
}

/** The longest outage that passes, in ms. */
export function boundMs(chapter: Pick<Chapter, "faults">, timings: Timings): number {
  const { faults } = chapter;
  const onActive = faults.find((fault) => fault.victim === "active");
  if (!mayFailOver(faults)) return (onActive?.lengthMs ?? 0) + NOISE_MS;
  const others = faults.filter((fault) => fault.victim !== "active" || !isFailover(fault));
  return others.reduce((sum, fault) => sum + delayMs(fault, timings), failoverMs(timings));
}

function mayFailOver(faults: readonly PlannedFault[]): boolean {
  if (faults.some((fault) => fault.victim === "active" && isFailover(fault))) return true;
  // A member that is well, or pauses for a moment, gives up when neither the API server nor its peer prolongs its right.
  return faults.filter(({ victim }) => victim === "api-server" || isMember(victim)).length > 1;
}

/** Whether the active member may have to give up, so that the other one takes over. */
function isFailover(fault: PlannedFault): boolean {
  return fault.kind !== "pause-short" && fault.kind !== "cut-off-short";
}

/** How long a fault may keep a failover waiting that began when its chapter did, in ms. */
function delayMs(fault: PlannedFault, timings: Timings): number {
  const overMs = fault.afterMs + fault.lengthMs;
  switch (fault.kind) {
    case "api-kill":
      return overMs + API_SERVER_START_MS + LEADER_CHANGE_MS;
    case "api-freeze":
      return overMs + LEADER_CHANGE_MS;
    case "controller-kill":
      return 0;
    case "leader-kill":
      // The other replica has been counting all the time.
      return Math.max(0, fault.afterMs + LEADER_CHANGE_MS - revokeWaitMs(timings));
    case "leader-freeze":
      // It goes on as leader, or the other replica has become it.
      return fault.afterMs + Math.min(fault.lengthMs, LEADER_CHANGE_MS) + LEADER_CHANGE_MS;
    case "controllers-kill":
      return overMs + CONTROLLER_START_MS + LEADER_CHANGE_MS;
    case "cloud-slow":
      return CLOUD_CALLS * (fault.latencyMs ?? 0);
    case "cloud-failing":
      return overMs + CLOUD_RETRY_MS;
    case "pause-short":
    case "cut-off-short":
      return overMs;
    default:
      // The only other member: it must come back, and one that has booted waits for what it may have promised.
      return overMs + MACHINE_START_MS + revokeWaitMs(timings);
  }
}
