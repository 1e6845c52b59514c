/** What is known about the zone of the member that holds a group: plain values, shared by driver, checks and plan. */
import { parseAwsProviderId } from "../../cloud/aws/provider-id.ts";

export interface ZonePlace {
  readonly region: string;
  readonly zone: string;
}

export type ZoneView =
  | { readonly state: "NotChecked" }
  /** `notWorking`: other zones of the region that do not work. */
  | { readonly state: "Available"; readonly notWorking: readonly string[] }
  /** The cloud says that the zone does not work; `detail`: its word for it; `notWorking`: all such zones of the region. */
  | { readonly state: "Unavailable"; readonly detail: string; readonly notWorking: readonly string[] }
  /** The region has no such zone. */
  | { readonly state: "Invalid"; readonly detail: string }
  | { readonly state: "Unreadable"; readonly reason: "CallTimeout" | "CallFailed"; readonly detail: string };

/** The cloud says that the member's zone does not work. */
export function isZoneDown(view: ZoneView | undefined, providerIds: readonly string[]): boolean {
  if (view === undefined || !("notWorking" in view)) return false;
  const place = zoneOf(providerIds);
  return place !== undefined && view.notWorking.includes(place.zone);
}

/** Where a machine is, by whatever names it; undefined: it is not on AWS, or nobody says. */
export function zoneOf(providerIds: readonly string[]): ZonePlace | undefined {
  for (const id of providerIds) {
    const parsed = parseAwsProviderId(id);
    if (parsed !== undefined) return { region: parsed.region, zone: parsed.zone };
  }
  return undefined;
}
