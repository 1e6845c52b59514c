/**
 * What announced maintenance means for who should hold the group. Pure; facts of one member in, facts out. Only groups
 * with `scheduledEvents.action: Act` are led by it.
 */
import { beginsInMs, isPause, type ScheduledEvent, scheduledEventsOf } from "../../api/scheduled-events.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { MemberSeen, Seen } from "./seen.ts";

export interface Disruption {
  readonly event: ScheduledEvent;
  /** Until it may begin, in milliseconds. */
  readonly inMs: number;
}

/** The next event that interrupts the member for longer than a session lasts; undefined: none is announced. */
export function nextDisruption(member: MemberSeen, wallMs: number): Disruption | undefined {
  const disruptions = scheduledEventsOf(member.session.facts?.events)
    .filter((event) => !isPause(event))
    .map((event) => ({ event, inMs: beginsInMs(event, wallMs) }));
  return disruptions.toSorted((a, b) => a.inMs - b.inMs)[0];
}

export function leadTimeMs(seen: Seen): number {
  return parseDurationMs(seen.group.spec.scheduledEvents?.leadTime ?? "") ?? 600_000;
}

/** So near that a group which acts on it should not be there. */
export function isMaintenanceDue(seen: Seen, member: MemberSeen, wallMs: number): boolean {
  if (seen.group.spec.scheduledEvents?.action !== "Act") return false;
  const next = nextDisruption(member, wallMs);
  return next !== undefined && next.inMs <= leadTimeMs(seen);
}
