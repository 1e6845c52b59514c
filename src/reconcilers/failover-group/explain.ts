/**
 * Why a group is where it is, what would happen if its active member died now, what blocks what, and by which timings.
 * Pure: it runs the production plan on what was seen, and on what would be seen after the death, and reads the outcome.
 *
 * Must never do: know a rule of its own. Whatever it says about the future is what `planGroup` planned.
 */
import { CLOCK_RATE_BOUND, revokeWaitMs, type Timings } from "../../api/timings.ts";
import type { Instant } from "../../lib/clock.ts";
import { formatDuration } from "../../lib/duration.ts";
import { groupProblems } from "./checks-group.ts";
import { memberVerdicts } from "./checks-members.ts";
import { holderOf } from "./holder.ts";
import { isolationSentences } from "./isolation.ts";
import { maintenanceSentences } from "./plan-maintenance.ts";
import { planGroup } from "./plan.ts";
import { memberOf, type Seen } from "./seen.ts";
import { timingsOf } from "./session-observer.ts";
import type { ControllerStatus, MemberVerdict } from "./types.ts";

export interface Explanation {
  readonly group: string;
  /** Where it is and since which move. */
  readonly where: string;
  /** What would happen if the active member died now; absent while nobody is active. */
  readonly ifActiveDied?: string;
  /** Whether another member would be granted the group then. */
  readonly wouldFollow: boolean;
  /** What the controller would do next about it, as it is. */
  readonly next: string;
  readonly members: readonly MemberVerdict[];
  /** Rules and preconditions that block something, with the remedy where one is known. */
  readonly blocks: readonly string[];
  readonly timings: readonly string[];
}

export function explainGroup(seen: Seen, now: Instant): Explanation {
  const { metadata, status } = seen.group;
  const death = status?.active === undefined ? undefined : outcomeOfDeath(seen, deathOf(seen, now), now);
  return {
    group: `${metadata.namespace ?? "default"}/${metadata.name}`,
    where: whereIs(seen),
    ...(death === undefined ? {} : { ifActiveDied: death.text }),
    wouldFollow: death?.follows ?? false,
    next: nextOf(seen, now),
    members: memberVerdicts(seen, now.wallMs),
    blocks: blocksOf(seen),
    timings: timingsText(timingsInForce(seen)),
  };
}

function whereIs(seen: Seen): string {
  const { status } = seen.group;
  const last = status?.history?.find((move) => move.to !== undefined);
  const why =
    last === undefined
      ? ""
      : `; the last move was ${last.from ?? "nobody"} -> ${last.to} (${last.cause}${last.result === undefined ? ", under way" : `, ${last.result}`}) under epoch ${last.epoch}`;
  if (status?.hold !== undefined)
    return `held since ${status.hold.since}: ${status.hold.reason}${status.hold.message === undefined ? "" : `, ${status.hold.message}`}${why}`;
  if (status?.active === undefined) return `on no member; the last epoch granted is ${status?.epoch ?? 0}${why}`;
  const holder = holderOf(seen);
  return `on ${status.active.node} under epoch ${status.active.epoch} since ${status.active.since}; its right is ${HOLDER_WORDS[holder.state]}${why}`;
}

const HOLDER_WORDS = {
  None: "not granted",
  Holding: "in force, as far as this read shows",
  Vetoed: "quiet, and a live peer has promised it to keep off: it is not revoked",
  Revocable: "over: its session may be ended now",
  Expired: "over: its session was ended",
  Down: "over: it is proven down",
} as const;

/** The same group after its holder stopped renewing for as long as the leader must wait; open promises to it have lapsed. */
function deathOf(seen: Seen, now: Instant): Seen {
  const active = seen.group.status?.active;
  return {
    ...seen,
    members: seen.members.map((member) => {
      const { promise: _promise, ...report } = member.report ?? {};
      const survivor = member.report === undefined ? member : { ...member, report: report as typeof member.report };
      if (member.node !== active?.node) return survivor;
      const verdict = { state: "Revocable", session: active.session, sinceMonotonicMs: now.monotonicMs } as const;
      return { ...survivor, session: { ...member.session, verdict } };
    }),
  };
}

function outcomeOfDeath(seen: Seen, afterDeath: Seen, now: Instant): { text: string; follows: boolean } {
  const { steps } = planGroup(afterDeath, now);
  const grant = steps.find((step) => step.do === "Grant");
  const waitMs = revokeWaitMs(timingsInForce(seen));
  const wait = `after its session was seen unchanged for ${formatDuration(waitMs)}`;
  if (grant !== undefined)
    return { text: `${wait} it would be revoked and ${grant.node} granted epoch ${grant.epoch}`, follows: true };
  const written = steps.find((step) => step.do === "WriteStatus");
  return { text: `nobody would follow: ${reasonIn(written?.status ?? {})}`, follows: false };
}

/** What Ready and Stalled would say. */
function reasonIn(status: ControllerStatus): string {
  const conditions = status.conditions ?? [];
  const found =
    conditions.find(({ type }) => type === "Stalled") ??
    conditions.find(({ type, status: is }) => type === "Ready" && is !== "True");
  return found === undefined ? "the controller would wait" : `${found.reason}: ${found.message}`;
}

function nextOf(seen: Seen, now: Instant): string {
  const { steps, requeueAfterMs } = planGroup(seen, now);
  const words = steps.flatMap((step): string[] => {
    switch (step.do) {
      case "Grant":
        return [`grant epoch ${step.epoch} to ${step.node}`];
      case "Revoke":
        return [`end the session of ${step.node} (${step.end})`];
      case "WriteStatus":
        return ["write what it sees into the status"];
      case "RemoveAnnotation":
        return [`take the request ${step.name}=${step.value}`];
      case "AddFinalizer":
      case "RemoveFinalizer":
        return [step.do === "AddFinalizer" ? "protect the group from deletion" : "let the deleted group go"];
      default:
        return [];
    }
  });
  if (words.length > 0) return words.join(", then ");
  return requeueAfterMs === undefined
    ? "nothing until something changes"
    : `look again in ${formatDuration(requeueAfterMs)}`;
}

function blocksOf(seen: Seen): string[] {
  const { failover } = seen.group.spec;
  return [
    ...groupProblems(seen).map((problem) => problem.message),
    ...isolationSentences(seen),
    ...maintenanceSentences(seen),
    ...(failover.mode === "Manual" ? ["failover.mode is Manual: moves wait for understudy.dev/move-to"] : []),
    ...(failover.mode === "Paused" ? ["failover.mode is Paused: nothing is repaired or moved"] : []),
    ...(seen.group.status?.pausedUntil === undefined ? [] : [`paused until ${seen.group.status.pausedUntil}`]),
    ...(seen.group.status?.conditions ?? [])
      .filter(
        ({ type, status }) =>
          ["StandbyReady", "WatchdogReady", "PreflightOK", "ZoneAvailable"].includes(type) && status !== "True",
      )
      .map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
  ];
}

/** The holder's published timings where there is one, else the installation's. */
function timingsInForce(seen: Seen): Timings {
  const node = seen.group.status?.active?.node;
  const lease = node === undefined ? undefined : memberOf(seen, node)?.session.lease;
  if (lease === undefined) return seen.settings.timings;
  const { sessionDurationMs, renewDeadlineMs, marginMs } = timingsOf(lease);
  return { ...seen.settings.timings, sessionDurationMs, renewDeadlineMs, marginMs };
}

function timingsText(timings: Timings): string[] {
  const { sessionDurationMs, renewIntervalMs, renewDeadlineMs, stopBudgetMs, watchdogTimeoutMs, marginMs, readGapMs } =
    timings;
  return [
    `session L ${formatDuration(sessionDurationMs)}, renewed every ${formatDuration(renewIntervalMs)}`,
    `without contact the member takes everything down after R ${formatDuration(renewDeadlineMs)}, and has S ${formatDuration(stopBudgetMs)} for it`,
    `a frozen member is reset by its watchdog W ${formatDuration(watchdogTimeoutMs)} after it was last petted`,
    `others may end its session after rho*L+M = ${CLOCK_RATE_BOUND}*L+${formatDuration(marginMs)} = ${formatDuration(revokeWaitMs(timings))}, counted across reads at most ${formatDuration(readGapMs)} apart`,
  ];
}
