/**
 * What the group's status says about all this: members, resources, conditions, and the end of a move. Pure. Nothing
 * here decides what happens.
 */
import { setConditions, wantedWithRemedy, type WantedCondition } from "../../api/conditions.ts";
import { formatDuration } from "../../lib/duration.ts";
import { groupProblems } from "./checks-group.ts";
import { memberVerdicts } from "./checks-members.ts";
import { type Draft, isoTime, isPaused, pauseLeftMs, replaceEntry, tell } from "./draft.ts";
import { credentialOf } from "./plan-credential.ts";
import { fact, isGroupUp, isHeld, phaseOf, progressOf, readyOf, secondActive } from "./plan-ready.ts";
import { zoneCondition } from "./plan-zone.ts";
import { type JoinedResource, joinResources } from "./plan-resources.ts";
import { openMove } from "./seen.ts";
import type { HistoryEntry } from "./types.ts";

/** Fills in the part of the status that follows from the rest. `isGranting`: the draft holds a grant not yet written. */
export function describe(draft: Draft, isGranting: boolean): void {
  const { seen, status, now } = draft;
  const generation = seen.group.metadata.generation ?? 0;
  status.observedGeneration = generation;
  status.members = memberVerdicts(seen, now.wallMs);
  const joined = isGranting ? [] : joinResources(seen, isHeld(draft) ? status.active : undefined, status.operation);
  if (!isGranting) status.resources = withCounts(draft, joined);
  const second = secondActive(draft);
  if (second !== undefined) {
    const message = `${second.node} reports epoch ${second.report?.epoch} Active although ${status.active?.node} holds epoch ${status.active?.epoch}`;
    draft.blocked = { reason: "Blocked", stalled: "TwoActiveSeen", message };
  }
  if (!isGranting && isGroupUp(draft, joined)) finishMove(draft);
  const ready = readyOf(draft, joined, isGranting);
  status.phase = phaseOf(draft, ready, isGranting);
  const conditions = [
    ready,
    ...progressOf(draft, ready, isGranting),
    standbyOf(draft),
    preflightOf(draft),
    watchdogOf(draft),
    ...zoneCondition(draft),
    ...pausedOf(draft),
    ...credentialOf(draft),
  ];
  status.conditions = setConditions(status.conditions, conditions, generation, isoTime(now.wallMs));
  tellOfTrouble(draft, conditions);
}

function withCounts(draft: Draft, joined: readonly JoinedResource[]): NonNullable<Draft["status"]["resources"]> {
  const counts = new Map((draft.status.resources ?? []).map((view) => [view.name, view.reactivations]));
  return joined.map(({ onFailure: _policy, failedHalf: _half, isStalled: _stalled, ...view }) => {
    const count = counts.get(view.name);
    return count === undefined ? view : { ...view, reactivations: count };
  });
}

/** The move reached Ready: its entry gets its end and the times of its steps. */
function finishMove(draft: Draft): void {
  const { seen, now, status } = draft;
  const open = openMove(status.history);
  if (open === undefined) return;
  const times = seen.memory.move?.epoch === open.epoch ? seen.memory.move : undefined;
  const steps: NonNullable<HistoryEntry["steps"]> = { ...open.steps };
  const span = (name: keyof typeof steps, fromMs: number | undefined, toMs: number | undefined): void => {
    if (fromMs !== undefined && toMs !== undefined && toMs >= fromMs) steps[name] = formatDuration(toMs - fromMs);
  };
  span("revoke", times?.plannedMs, times?.revokedMs);
  span("grant", times?.revokedMs ?? times?.plannedMs, times?.grantedMs);
  span("activate", times?.grantedMs, times?.activatedMs ?? now.monotonicMs);
  span("verify", times?.activatedMs, now.monotonicMs);
  const closed: HistoryEntry = { ...open, finishedAt: isoTime(now.wallMs), result: "Succeeded", steps };
  replaceEntry(draft, open, closed);
  draft.after.push({ do: "CountMove", move: closed });
  const tookMs = Math.max(0, now.wallMs - Date.parse(open.startedAt));
  tell(
    draft,
    "Normal",
    "Active",
    `the group is active on ${open.to} under epoch ${open.epoch} (${open.cause}), ${formatDuration(tookMs)} after the move began`,
  );
}

function standbyOf(draft: Draft): WantedCondition {
  const standbys = (draft.status.members ?? []).filter(
    (member) => member.state === "Promotable" && member.node !== draft.status.active?.node,
  );
  if (standbys.length > 0)
    return fact(
      "StandbyReady",
      "True",
      "Promotable",
      `may take over: ${standbys.map((member) => member.node).join(", ")}`,
    );
  const others = (draft.status.members ?? []).filter((member) => member.node !== draft.status.active?.node);
  const why = others.map(({ node, message, reason, state }) => message ?? `${node}: ${reason ?? state}`);
  const found = why.length === 0 ? "there is no other member" : `no other member may take over: ${why.join("; ")}`;
  return fact("StandbyReady", "False", "NoStandby", found);
}

const MAX_PROBLEMS_TOLD = 4;

function preflightOf(draft: Draft): WantedCondition {
  const problems = groupProblems(draft.seen);
  const first = problems[0];
  if (first === undefined) return fact("PreflightOK", "True", "Passed", "everything that the group names was checked");
  const status = first.preflight === "NotChecked" ? "Unknown" : "False";
  const more = problems.length > MAX_PROBLEMS_TOLD ? ` (and ${problems.length - MAX_PROBLEMS_TOLD} more)` : "";
  const told = problems.slice(0, MAX_PROBLEMS_TOLD).map(({ message }) => message);
  return wantedWithRemedy("FailoverGroup", "PreflightOK", status, first.preflight, `${told.join("; ")}${more}`);
}

function watchdogOf(draft: Draft): WantedCondition {
  const members = draft.seen.members.filter((member) => member.position !== undefined);
  const without = members.filter((member) => member.session.facts?.watchdog === "None").map((member) => member.node);
  if (without.length > 0) {
    const isLeaseOnly = (draft.seen.group.spec.fencing?.policy ?? "LeaseOnly") === "LeaseOnly";
    const cover = isLeaseOnly
      ? "nothing covers that, since fencing is LeaseOnly"
      : "only fencing with proof covers that";
    return fact(
      "WatchdogReady",
      "False",
      "NoWatchdog",
      `a frozen guard on ${without.join(", ")} is not stopped in time; ${cover}`,
    );
  }
  const silent = members.filter((member) => member.session.facts === undefined).map((member) => member.node);
  if (silent.length > 0)
    return fact("WatchdogReady", "Unknown", "NotReported", `not reported yet by ${silent.join(", ")}`);
  return fact("WatchdogReady", "True", "Available", "every member can arm a watchdog");
}

function pausedOf(draft: Draft): WantedCondition[] {
  const { status } = draft;
  if (status.operation?.verb === "simulate-fault") {
    return [fact("Paused", "True", "FaultSimulated", `a fault of ${status.operation.value} is simulated`)];
  }
  if (!isPaused(draft)) return [];
  const leftMs = pauseLeftMs(draft);
  if (leftMs > 0) draft.lookAgainMs.push(leftMs);
  return [
    fact(
      "Paused",
      "True",
      "FailoverPaused",
      leftMs > 0 ? `until ${status.pausedUntil}` : "recovery only observes and reports",
    ),
  ];
}

/** One Event when trouble begins or changes: what a person must act on, and preflight that does not pass. */
function tellOfTrouble(draft: Draft, conditions: readonly WantedCondition[]): void {
  const before = new Map(
    (draft.seen.group.status?.conditions ?? []).map(({ type, status, reason }) => [type, `${status}${reason}`]),
  );
  for (const { type, status, reason, message } of conditions) {
    const isTrouble =
      (type === "ZoneAvailable" && status !== "True" && reason !== "NotChecked") ||
      (type === "Stalled" && status === "True") ||
      (type === "PreflightOK" && status === "False") ||
      (type === "Ready" && (reason === "NoCandidate" || reason === "ResourceFailed" || reason === "ActiveNotHeard"));
    if (isTrouble && before.get(type) !== `${status}${reason}`) tell(draft, "Warning", reason, message);
  }
}
