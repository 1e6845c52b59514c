/**
 * Events in their two API groups over one store: core/v1 is the stored form, events.k8s.io/v1 a view with other names
 * for the same fields.
 *
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ and pkg/apis/events/v1/conversion.go.
 */
import { isJsonObject, stringAt, type ApiObject, type JsonObject } from "../json.ts";
import type { Column, Resource } from "../resource.ts";
import type { StatusCause } from "../status-error.ts";
import { ageOf } from "./columns.ts";
import { builtin } from "./core-kinds.ts";
import { int, kindSchema, loose, microTime, obj, str, time } from "./schemas.ts";

const reference = loose("The object concerned.", {
  apiVersion: str("API version."),
  kind: str("Kind."),
  name: str("Name."),
  namespace: str("Namespace."),
  uid: str("UID."),
  resourceVersion: str("Version at the time of the event."),
  fieldPath: str("Part of the object."),
});

const source = obj("Who reported.", { component: str("Component."), host: str("Node name.") });

const series = obj("Repetitions of this event.", {
  count: int("Occurrences so far."),
  lastObservedTime: microTime("Time of the last occurrence."),
});

function lastSeen(event: ApiObject): unknown {
  return (
    stringAt(event, "series", "lastObservedTime") ??
    event["lastTimestamp"] ??
    event["firstTimestamp"] ??
    event["eventTime"] ??
    event.metadata.creationTimestamp
  );
}

function objectText(event: ApiObject): string {
  return `${stringAt(event, "involvedObject", "kind")?.toLowerCase() ?? ""}/${stringAt(event, "involvedObject", "name") ?? ""}`;
}

function sourceText(event: ApiObject): string {
  const host = stringAt(event, "source", "host");
  const component = stringAt(event, "source", "component") ?? stringAt(event, "reportingComponent") ?? "";
  return host === undefined || host === "" ? component : `${component}, ${host}`;
}

const columns: readonly Column[] = [
  { name: "Last Seen", type: "string", priority: 0, value: (event, nowMs) => ageOf(lastSeen(event), nowMs) },
  { name: "Type", type: "string", priority: 0, value: ".type" },
  { name: "Reason", type: "string", priority: 0, value: ".reason" },
  { name: "Object", type: "string", priority: 0, value: objectText },
  { name: "Subobject", type: "string", priority: 1, value: ".involvedObject.fieldPath" },
  { name: "Source", type: "string", priority: 1, value: sourceText },
  { name: "Message", type: "string", priority: 0, value: (event) => String(event["message"] ?? "").trim() },
  {
    name: "First Seen",
    type: "string",
    priority: 1,
    value: (event, nowMs) => ageOf(event["firstTimestamp"] ?? event["eventTime"], nowMs),
  },
  { name: "Count", type: "string", priority: 1, value: (event) => countOf(event) },
  { name: "Name", type: "string", format: "name", priority: 1, value: (event) => event.metadata.name },
];

function countOf(event: ApiObject): number {
  const repeated = isJsonObject(event["series"]) ? event["series"]["count"] : undefined;
  return Number(repeated ?? event["count"] ?? 1);
}

/** The involved object must live where the Event does; cluster-scoped ones are reported in `default`. */
function checkNamespace(event: ApiObject): StatusCause[] {
  const involved = stringAt(event, "involvedObject", "namespace") ?? "";
  const own = event.metadata.namespace ?? "";
  if (involved === own || (involved === "" && (own === "default" || own === "kube-system"))) return [];
  const message = `Invalid value: "${involved}": does not match event.namespace`;
  return [{ reason: "FieldValueInvalid", message, field: "involvedObject.namespace" }];
}

const coreEvents = builtin({
  group: "",
  version: "v1",
  plural: "events",
  kind: "Event",
  shortNames: ["ev"],
  namespaced: true,
  columns,
  createOnUpdate: true,
  storage: "events",
  selectable: [
    ...["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map(
      (f) => `involvedObject.${f}`,
    ),
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
  check: checkNamespace,
  schema: kindSchema("Event reports something that happened in the cluster.", {
    involvedObject: reference,
    reason: str("Machine-readable reason."),
    message: str("Text for people."),
    type: str("Normal or Warning."),
    source,
    firstTimestamp: time("First occurrence."),
    lastTimestamp: time("Last occurrence."),
    count: int("Occurrences."),
    eventTime: microTime("First occurrence, precise."),
    series,
    action: str("What was done."),
    related: reference,
    reportingComponent: str("Controller that reports."),
    reportingInstance: str("Its instance."),
  }),
});

/** events.k8s.io name -> core name. */
const RENAMED: Readonly<Record<string, string>> = {
  regarding: "involvedObject",
  note: "message",
  reportingController: "reportingComponent",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
};

function renamed(object: ApiObject, names: Readonly<Record<string, string>>, apiVersion: string): ApiObject {
  const out: JsonObject = {};
  for (const [field, value] of Object.entries(object)) out[names[field] ?? field] = value;
  return { ...(out as ApiObject), apiVersion };
}

const BACK = Object.fromEntries(Object.entries(RENAMED).map(([view, core]) => [core, view]));

const newEvents = builtin({
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  shortNames: ["ev"],
  namespaced: true,
  columns,
  createOnUpdate: true,
  storage: "events",
  toStored: (event) => renamed(event, RENAMED, "v1"),
  fromStored: (event) => renamed(event, BACK, "events.k8s.io/v1"),
  selectable: ["regarding.kind", "regarding.name", "regarding.uid", "reason", "reportingController", "type"],
  schema: kindSchema("Event reports something that happened in the cluster.", {
    regarding: reference,
    related: reference,
    reason: str("Machine-readable reason."),
    note: str("Text for people."),
    type: str("Normal or Warning."),
    action: str("What was done."),
    eventTime: microTime("First occurrence."),
    series,
    reportingController: str("Controller that reports."),
    reportingInstance: str("Its instance."),
    deprecatedSource: source,
    deprecatedFirstTimestamp: time("First occurrence."),
    deprecatedLastTimestamp: time("Last occurrence."),
    deprecatedCount: int("Occurrences."),
  }),
});

export const EVENT_KINDS: readonly Resource[] = [coreEvents, newEvents];
