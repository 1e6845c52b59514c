/**
 * Announced maintenance as a reason to leave a member in good time, and as news for people (issue: planned events). Pure.
 *
 * Must never do: move a group to a member whose own maintenance comes first, or take it down when nobody may take over.
 */
import { isPause, type ScheduledEvent, scheduledEventsOf } from "../../api/scheduled-events.ts";
import { formatDuration } from "../../lib/duration.ts";
import { type Draft, tell } from "./draft.ts";
import { leadTimeMs, nextDisruption } from "./maintenance.ts";
import { chooseCandidate } from "./plan-candidates.ts";
import { type MemberSeen, memberOf, type Seen } from "./seen.ts";
import { isZoneDown } from "./zone-view.ts";

/** True when the group leaves the holder because of it. */
export function considerMaintenance(draft: Draft, holder: MemberSeen): boolean {
  const { seen, now, status } = draft;
  const next = nextDisruption(holder, now.wallMs);
  if (seen.group.spec.scheduledEvents?.action !== "Act" || next === undefined) return false;
  const leftMs = next.inMs - leadTimeMs(seen);
  if (leftMs > 0) {
    draft.lookAgainMs.push(leftMs);
    return false;
  }
  const calmer = seen.members.filter((member) => {
    const other = nextDisruption(member, now.wallMs);
    // A group that watches its zone would come straight back.
    if (isZoneDown(seen.zone, member.providerIds)) return false;
    return other === undefined || other.inMs > next.inMs;
  });
  const among = calmer.map(({ node }) => node);
  const choice = chooseCandidate(seen, now.wallMs, { except: holder.node, among });
  if (choice === undefined) return false;
  status.target = { node: choice.node, cause: "ScheduledEvent" };
  tell(draft, "Normal", "Moving", `the group leaves ${holder.node} for ${choice.node}: ${sentence(next.event)}`);
  return true;
}

/** One Event per announcement and leader: also where the group does not move by itself, or has nowhere to go. */
export function tellOfMaintenance(draft: Draft): void {
  const { seen } = draft;
  if (seen.group.spec.scheduledEvents?.action === "Ignore") return;
  for (const member of seen.members) {
    if (member.position === undefined) continue;
    for (const event of scheduledEventsOf(member.session.facts?.events)) {
      const what = `${member.node} ${event.id}`;
      if (seen.memory.told.includes(what)) continue;
      const message = `${member.node}: ${sentence(event)}; ${consequence(draft, member, event)}`;
      const type = isPause(event) ? "Normal" : "Warning";
      draft.before.push({ do: "Tell", type, reason: "ScheduledEvent", message }, { do: "NoteTold", what });
    }
  }
}

/** What is announced for each member, for people. */
export function maintenanceSentences(seen: Seen): string[] {
  const { action = "Act" } = seen.group.spec.scheduledEvents ?? {};
  return seen.members.flatMap(({ node, session }) =>
    scheduledEventsOf(session.facts?.events).map(
      (event) => `${node}: ${sentence(event)} (scheduledEvents.action: ${action})`,
    ),
  );
}

/** A holder that stands still as announced is waited for; then the leader looks again by itself. */
export function lookAfterPause(draft: Draft): void {
  const { holder, seen, now } = draft;
  if (holder.state === "None") return;
  const untilMs = memberOf(seen, holder.node)?.session.pausingUntilMs;
  if (untilMs !== undefined && untilMs > now.monotonicMs) draft.lookAgainMs.push(untilMs - now.monotonicMs);
}

function sentence({ id, type, notBefore, isStarted }: ScheduledEvent): string {
  const when = isStarted === true ? "begun" : notBefore === undefined ? "at any moment" : `not before ${notBefore}`;
  return `the cloud announces ${type} (${id}), ${when}`;
}

function consequence(draft: Draft, member: MemberSeen, event: ScheduledEvent): string {
  const { seen, holder } = draft;
  if (seen.group.spec.scheduledEvents?.action === "Report") return "it is only reported (scheduledEvents.action)";
  if (isPause(event)) return "its session is waited for longer meanwhile";
  const isHolder = holder.state !== "None" && holder.node === member.node;
  if (!isHolder) return "the group does not go there meanwhile, if there is another member";
  return `the group leaves it ${formatDuration(leadTimeMs(seen))} before, if another member may take over`;
}
