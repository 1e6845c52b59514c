/**
 * Would this group work when it is needed? Pure: objects in, findings out. Says what the controller has found out (its
 * conditions) and what follows from the objects alone; asks no cloud.
 *
 * pass: it holds. warn: it works, and a person should know. fail: it would not work, or nobody has looked yet.
 */
import type { Condition, FailoverGroup } from "../api/generated/types.ts";
import { notImplementedFields } from "../api/implemented.ts";
import type { KindName } from "../api/kinds.ts";
import { reasonText, remedyOf } from "../api/reasons.ts";
import type { KubeObject } from "../kube/ports.ts";
import { parseDurationMs } from "../lib/duration.ts";
import { type PreflightInput } from "./preflight-input.ts";
import { resourcesOf } from "./preflight-needs.ts";

export type Result = "pass" | "warn" | "fail";

export interface PreflightFinding {
  /** `AwsVirtualIP awsvip1` */
  readonly object: string;
  /** Condition, or what else was looked at: `CallTime`, `Exists`. */
  readonly check: string;
  readonly result: Result;
  readonly reason: string;
  /** Numbers under which the guides list the same fault. */
  readonly codes: readonly string[];
  readonly message: string;
  /** Empty: nothing to do, or the message says it. */
  readonly remedy: string;
}

export interface GroupPreflight {
  readonly namespace: string;
  readonly group: string;
  /** The worst of its findings. */
  readonly result: Result;
  readonly findings: readonly PreflightFinding[];
}

/** What a condition that is not True means here; Unknown is told apart where it matters. */
interface Watched {
  readonly type: string;
  /** A fault that a failover would run into, or one that it survives. */
  readonly whenFalse: Result;
  readonly whenUnknown: Result;
  /** A controller that has looked always writes it: its absence means that nobody has. */
  readonly isAlwaysThere: boolean;
}

const OF_GROUPS: readonly Watched[] = [
  { type: "PreflightOK", whenFalse: "fail", whenUnknown: "fail", isAlwaysThere: true },
  { type: "StandbyReady", whenFalse: "fail", whenUnknown: "warn", isAlwaysThere: true },
  { type: "WatchdogReady", whenFalse: "warn", whenUnknown: "warn", isAlwaysThere: true },
  { type: "CredentialValid", whenFalse: "fail", whenUnknown: "warn", isAlwaysThere: false },
];

const OF_RESOURCES: readonly Watched[] = [
  { type: "PreflightOK", whenFalse: "fail", whenUnknown: "warn", isAlwaysThere: true },
  { type: "Observed", whenFalse: "warn", whenUnknown: "warn", isAlwaysThere: false },
  { type: "Propagated", whenFalse: "warn", whenUnknown: "warn", isAlwaysThere: false },
  { type: "CredentialValid", whenFalse: "fail", whenUnknown: "warn", isAlwaysThere: false },
];

/** Reasons that are no fault although they are not True, or one although they are. */
const RESULT_OF_REASON: Readonly<Record<string, Result>> = {
  "PreflightOK NotChecked": "fail",
  "CredentialValid ExpiresSoon": "warn",
  "Propagated Pending": "pass",
};

/** The part of the timeout that the slowest of a hundred calls may take before it is a warning. */
const NARROW_TIMEOUT = 0.8;

export function preflightOf(input: PreflightInput, group: FailoverGroup): GroupPreflight {
  const findings = input.hasStatus
    ? [...groupFindings(group), ...missingObjects(input, group), ...resourceFindings(input, group)]
    : [...missingObjects(input, group), ...notCarriedOut(input, group)];
  const { name, namespace = "default" } = group.metadata;
  return { namespace, group: name, result: worst(findings), findings };
}

export function worst(found: readonly { readonly result: Result }[]): Result {
  const order: readonly Result[] = ["fail", "warn"];
  return order.find((result) => found.some((one) => one.result === result)) ?? "pass";
}

function groupFindings(group: FailoverGroup): PreflightFinding[] {
  const { conditions = [] } = group.status ?? {};
  const place = { kind: "FailoverGroup", object: group } as const;
  return OF_GROUPS.flatMap((watched) => conditionFinding(place, conditions, watched));
}

function resourceFindings(input: PreflightInput, group: FailoverGroup): PreflightFinding[] {
  return resourcesOf(input, group).flatMap(({ kind, object }) => {
    const { conditions = [] } = (object as WithStatus).status ?? {};
    const found = OF_RESOURCES.flatMap((watched) => conditionFinding({ kind, object }, conditions, watched));
    return [...found, ...callTimeFinding({ kind, object })];
  });
}

interface WithStatus extends KubeObject {
  readonly spec?: { readonly timeouts?: { readonly call?: string } };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly callTime?: { readonly p99?: string | undefined };
  };
}

interface Place {
  readonly kind: KindName;
  readonly object: KubeObject;
}

function conditionFinding(place: Place, conditions: readonly Condition[], watched: Watched): PreflightFinding[] {
  const { type } = watched;
  const found = conditions.find((condition) => condition.type === type);
  const { generation } = place.object.metadata;
  if (found === undefined) return watched.isAlwaysThere ? [notLooked(place, type, "nobody has looked at it yet")] : [];
  const { reason, message, status, observedGeneration } = found;
  // What a change of the spec leads to is not known before the controller has looked at that change.
  if (generation !== undefined && observedGeneration !== undefined && observedGeneration < generation) {
    return [notLooked(place, type, "it was changed after the last look")];
  }
  const byStatus = status === "True" ? "pass" : status === "False" ? watched.whenFalse : watched.whenUnknown;
  const result = RESULT_OF_REASON[`${type} ${reason}`] ?? byStatus;
  const text = reasonText(place.kind, type, reason);
  const remedy = result === "pass" ? "" : remedyOf(place.kind, type, reason);
  return [
    {
      object: nameOf(place),
      check: type,
      result,
      reason,
      codes: text?.codes ?? [],
      message,
      remedy: message.includes(remedy) ? "" : remedy,
    },
  ];
}

function notLooked(place: Place, check: string, why: string): PreflightFinding {
  return finding(place, check, "fail", "NotChecked", `${why}; is the controller running? Ask again in a moment`);
}

/** Guides: timeouts must exceed the measured call time. */
function callTimeFinding(place: Place): PreflightFinding[] {
  const { spec, status } = place.object as WithStatus;
  const [p99, timeout] = [status?.callTime?.p99, spec?.timeouts?.call];
  if (p99 === undefined || timeout === undefined) return [];
  const isNarrow = (parseDurationMs(p99) ?? 0) > (parseDurationMs(timeout) ?? 0) * NARROW_TIMEOUT;
  const message = `99 of 100 calls took at most ${p99}; timeouts.call is ${timeout}`;
  const found = finding(
    place,
    "CallTime",
    isNarrow ? "warn" : "pass",
    isNarrow ? "NarrowTimeout" : "Measured",
    message,
  );
  return [isNarrow ? { ...found, remedy: "Set timeouts.call above what the calls take." } : found];
}

function missingObjects(input: PreflightInput, group: FailoverGroup): PreflightFinding[] {
  const there = new Set(resourcesOf(input, group).map(({ kind, name }) => `${kind} ${name}`));
  return group.spec.resources.flatMap(({ kind, name }) => {
    if (kind === undefined || there.has(`${kind} ${name}`)) return [];
    const object: KubeObject = { metadata: { name } };
    const found = finding({ kind, object }, "Exists", "fail", "ResourceNotFound", "there is no such object");
    return [{ ...found, remedy: "Create it, or take it out of spec.resources." }];
  });
}

/** All that manifests can tell beyond `understudy validate`. */
function notCarriedOut(input: PreflightInput, group: FailoverGroup): PreflightFinding[] {
  const places: Place[] = [{ kind: "FailoverGroup", object: group }, ...resourcesOf(input, group)];
  return places.map((place) => {
    const fields = notImplementedFields(place.kind, (place.object as { readonly spec?: unknown }).spec);
    return fields.length === 0
      ? finding(place, "Implemented", "pass", "Known", "every field is carried out by this version")
      : finding(
          place,
          "Implemented",
          "fail",
          "NotImplemented",
          `not carried out by this version: ${fields.join(", ")}`,
        );
  });
}

function finding(place: Place, check: string, result: Result, reason: string, message: string): PreflightFinding {
  return { object: nameOf(place), check, result, reason, codes: [], message, remedy: "" };
}

function nameOf({ kind, object }: Place): string {
  return `${kind} ${object.metadata.name}`;
}
