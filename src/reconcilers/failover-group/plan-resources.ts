/**
 * The joined view of the group's resources: what the holder's agent reports about the local half and what the kind's
 * reconciler found about the cloud half, under this grant. Pure.
 */
import { type Half, halvesOf } from "../../api/activation-order.ts";
import { type Grant, reportsUnder } from "./holder.ts";
import { memberOf, type ObjectSeen, type ResourceSeen, type Seen } from "./seen.ts";
import type { GroupOperation, Report, ResourceState, ResourceView } from "./types.ts";

export interface JoinedResource extends ResourceView {
  readonly onFailure: "Failover" | "Reactivate" | "Warn";
  /** Which half failed. */
  readonly failedHalf?: Half;
  /** Its reconciler says that only a person can put it right. */
  readonly isStalled?: boolean;
}

interface HalfState {
  readonly half: Half;
  readonly state: ResourceState;
  readonly reason?: string | undefined;
}

/** One entry per resource of the spec, in its order. */
export function joinResources(
  seen: Seen,
  grant: Grant | undefined,
  operation: GroupOperation | undefined,
): JoinedResource[] {
  const raw = grant === undefined ? undefined : memberOf(seen, grant.node)?.report;
  const report = reportsUnder(raw, grant) ? raw : undefined;
  return seen.resources.map((entry) => {
    const { name, onFailure } = entry.resource;
    const halves = worst(halvesOf(entry.kind).map((half) => stateOfHalf(entry, half, report, grant)));
    const joined = nameTrouble(entry, halves, report) ?? halves;
    const isFaulted = operation?.verb === "simulate-fault" && operation.value === name && joined.state === "Active";
    const { half, state, reason } = isFaulted
      ? { half: "local" as const, state: "Failed" as const, reason: "SimulatedFault" }
      : joined;
    return {
      name,
      kind: entry.kind,
      state,
      ...(reason === undefined ? {} : { reason }),
      onFailure,
      ...(state === "Failed" ? { failedHalf: half } : {}),
      ...(state === "Failed" && isStalled(entry.object) ? { isStalled: true } : {}),
    };
  });
}

/** What the holder's agent finds when it looks a record's name up (reasons of AwsDns and AzureDns). */
const NAME_REASONS: readonly string[] = ["NotResolved", "ResolvedElsewhere"];

/**
 * A record that is right in its zone, and does not lead its own member there: the member's business, not a rewrite's.
 * Counts only while the record itself is right; the kind's reconciler repeats the agent's word in Ready, maybe late.
 */
function nameTrouble(entry: ResourceSeen, halves: HalfState, report: Report | undefined): HalfState | undefined {
  const isRepeated = NAME_REASONS.includes(halves.reason ?? "");
  if (halvesOf(entry.kind).includes("local") || (halves.state !== "Active" && !isRepeated)) return undefined;
  const reported = report?.resources?.find((resource) => resource.name === entry.resource.name);
  if (reported !== undefined && NAME_REASONS.includes(reported.reason ?? ""))
    return { half: "local", state: reported.state, reason: reported.reason };
  return isRepeated ? { half: "local", state: "Activating", reason: halves.reason } : undefined;
}

function stateOfHalf(entry: ResourceSeen, half: Half, report: Report | undefined, grant: Grant | undefined): HalfState {
  if (grant === undefined) return { half, state: "Inactive" };
  if (half === "cloud") return { half, ...stateOfObject(entry.object, grant) };
  const reported = report?.resources?.find((resource) => resource.name === entry.resource.name);
  if (reported !== undefined) return { half, state: reported.state, reason: reported.reason };
  return { half, state: report === undefined || report.state === "Activating" ? "Activating" : "Unknown" };
}

function stateOfObject(object: ObjectSeen | undefined, grant: Grant): Omit<HalfState, "half"> {
  if (object === undefined) return { state: "Unknown", reason: "NotFound" };
  const ready = object.conditions.find((condition) => condition.type === "Ready");
  const isUnderGrant = object.active?.node === grant.node && object.active.epoch === grant.epoch;
  if (ready?.status === "True" && isUnderGrant) return { state: "Active" };
  if (ready === undefined || WORKING.includes(ready.reason) || ready.status === "True") return { state: "Activating" };
  if (ready.status === "Unknown") return { state: "Unknown", reason: ready.reason };
  if (!isUnderGrant && !ATTEMPT_FAILED.includes(ready.reason)) return { state: "Activating", reason: ready.reason };
  return { state: "Failed", reason: ready.reason };
}

function isStalled(object: ObjectSeen | undefined): boolean {
  return object?.conditions.some(({ type, status }) => type === "Stalled" && status === "True") === true;
}

const WORKING: readonly string[] = ["Activating", "Inactive", "NotInGroup", "Deactivating"];
export const ATTEMPT_FAILED: readonly string[] = ["ActivationFailed", "ActivationTimeout"];

/** Worst first. */
const SEVERITY: readonly ResourceState[] = ["Failed", "Unknown", "Deactivating", "Inactive", "Activating", "Active"];

function worst(halves: readonly HalfState[]): HalfState {
  const sorted = halves.toSorted((a, b) => SEVERITY.indexOf(a.state) - SEVERITY.indexOf(b.state));
  return sorted[0] ?? { half: "local", state: "Unknown" };
}

/** Whether everything that counts for Ready is active: resources with `onFailure: Warn` only report. */
export function isEverythingActive(resources: readonly JoinedResource[]): boolean {
  return resources.every((resource) => resource.state === "Active" || resource.onFailure === "Warn");
}
