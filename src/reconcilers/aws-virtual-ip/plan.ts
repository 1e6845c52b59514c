/**
 * What to do about one AwsVirtualIP. Pure and total: what was seen in, steps out.
 *
 *   grant, dependencies active        wrong                       right
 *   ──────────────────────────> write all tables ──> read again ──────────> Ready ──> read again after the longest call
 *                                     ^                 │ wrong                        │ then every monitor interval
 *                                     └─────────────────┴──────────────────────────────┘
 *
 * Invariants: routes are written only for a recorded claim and a grant whose dependencies are active, never because
 * something could not be read; while nobody is active they stay as they are. A plan that writes routes does nothing else
 * about the routes: what it brought is judged from the next reading.
 */
import { FINALIZERS } from "../../api/kinds.ts";
import type { Plan } from "../../controller/contract.ts";
import { isSameStatus } from "../../controller/status-writer.ts";
import { keyOf } from "../../kube/ports.ts";
import type { Instant } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { preflight } from "./checks.ts";
import { isApplied } from "./conditions.ts";
import type { Judgement } from "./conditions.ts";
import { eventsAbout, eventsAboutLostEntries, statusOf } from "./plan-status.ts";
import { viewRoutes } from "./routes.ts";
import type { RoutesView, WrongRoute } from "./routes.ts";
import { destinationOf } from "./seen.ts";
import type { Seen } from "./seen.ts";
import type { Step } from "./steps.ts";

/** Between two rounds of writes that did not bring the routes right, in ms: doubled up to `monitor.retryInterval`. */
const FIRST_RETRY_MS = 200;
/** Most tables written in one step; a VPC has 200 tables by default (VPC quotas), of which this is far more than carry one address. */
const MAX_WRITES = 100;

export function plan(seen: Seen, now: Instant): Plan<Step> {
  const { vip, claim } = seen;
  const finalizers = vip.metadata.finalizers ?? [];
  const isDeleting = vip.metadata.deletionTimestamp !== undefined;
  if (isDeleting && claim.type === "None") {
    return { steps: finalizers.includes(FINALIZERS.inUse) ? [{ do: "RemoveFinalizer" }] : [] };
  }
  const routes = seen.activation.state === "Due" ? viewRoutes(seen, seen.activation.grant.node) : undefined;
  const writes = routeWrites(seen, routes, now);
  if (writes.length > 0) return { steps: writes, requeueAfterMs: 0 };
  const judgement: Judgement = { seen, preflight: preflight(seen), routes, now };
  const status = statusOf(judgement);
  const isClaimNew = status.group?.uid !== seen.status.group?.uid;
  const finalizer: Step[] = isDeleting || finalizers.includes(FINALIZERS.inUse) ? [] : [{ do: "AddFinalizer" }];
  const repairs = checkRepairs(seen, now);
  const steps = [...finalizer, ...repairs, ...statusSteps(seen, status)];
  const lookAgainMs = isClaimNew || repairs.length > 0 ? 0 : nextLookMs(seen, routes, now);
  return { steps, ...(lookAgainMs === undefined ? {} : { requeueAfterMs: lookAgainMs }) };
}

function statusSteps(seen: Seen, status: Seen["status"]): Step[] {
  if (isSameStatus(seen.status, status)) return [];
  return [{ do: "WriteStatus", status }, ...eventsAbout(seen.status, status), ...eventsAboutLostEntries(seen, status)];
}

/** The writes that are due now: at the first sight of a wrong route, later with growing pauses. */
function routeWrites(seen: Seen, routes: RoutesView | undefined, now: Instant): Step[] {
  const { claim, activation, vip } = seen;
  if (claim.type !== "Held" || activation.state !== "Due" || routes?.state !== "Wrong") return [];
  const { group } = claim;
  const groupUid = group.metadata.uid ?? "";
  const isClaimRecorded = seen.status.group?.uid === groupUid;
  const isRepair = isApplied(seen);
  if (!isClaimRecorded || (isRepair && seen.isPaused) || retryInMs(seen, now) > 0) return [];
  const destinationCidr = destinationOf(vip);
  const step: Step = {
    do: "ReplaceRoutes",
    group: keyOf(group),
    groupUid,
    grant: activation.grant,
    routes: routes.wrong.slice(0, MAX_WRITES).map(({ region, routeTableId, wanted }) => ({
      region,
      routeTableId,
      destinationCidr,
      networkInterfaceId: wanted,
    })),
  };
  const isFirstRound = seen.memory.writes?.epoch !== activation.grant.epoch || seen.memory.writes.count === 0;
  return isRepair && isFirstRound ? [step, driftEvent(destinationCidr, routes.wrong)] : [step];
}

function driftEvent(destination: string, wrong: readonly WrongRoute[]): Step {
  const found = wrong.map((route) => `${route.routeTableId} led to ${route.found ?? "no interface"}`).join(", ");
  const message = `the route for ${destination} was changed: ${found}; it is set to ${wrong[0]?.wanted ?? ""} again. If this happens repeatedly, look for somebody else who manages this address`;
  return { do: "Tell", type: "Warning", reason: "RouteWrong", message };
}

/** How long until the next round of writes may start, in ms; 0: now. */
function retryInMs(seen: Seen, now: Instant): number {
  const { writes } = seen.memory;
  const epoch = seen.activation.state === "Due" ? seen.activation.grant.epoch : undefined;
  if (writes === undefined || writes.epoch !== epoch || writes.count === 0) return 0;
  const longestMs = parseDurationMs(seen.vip.spec.monitor.retryInterval) ?? FIRST_RETRY_MS;
  const pauseMs = Math.min(longestMs, FIRST_RETRY_MS * 2 ** (writes.count - 1));
  return Math.max(0, writes.endedAtMs + pauseMs - now.monotonicMs);
}

/** `sourceDestCheck: Repair`: every member's interface, before it is needed. */
function checkRepairs(seen: Seen, now: Instant): Step[] {
  if (seen.vip.spec.sourceDestCheck !== "Repair" || seen.claim.type !== "Held" || seen.isPaused) return [];
  const { repairFailure } = seen.memory;
  const intervalMs = parseDurationMs(seen.vip.spec.monitor.interval) ?? 10_000;
  if (repairFailure !== undefined && now.monotonicMs - repairFailure.atMs < intervalMs) return [];
  const enis = seen.members.flatMap((member) => {
    const eni = member.networkInterface?.ok === true ? member.networkInterface.value : undefined;
    const region = seen.vpcs.find((vpc) => vpc.vpcId === eni?.vpcId)?.region;
    return eni?.sourceDestCheck === true && region !== undefined ? [{ region, eniId: eni.networkInterfaceId }] : [];
  });
  return enis.length === 0 ? [] : [{ do: "SwitchSourceDestCheckOff", enis }];
}

/** The earliest of: next monitor reading, next round of writes, second verification, end of the activation's time. */
function nextLookMs(seen: Seen, routes: RoutesView | undefined, now: Instant): number | undefined {
  if (seen.claim.type === "None") return undefined;
  const { monitor, timeouts } = seen.vip.spec;
  const intervalMs = parseDurationMs(monitor.interval) ?? 10_000;
  const looks = [intervalMs, ...readAgesMs(seen, now).map((ageMs) => intervalMs - ageMs)];
  const { lateVerifyAtMs, due } = seen.memory;
  if (lateVerifyAtMs !== undefined && lateVerifyAtMs > now.monotonicMs) looks.push(lateVerifyAtMs - now.monotonicMs);
  const isOpen = routes !== undefined && routes.state !== "Right";
  if (isOpen && !seen.isPaused)
    looks.push(isUnreadable(routes) ? (parseDurationMs(monitor.retryInterval) ?? intervalMs) : retryInMs(seen, now));
  if (isOpen && due !== undefined && !isApplied(seen)) {
    const leftMs = due.sinceMs + (parseDurationMs(timeouts.activate) ?? 0) - now.monotonicMs;
    if (leftMs > 0) looks.push(leftMs);
  }
  return Math.max(MIN_LOOK_MS, Math.min(...looks));
}

/** A floor against spinning, in ms: whatever is due within it is looked at once. */
const MIN_LOOK_MS = 10;

function isUnreadable(routes: RoutesView): boolean {
  return routes.state === "Unreadable" || routes.state === "NothingToWrite";
}

/** Ages of the readings of routes, in ms. */
function readAgesMs(seen: Seen, now: Instant): number[] {
  return seen.vpcs.flatMap(({ routeTables }) => (routeTables.ok ? [now.monotonicMs - routeTables.sentAtMs] : []));
}
