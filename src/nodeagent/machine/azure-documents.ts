/**
 * Azure instance metadata as values. Pure; documents in, facts out.
 * Sources: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service,
 * https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
 */
import type { EventType, ScheduledEvent } from "../../api/scheduled-events.ts";
import { fields } from "./fields.ts";
import type { MachineIdentity } from "./port.ts";

export interface AzureMachine extends MachineIdentity {
  readonly cloud: "azure";
  /** As the events name it. */
  readonly name: string;
}

/** `/metadata/instance/compute`; undefined when it is not that. */
export function azureMachine(document: unknown): AzureMachine | undefined {
  const { name, resourceId, zone, location } = fields(document);
  if (typeof name !== "string" || name === "") return undefined;
  if (typeof resourceId !== "string" || !resourceId.startsWith("/subscriptions/")) return undefined;
  const isZonal = typeof zone === "string" && zone !== "" && typeof location === "string";
  return {
    cloud: "azure",
    providerId: `azure://${resourceId}`,
    name,
    ...(isZonal ? { zone: `${location}-${zone}` } : {}),
  };
}

const TYPES: Readonly<Record<string, EventType>> = {
  Freeze: "Freeze",
  Reboot: "Reboot",
  Redeploy: "Redeploy",
  Preempt: "Preempt",
  Terminate: "Terminate",
};

/** `/metadata/scheduledevents`: the document tells every machine of the set about all of them. */
export function azureEvents(document: unknown, name: string): ScheduledEvent[] {
  const { Events } = fields(document);
  if (!Array.isArray(Events)) return [];
  return Events.flatMap((entry: unknown): ScheduledEvent[] => {
    const { EventId, EventType: kind, EventStatus, NotBefore, Resources, DurationInSeconds } = fields(entry);
    const type = TYPES[String(kind)];
    const isOurs = Array.isArray(Resources) && Resources.some((resource) => isSame(resource, name));
    if (type === undefined || typeof EventId !== "string" || !isOurs) return [];
    const atMs = typeof NotBefore === "string" ? Date.parse(NotBefore) : Number.NaN;
    const isLong = typeof DurationInSeconds === "number" && DurationInSeconds >= 0;
    return [
      {
        id: EventId,
        type,
        ...(Number.isNaN(atMs) ? {} : { notBefore: new Date(atMs).toISOString() }),
        ...(EventStatus === "Started" ? { isStarted: true } : {}),
        ...(isLong ? { durationSeconds: DurationInSeconds } : {}),
      },
    ];
  });
}

/** Names of machines do not distinguish case. */
function isSame(resource: unknown, name: string): boolean {
  return typeof resource === "string" && resource.toLowerCase() === name.toLowerCase();
}
