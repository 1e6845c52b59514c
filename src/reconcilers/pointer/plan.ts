/**
 * What to do about one pointer. Pure and total: what was seen in, steps out.
 *
 *   grant, dependencies active        wrong                       right
 *   ──────────────────────────> write everything ──> read again ──────────> Ready ──> read again after the longest call
 *                                     ^                 │ wrong                        │ then every monitor interval
 *                                     └─────────────────┴──────────────────────────────┘
 *
 * Invariants: a pointer is written only for a recorded claim and a grant whose dependencies are active, never because
 * something could not be read; while nobody is active it stays as it is, unless the object wants otherwise for a group
 * that was stopped. A plan that writes does nothing else about the pointer: what it brought is judged from the next
 * reading.
 */
import { FINALIZERS } from "../../api/kinds.ts";
import type { Plan } from "../../controller/contract.ts";
import { isSameStatus } from "../../controller/status-writer.ts";
import { keyOf } from "../../kube/ports.ts";
import type { Instant } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { preflight } from "./checks.ts";
import type { Judgement } from "./conditions.ts";
import type { PointerKind, PointerView, StoppedView } from "./kind.ts";
import { eventsAbout, eventsAboutCalls, statusOf } from "./plan-status.ts";
import { groupOf, isApplied } from "./seen.ts";
import type { PointerObject, PointerSeen, StatusOf } from "./seen.ts";
import type { Step } from "./steps.ts";

/** Between two rounds of writes that did not help, in ms: doubled up to `monitor.retryInterval`. */
const FIRST_RETRY_MS = 200;
/** Most writes of one step; a VPC has 200 route tables by default (VPC quotas), of which this is far more than carry one address. */
const MAX_WRITES = 100;
/** A floor against spinning, in ms: whatever is due within it is looked at once. */
const MIN_LOOK_MS = 10;

type AnySeen = PointerSeen<PointerObject, unknown>;

export function planPointer<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  seen: PointerSeen<Obj, Facts>,
  now: Instant,
): Plan<Step<Write, StatusOf<Obj>>> {
  const finalizers = seen.object.metadata.finalizers ?? [];
  const isDeleting = seen.object.metadata.deletionTimestamp !== undefined;
  const stopped = seen.isGroupStopped ? kind.whenStopped?.(seen) : undefined;
  if (isDeleting && mayGo(seen, stopped, now)) {
    const steps = finalizers.includes(FINALIZERS.inUse) ? [{ do: "RemoveFinalizer" } as const] : [];
    return { steps };
  }
  const view = seen.activation.state === "Due" ? kind.view(seen, seen.activation.grant.node) : undefined;
  const writes = [...pointerWrites(kind, seen, view, now), ...stoppedWrites<Write, StatusOf<Obj>>(seen, stopped, now)];
  if (writes.length > 0) return { steps: writes, requeueAfterMs: 0 };
  const judgement: Judgement<Obj, Facts, Write, Keys> = {
    kind,
    seen,
    preflight: preflight(kind, seen),
    view,
    stopped,
    now,
  };
  const status = statusOf(judgement);
  const isClaimNew = status.group?.uid !== seen.status.group?.uid;
  const hasFinalizer = isDeleting || finalizers.includes(FINALIZERS.inUse);
  const upkeep = upkeepSteps(kind, seen, now);
  const steps: Step<Write, StatusOf<Obj>>[] = [
    ...(hasFinalizer ? [] : [{ do: "AddFinalizer" } as const]),
    ...upkeep,
    ...statusSteps(kind, seen, status),
  ];
  const lookAgainMs = isClaimNew || upkeep.length > 0 ? 0 : nextLookMs(judgement);
  return { steps, ...(lookAgainMs === undefined ? {} : { requeueAfterMs: lookAgainMs }) };
}

/** A deleted object waits while a group lists it, and for what it wants of a deleted group, though not for ever. */
function mayGo(seen: AnySeen, stopped: StoppedView<unknown> | undefined, now: Instant): boolean {
  if (seen.claim.type === "None") return true;
  if (seen.claim.type !== "GroupDeleted") return false;
  const { stoppedSinceMs = now.monotonicMs } = seen.memory;
  const isGivenUp = now.monotonicMs - stoppedSinceMs >= (parseDurationMs(seen.object.spec.timeouts.deactivate) ?? 0);
  return stopped === undefined || stopped.state === "Done" || isGivenUp;
}

function statusSteps<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  seen: PointerSeen<Obj, Facts>,
  status: StatusOf<Obj>,
): Step<Write, StatusOf<Obj>>[] {
  if (isSameStatus(seen.status, status)) return [];
  const ofKind = seen.claim.type === "None" ? [] : (kind.events?.(seen, status) ?? []);
  const told = [...ofKind, ...eventsAboutCalls(seen, status)];
  return [
    { do: "WriteStatus", status },
    ...eventsAbout<Write, StatusOf<Obj>>(seen.status, status),
    ...told.map((finding) => ({ do: "Tell", type: "Warning", ...finding }) as const),
  ];
}

/** The writes that are due now: at the first sight of a wrong pointer, later with growing pauses. */
function pointerWrites<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  seen: PointerSeen<Obj, Facts>,
  view: PointerView<Write> | undefined,
  now: Instant,
): Step<Write, StatusOf<Obj>>[] {
  const { claim, activation } = seen;
  if (claim.type !== "Held" || activation.state !== "Due" || view?.state !== "Wrong") return [];
  const { group } = claim;
  const groupUid = group.metadata.uid ?? "";
  const isClaimRecorded = seen.status.group?.uid === groupUid;
  const isRepair = isApplied(seen);
  if (!isClaimRecorded || (isRepair && seen.isPaused) || retryInMs(kind, seen, now) > 0) return [];
  const writes = view.writes.slice(0, MAX_WRITES);
  const step = { do: "Write", group: keyOf(group), groupUid, grant: activation.grant, writes } as const;
  const isFirstRound = seen.memory.writes?.epoch !== activation.grant.epoch || seen.memory.writes.count === 0;
  return isRepair && isFirstRound ? [step, { do: "Tell", type: "Warning", ...view.drift }] : [step];
}

/** What the object wants of a stopped group, with a pause of one retry interval after a failure. */
function stoppedWrites<Write, Status>(
  seen: AnySeen,
  stopped: StoppedView<Write> | undefined,
  now: Instant,
): Step<Write, Status>[] {
  const group = groupOf(seen);
  if (stopped?.state !== "Write" || group === undefined) return [];
  const { stopFailure } = seen.memory;
  const pauseMs = parseDurationMs(seen.object.spec.monitor.retryInterval) ?? 0;
  if (stopFailure !== undefined && now.monotonicMs - stopFailure.atMs < pauseMs) return [];
  const { writes, message } = stopped;
  const groupUid = group.metadata.uid ?? "";
  return [{ do: "WriteStopped", group: keyOf(group), groupUid, writes: writes.slice(0, MAX_WRITES), message }];
}

/** How long until the next round of writes may start, in ms; 0: now. */
function retryInMs<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  seen: PointerSeen<Obj, Facts>,
  now: Instant,
): number {
  const { writes } = seen.memory;
  const epoch = seen.activation.state === "Due" ? seen.activation.grant.epoch : undefined;
  if (writes === undefined || writes.epoch !== epoch || writes.count === 0) return 0;
  const monitorMs = parseDurationMs(seen.object.spec.monitor.retryInterval) ?? FIRST_RETRY_MS;
  const longestMs = kind.writeRetry?.(seen.object).intervalMs ?? monitorMs;
  const pauseMs = Math.min(longestMs, FIRST_RETRY_MS * 2 ** (writes.count - 1));
  return Math.max(0, writes.endedAtMs + pauseMs - now.monotonicMs);
}

function upkeepSteps<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  seen: PointerSeen<Obj, Facts>,
  now: Instant,
): Step<Write, StatusOf<Obj>>[] {
  if (seen.claim.type !== "Held" || seen.isPaused) return [];
  const { upkeepFailure } = seen.memory;
  const intervalMs = parseDurationMs(seen.object.spec.monitor.interval) ?? 10_000;
  if (upkeepFailure !== undefined && now.monotonicMs - upkeepFailure.atMs < intervalMs) return [];
  const writes = kind.upkeep?.(seen) ?? [];
  return writes.length === 0 ? [] : [{ do: "Upkeep", writes: writes.slice(0, MAX_WRITES) }];
}

/** The earliest of: next monitor reading, next round of writes, second verification, end of the activation's time. */
function nextLookMs<Obj extends PointerObject, Facts, Write, Keys>(
  judgement: Judgement<Obj, Facts, Write, Keys>,
): number | undefined {
  const { kind, seen, view, stopped, now } = judgement;
  if (seen.claim.type === "None") return undefined;
  const { monitor, timeouts } = seen.object.spec;
  const intervalMs = parseDurationMs(monitor.interval) ?? 10_000;
  const retryMs = parseDurationMs(monitor.retryInterval) ?? intervalMs;
  const agesMs = kind
    .readings(seen.facts)
    .monitored.flatMap((reading) => (reading.ok ? [now.monotonicMs - reading.sentAtMs] : []));
  const looks = [intervalMs, ...agesMs.map((ageMs) => intervalMs - ageMs)];
  const { lateVerifyAtMs, due } = seen.memory;
  if (lateVerifyAtMs !== undefined && lateVerifyAtMs > now.monotonicMs) looks.push(lateVerifyAtMs - now.monotonicMs);
  const isOpen = view !== undefined && view.state !== "Right";
  if (isOpen && !seen.isPaused) looks.push(view.state === "Wrong" ? retryInMs(kind, seen, now) : retryMs);
  if (stopped !== undefined && stopped.state !== "Done") looks.push(retryMs);
  if (isOpen && due !== undefined && !isApplied(seen)) {
    const leftMs = due.sinceMs + (parseDurationMs(timeouts.activate) ?? 0) - now.monotonicMs;
    if (leftMs > 0) looks.push(leftMs);
  }
  const own = kind.nextLookMs?.(seen, now);
  if (own !== undefined) looks.push(own);
  return Math.max(MIN_LOOK_MS, Math.min(...looks));
}
