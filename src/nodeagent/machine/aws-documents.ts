/**
 * EC2 instance metadata as values. Pure; text of documents in, facts out.
 * Sources: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html (events/maintenance/scheduled,
 * events/recommendations/rebalance, spot/instance-action), instance-identity-documents.html.
 */
import type { EventType, ScheduledEvent } from "../../api/scheduled-events.ts";
import { fields } from "./fields.ts";
import type { MachineIdentity } from "./port.ts";

/** `/latest/dynamic/instance-identity/document`; undefined when it is not that. */
export function awsIdentity(document: unknown): MachineIdentity | undefined {
  const { instanceId, availabilityZone } = fields(document);
  if (typeof instanceId !== "string" || !/^i-[0-9a-z]+$/.test(instanceId)) return undefined;
  if (typeof availabilityZone !== "string" || !/^[a-z0-9-]+$/.test(availabilityZone)) return undefined;
  return { cloud: "aws", providerId: `aws:///${availabilityZone}/${instanceId}`, zone: availabilityZone };
}

const CODES: Readonly<Record<string, EventType>> = {
  "instance-reboot": "Reboot",
  "system-reboot": "Reboot",
  "system-maintenance": "Maintenance",
  "instance-retirement": "Retirement",
  "instance-stop": "Stop",
};

/** `/latest/meta-data/events/maintenance/scheduled`: what is neither completed nor cancelled. Unknown codes are left out. */
export function awsMaintenance(document: unknown): ScheduledEvent[] {
  if (!Array.isArray(document)) return [];
  return document.flatMap((entry: unknown): ScheduledEvent[] => {
    const { Code, State, EventId, NotBefore } = fields(entry);
    const type = CODES[String(Code)];
    if (type === undefined || typeof EventId !== "string" || State === "completed" || State === "canceled") return [];
    return [{ id: EventId, type, ...time(NotBefore) }];
  });
}

/** `/latest/meta-data/spot/instance-action`. */
export function awsSpotAction(document: unknown): ScheduledEvent[] {
  const { action, time: at } = fields(document);
  // A hibernated machine loses its clients as one that is stopped.
  const type = action === "terminate" || action === "stop" || action === "hibernate" ? "Preempt" : undefined;
  return type === undefined ? [] : [{ id: `spot-${String(action)}-${String(at)}`, type, ...time(at) }];
}

/** `/latest/meta-data/events/recommendations/rebalance`. The notice has no time: it may happen at any moment. */
export function awsRebalance(document: unknown): ScheduledEvent[] {
  const { noticeTime } = fields(document);
  return typeof noticeTime === "string" ? [{ id: `rebalance-${noticeTime}`, type: "Rebalance" }] : [];
}

/** `21 Jan 2019 09:00:43 GMT` or RFC 3339, as RFC 3339. */
function time(text: unknown): { notBefore?: string } {
  const ms = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? {} : { notBefore: new Date(ms).toISOString() };
}
