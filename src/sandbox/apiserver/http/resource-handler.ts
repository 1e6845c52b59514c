/**
 * Requests for resources, from query parameters and body to a call of the core and the shape of its answer. No sockets:
 * the server around it reads, waits and writes.
 */
import type { ApiServerCore } from "../core.ts";
import type { RequestFacts, Verb } from "../faults.ts";
import { isJsonObject, type ApiObject, type JsonObject } from "../json.ts";
import type { DeleteRequest, PatchRequest, Subresource, Target, User, WriteContext } from "../requests.ts";
import { apiVersionOf, type Resource } from "../resource.ts";
import { parseFieldSelector, parseLabelSelector, type Matches } from "../selectors.ts";
import { badRequest, methodNotAllowed, notAcceptable, unsupportedMediaType } from "../status-error.ts";
import type { WatchRequest, WireEvent } from "../watch.ts";
import type { FieldValidation } from "../write-rules.ts";
import { formOf, type Form } from "./negotiation.ts";
import type { ResourceRoute } from "./route.ts";
import { partialMetadata, tableOf, type IncludeObject } from "./table.ts";

export interface ResourceRequest {
  readonly method: string;
  readonly route: ResourceRoute;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  readonly contentType: string;
  readonly userAgent: string;
  readonly user: User;
  /** Parsed; undefined when the request has none. */
  readonly body: unknown;
}

export type ResourceAnswer =
  | {
      readonly kind: "object";
      readonly status: number;
      readonly body: JsonObject;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "watch"; readonly request: WatchRequest; readonly shape: (event: WireEvent) => JsonObject };

/** Undefined for a method the URL does not take. */
export function verbOf(method: string, route: ResourceRoute, query: URLSearchParams): Verb | undefined {
  const hasName = route.name !== undefined;
  switch (method) {
    case "GET":
      if (isTrue(query.get("watch"))) return "watch";
      return hasName ? "get" : "list";
    case "POST":
      return hasName ? undefined : "create";
    case "PUT":
      return hasName ? "update" : undefined;
    case "PATCH":
      return hasName ? "patch" : undefined;
    case "DELETE":
      return route.subresource === "" ? "delete" : undefined;
    default:
      return undefined;
  }
}

export function factsOf(verb: Verb, route: ResourceRoute, user: User, userAgent: string): RequestFacts {
  return {
    verb,
    group: route.resource.group,
    resource: route.resource.plural,
    namespace: route.namespace ?? "",
    name: route.name ?? "",
    subresource: route.subresource,
    user: user.name,
    userAgent,
  };
}

export function handleResource(core: ApiServerCore, request: ResourceRequest, versionsBehind?: number): ResourceAnswer {
  const verb = verbOf(request.method, request.route, request.query);
  if (verb === undefined) throw methodNotAllowed();
  switch (verb) {
    case "get":
      return shaped(core, request, core.get(targetOf(request.route)));
    case "list":
      return list(core, request, versionsBehind);
    case "watch":
      return watch(core, request);
    case "create":
    case "update":
    case "patch":
      return write(core, request, verb);
    case "delete":
      return request.route.name === undefined ? deleteCollection(core, request) : deleteOne(core, request);
  }
}

function targetOf(route: ResourceRoute): Target {
  const { resource, namespace = "", name = "" } = route;
  const subresource: Subresource = route.subresource === "status" ? "status" : "";
  return { resource, namespace, name, subresource };
}

function isTrue(value: string | null): boolean {
  return value === "true" || value === "1";
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw badRequest(`invalid value for ${name}: ${text}`);
  return value;
}

function matchesOf(request: ResourceRequest): Matches | undefined {
  const { route, query } = request;
  const labels = parseLabelSelector(query.get("labelSelector") ?? undefined);
  const fields = parseFieldSelector(query.get("fieldSelector") ?? undefined, route.resource.selectable);
  const { name } = route;
  if (labels === undefined && fields === undefined && name === undefined) return undefined;
  return (object) =>
    (labels?.(object) ?? true) && (fields?.(object) ?? true) && (name === undefined || object.metadata.name === name);
}

function contextOf(request: ResourceRequest, warnings: string[]): WriteContext {
  const { query, user, userAgent } = request;
  const dryRun = query.getAll("dryRun");
  if (dryRun.some((value) => value !== "All")) throw badRequest(`invalid dryRun: ${dryRun.join(",")}`);
  const validation = query.get("fieldValidation") ?? "Warn";
  if (!["Ignore", "Warn", "Strict"].includes(validation)) throw badRequest(`invalid fieldValidation: ${validation}`);
  // Without a name, the first word of the user agent is the manager, as on a real server.
  const manager = query.get("fieldManager") ?? "";
  return {
    user,
    dryRun: dryRun.length > 0,
    fieldValidation: validation as FieldValidation,
    fieldManager: manager === "" && request.contentType !== APPLY ? userAgent.split("/")[0] : manager,
    warn: (text) => void warnings.push(text),
  };
}

const APPLY = "application/apply-patch+yaml";
const APPLY_TYPES = new Set([APPLY, "application/apply-patch+json"]);
const PATCH_TYPES: Readonly<Record<string, "json" | "merge" | "strategic">> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
};

function patchOf({ contentType, query, body }: ResourceRequest): PatchRequest {
  if (APPLY_TYPES.has(contentType)) return { type: "apply", body, force: isTrue(query.get("force")) };
  const type = PATCH_TYPES[contentType];
  if (type === undefined) {
    const known = [...Object.keys(PATCH_TYPES), APPLY].join(", ");
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${known}`,
    );
  }
  return { type, body };
}

function write(core: ApiServerCore, request: ResourceRequest, verb: "create" | "update" | "patch"): ResourceAnswer {
  const { route } = request;
  const warnings: string[] = [];
  const context = contextOf(request, warnings);
  const target = targetOf(route);
  if (verb === "create") {
    if (route.resource.namespaced && route.namespace === undefined) throw methodNotAllowed();
    const created = core.create(route.resource, target.namespace, request.body, context);
    return shaped(core, request, created, 201, warnings);
  }
  const status = core.exists(target) ? 200 : 201;
  const written =
    verb === "update" ? core.update(target, request.body, context) : core.patch(target, patchOf(request), context);
  return shaped(core, request, written, status, warnings);
}

function deleteRequestOf(
  request: ResourceRequest,
  warnings: string[],
): { options: DeleteRequest; context: WriteContext } {
  const body = isJsonObject(request.body) ? request.body : {};
  const preconditions = isJsonObject(body["preconditions"]) ? body["preconditions"] : {};
  const { uid, resourceVersion } = preconditions;
  const orphan = body["orphanDependents"] === true ? "Orphan" : undefined;
  const propagation = body["propagationPolicy"] ?? request.query.get("propagationPolicy") ?? orphan;
  if (propagation !== undefined && !["Background", "Foreground", "Orphan"].includes(String(propagation))) {
    throw badRequest(`invalid propagationPolicy: ${String(propagation)}`);
  }
  const context = contextOf(request, warnings);
  const isDryRun = context.dryRun === true || (Array.isArray(body["dryRun"]) && body["dryRun"].includes("All"));
  return {
    options: {
      uid: typeof uid === "string" ? uid : undefined,
      resourceVersion: typeof resourceVersion === "string" ? resourceVersion : undefined,
      propagation: propagation as DeleteRequest["propagation"],
    },
    context: { ...context, dryRun: isDryRun },
  };
}

function deleteOne(core: ApiServerCore, request: ResourceRequest): ResourceAnswer {
  const warnings: string[] = [];
  const { options, context } = deleteRequestOf(request, warnings);
  const target = targetOf(request.route);
  const { object, gone } = core.delete(target, options, context);
  if (!gone) return shaped(core, request, object, 200, warnings);
  const { group, plural } = target.resource;
  const details = { name: target.name, ...(group === "" ? {} : { group }), kind: plural, uid: object.metadata.uid };
  const body = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
  return { kind: "object", status: 200, body, warnings };
}

function deleteCollection(core: ApiServerCore, request: ResourceRequest): ResourceAnswer {
  const { route } = request;
  const { options, context } = deleteRequestOf(request, []);
  const page = core.list({ resource: route.resource, namespace: route.namespace, matches: matchesOf(request) });
  for (const { metadata } of page.items) {
    const target = { ...targetOf(route), namespace: metadata.namespace ?? "", name: metadata.name };
    core.delete(target, options, context);
  }
  return { kind: "object", status: 200, body: listBody(route.resource, page.items, page), warnings: [] };
}

function list(core: ApiServerCore, request: ResourceRequest, versionsBehind: number | undefined): ResourceAnswer {
  const { route, query } = request;
  const page = core.list({
    resource: route.resource,
    namespace: route.namespace,
    matches: matchesOf(request),
    limit: numberOf(query, "limit"),
    continueToken: query.get("continue") ?? undefined,
    resourceVersion: query.get("resourceVersion") ?? undefined,
    exact: query.get("resourceVersionMatch") === "Exact",
    versionsBehind,
  });
  const form = requiredForm(request);
  if (form === "table") {
    const table = tableOf(route.resource, page.items, listMetadata(page), includeOf(query), core.clock.wallMs());
    return { kind: "object", status: 200, body: table, warnings: [] };
  }
  if (form === "metadata") {
    const items = page.items.map(partialMetadata);
    const kinds = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" };
    return { kind: "object", status: 200, body: { ...kinds, metadata: listMetadata(page), items }, warnings: [] };
  }
  return { kind: "object", status: 200, body: listBody(route.resource, page.items, page), warnings: [] };
}

interface PageFacts {
  readonly resourceVersion: string;
  readonly continueToken?: string;
  readonly remaining?: number;
}

function listMetadata({ resourceVersion, continueToken, remaining }: PageFacts): JsonObject {
  return {
    resourceVersion,
    ...(continueToken === undefined ? {} : { continue: continueToken }),
    ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
  };
}

/** Items of built-in kinds carry no kind in a list, those of custom kinds do: as on a real server. */
function listBody(resource: Resource, items: readonly ApiObject[], page: PageFacts): JsonObject {
  const bare = ({ apiVersion: _apiVersion, kind: _kind, ...rest }: ApiObject): JsonObject => rest;
  return {
    kind: resource.listKind,
    apiVersion: apiVersionOf(resource),
    metadata: listMetadata(page),
    items: resource.custom ? items : items.map(bare),
  };
}

function watch(core: ApiServerCore, request: ResourceRequest): ResourceAnswer {
  const { route, query } = request;
  const form = requiredForm(request);
  const initial = query.get("sendInitialEvents");
  return {
    kind: "watch",
    request: {
      resource: route.resource,
      namespace: route.namespace,
      matches: matchesOf(request),
      resourceVersion: query.get("resourceVersion") ?? undefined,
      sendInitialEvents: initial === null ? undefined : isTrue(initial),
      allowBookmarks: isTrue(query.get("allowWatchBookmarks")),
      timeoutSeconds: numberOf(query, "timeoutSeconds"),
    },
    shape: (event) => shapeEvent(route.resource, event, form, includeOf(query), core.clock.wallMs()),
  };
}

function shapeEvent(
  resource: Resource,
  event: WireEvent,
  form: Form,
  include: IncludeObject,
  nowMs: number,
): JsonObject {
  if (event.type === "ERROR" || form === "object") return { ...event };
  if (event.type === "BOOKMARK") {
    const metadata = { resourceVersion: (event.object["metadata"] as JsonObject)["resourceVersion"] };
    const object = form === "table" ? tableOf(resource, [], metadata, include, nowMs) : event.object;
    return { type: event.type, object };
  }
  if (form === "metadata") return { type: event.type, object: partialMetadata(event.object) };
  const { resourceVersion } = event.object.metadata;
  return { type: event.type, object: tableOf(resource, [event.object], { resourceVersion }, include, nowMs) };
}

function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get("includeObject") ?? "Metadata";
  if (include !== "None" && include !== "Metadata" && include !== "Object") {
    throw badRequest(`invalid includeObject: ${include}`);
  }
  return include;
}

function requiredForm(request: ResourceRequest): Form {
  const form = formOf(request.accept);
  if (form === undefined) {
    throw notAcceptable("only the following media types are accepted: application/json");
  }
  return form;
}

function shaped(
  core: ApiServerCore,
  request: ResourceRequest,
  object: ApiObject,
  status = 200,
  warnings: readonly string[] = [],
): ResourceAnswer {
  const form = requiredForm(request);
  const { resource } = request.route;
  if (form === "object") return { kind: "object", status, body: object, warnings };
  if (form === "metadata") return { kind: "object", status, body: partialMetadata(object), warnings };
  const { resourceVersion } = object.metadata;
  const body = tableOf(resource, [object], { resourceVersion }, includeOf(request.query), core.clock.wallMs());
  return { kind: "object", status, body, warnings };
}
