/**
 * Maintenance that a cloud announces for one machine, as its agent publishes it with the facts of its session Lease. Part
 * of the API between agents and controllers of different versions: what a reader does not know, it leaves out.
 *
 * Sources: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html,
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html,
 * https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
 */
export const EVENT_TYPES = [
  /** The machine stands still for seconds and goes on. */
  "Freeze",
  "Reboot",
  /** Moved to another host: a restart, and what is on ephemeral disks is lost. */
  "Redeploy",
  /** A spot machine is taken away. */
  "Preempt",
  /** A spot machine is likely to be taken away soon. */
  "Rebalance",
  "Terminate",
  "Stop",
  "Retirement",
  /** Network or power of the host; may interrupt the machine. */
  "Maintenance",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface ScheduledEvent {
  /** The cloud's own. */
  readonly id: string;
  readonly type: EventType;
  /** RFC 3339; absent: at any moment, or it has begun. */
  readonly notBefore?: string;
  /** The cloud says that it has begun. */
  readonly isStarted?: boolean;
  /** How long it interrupts the machine, in seconds, where the cloud says so. */
  readonly durationSeconds?: number;
}

/** More than a machine has; what is beyond is left out. */
export const MAX_EVENTS = 16;
const MAX_ID_CHARS = 128;

/** The events among whatever was published; what is none of them is left out. */
export function scheduledEventsOf(published: unknown): ScheduledEvent[] {
  if (!Array.isArray(published)) return [];
  return published.filter(isScheduledEvent).slice(0, MAX_EVENTS);
}

function isScheduledEvent(value: unknown): value is ScheduledEvent {
  if (typeof value !== "object" || value === null) return false;
  const { id, type, notBefore, isStarted, durationSeconds } = value as Record<string, unknown>;
  const isNamed = typeof id === "string" && id !== "" && id.length <= MAX_ID_CHARS;
  const isTimed = notBefore === undefined || (typeof notBefore === "string" && !Number.isNaN(Date.parse(notBefore)));
  const isLong = durationSeconds === undefined || (Number.isFinite(durationSeconds) && Number(durationSeconds) >= 0);
  const isKnown = EVENT_TYPES.some((known) => known === type);
  return isNamed && isTimed && isLong && isKnown && (isStarted === undefined || typeof isStarted === "boolean");
}

/** The machine goes on where it was: tolerance, not a move. */
export function isPause(event: ScheduledEvent): boolean {
  return event.type === "Freeze";
}

/** Milliseconds until it may begin, by `wallMs`; 0 when it may at any moment. */
export function beginsInMs(event: ScheduledEvent, wallMs: number): number {
  if (event.isStarted === true || event.notBefore === undefined) return 0;
  return Math.max(0, Date.parse(event.notBefore) - wallMs);
}
