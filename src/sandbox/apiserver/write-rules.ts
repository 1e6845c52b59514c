/**
 * What happens to an object between the request and the store: identity, metadata the server owns, the separation of spec
 * and status, generations, and the rules of deletion. Pure: old and new object in, object or refusal out.
 *
 * Source: k8s.io/apiserver/pkg/registry/rest (BeforeCreate, BeforeUpdate), apiextensions-apiserver customresource strategy.
 */
import { decodeMetadata } from "./decode.ts";
import { cloneJson, equalJson, isJsonObject, type ApiMeta, type ApiObject } from "./json.ts";
import { checkMetadata } from "./names.ts";
import { apiVersionOf, type Resource } from "./resource.ts";
import { badRequest, conflict, invalid, MODIFIED, unclassified, type StatusCause } from "./status-error.ts";
import { engineOf } from "./validation.ts";

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** Of a body that is quoted in an error, in characters. */
const MAX_QUOTED = 200;

/** The body of a request as an object of `resource` in `namespace`, its own copy; throws 400 when it is something else. */
export function readBody(resource: Resource, namespace: string, name: string | undefined, body: unknown): ApiObject {
  if (!isJsonObject(body)) throw badRequest("the body of the request must be a JSON object");
  const object = cloneJson(body);
  const apiVersion = apiVersionOf(resource);
  if (resource.custom && (object["kind"] ?? "") === "") {
    const text = JSON.stringify(body).slice(0, MAX_QUOTED);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): Object 'Kind' is missing in '${text}'`,
    );
  }
  if (typeof object["kind"] !== "string" || object["kind"] === "") object["kind"] = resource.kind;
  if (typeof object["apiVersion"] !== "string" || object["apiVersion"] === "") object["apiVersion"] = apiVersion;
  if (object["kind"] !== resource.kind || object["apiVersion"] !== apiVersion) {
    throw badRequest(
      `the API version in the data (${String(object["apiVersion"])}) does not match the expected API version (${apiVersion})`,
    );
  }
  const metadata = decodeMetadata(resource.kind, object["metadata"] ?? {});
  object["metadata"] = withNamespaceAndName(resource, namespace, name, metadata);
  return object as ApiObject;
}

function withNamespaceAndName(
  resource: Resource,
  namespace: string,
  name: string | undefined,
  given: ApiMeta,
): ApiMeta {
  const metadata = { ...given };
  if (metadata.namespace !== undefined && metadata.namespace !== "" && metadata.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  if (resource.namespaced) metadata.namespace = namespace;
  else delete metadata.namespace;
  if (name !== undefined) {
    if (typeof metadata.name === "string" && metadata.name !== "" && metadata.name !== name) {
      throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
    }
    metadata.name = name;
  }
  return metadata;
}

const COLLECTIONS = ["labels", "annotations", "finalizers", "ownerReferences"] as const;

/** Empty collections of metadata are not stored. */
export function withoutEmptyMetadata(object: ApiObject): ApiObject {
  const metadata = { ...object.metadata };
  for (const field of COLLECTIONS) if (Object.keys(metadata[field] ?? {}).length === 0) delete metadata[field];
  return { ...object, metadata };
}

/** Whether the two differ in nothing but the times of their field managers. */
export function sameButForTimes(a: ApiObject, b: ApiObject): boolean {
  return equalJson(withoutTimes(a), withoutTimes(b));
}

function withoutTimes(object: ApiObject): ApiObject {
  const { managedFields } = object.metadata;
  if (managedFields === undefined) return object;
  const timeless = managedFields.map(({ time: _time, ...entry }) => entry);
  return { ...object, metadata: { ...object.metadata, managedFields: timeless } };
}

/** What of an applied configuration counts at an endpoint: status only there, all else only at the main one. */
export function applicable(resource: Resource, atStatus: boolean, given: ApiObject): ApiObject {
  const config = cloneJson(given);
  if (!atStatus) {
    if (resource.hasStatus) delete config["status"];
    return config;
  }
  const { name, namespace, resourceVersion, uid } = config.metadata;
  const identity = Object.entries({ name, namespace, resourceVersion, uid }).filter(([, value]) => value !== undefined);
  const { apiVersion, kind, status } = config;
  const metadata = Object.fromEntries(identity) as unknown as ApiMeta;
  return { apiVersion, kind, metadata, ...(status === undefined ? {} : { status }) };
}

export interface CreateFacts {
  readonly uid: string;
  readonly time: string;
  /** Completes generateName. */
  readonly suffix: string;
}

export function prepareCreate(resource: Resource, object: ApiObject, facts: CreateFacts): ApiObject {
  const {
    resourceVersion,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    ...metadata
  } = object.metadata;
  if (resourceVersion !== undefined && resourceVersion !== "") {
    throw unclassified("resourceVersion should not be set on objects to be created");
  }
  if ((metadata.name ?? "") === "") {
    if ((metadata.generateName ?? "") === "") {
      const message = "Required value: name or generateName is required";
      throw invalid(resource, "", [{ reason: "FieldValueRequired", message, field: "metadata.name" }]);
    }
    metadata.name = `${metadata.generateName}${facts.suffix}`;
  }
  const created: ApiObject = { ...object, metadata: { ...metadata, uid: facts.uid, creationTimestamp: facts.time } };
  if (resource.countsGenerations) created.metadata.generation = 1;
  else delete created.metadata.generation;
  if (resource.custom && resource.hasStatus) delete created["status"];
  resource.onCreate?.(created);
  return created;
}

const SERVER_FIELDS = [
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "generation",
  "selfLink",
];

/** `next` with everything that this request may not change put back to what `live` says. */
export function prepareUpdate(
  resource: Resource,
  live: ApiObject,
  next: ApiObject,
  subresource: "" | "status",
  mustNameVersion: boolean,
): ApiObject {
  checkPreconditions(resource, live, next.metadata, mustNameVersion);
  if (subresource === "status") {
    const { managedFields } = next.metadata;
    const kept: ApiObject = { ...live, metadata: withManagedFields(live.metadata, managedFields) };
    if (next["status"] === undefined) delete kept["status"];
    else kept["status"] = next["status"];
    return kept;
  }
  const metadata: Record<string, unknown> = { ...next.metadata, resourceVersion: live.metadata.resourceVersion };
  const old = live.metadata as unknown as Record<string, unknown>;
  for (const field of SERVER_FIELDS) {
    if (old[field] === undefined) delete metadata[field];
    else metadata[field] = old[field];
  }
  const out: ApiObject = { ...next, metadata: metadata as unknown as ApiMeta };
  if (resource.hasStatus) {
    if (live["status"] === undefined) delete out["status"];
    else out["status"] = live["status"];
  }
  if (resource.countsGenerations && changesSpec(resource, live, out)) {
    out.metadata.generation = (live.metadata.generation ?? 0) + 1;
  }
  return out;
}

function withManagedFields(metadata: ApiMeta, managedFields: ApiMeta["managedFields"]): ApiMeta {
  const { managedFields: _old, ...rest } = metadata;
  return managedFields === undefined ? rest : { ...rest, managedFields };
}

function changesSpec(resource: Resource, live: ApiObject, next: ApiObject): boolean {
  const fields = new Set([...Object.keys(live), ...Object.keys(next)]);
  for (const field of ["metadata", "apiVersion", "kind"]) fields.delete(field);
  if (resource.hasStatus) fields.delete("status");
  return [...fields].some((field) => !equalJson(live[field], next[field]));
}

function checkPreconditions(resource: Resource, live: ApiObject, wanted: ApiMeta, mustNameVersion: boolean): void {
  const { name } = live.metadata;
  const version = wanted.resourceVersion ?? "";
  if (version !== "" && version !== live.metadata.resourceVersion) throw conflict(resource, name, MODIFIED);
  if (version === "" && mustNameVersion) {
    const message = "Invalid value: 0x0: must be specified for an update";
    const named = { group: resource.group, kind: resource.plural };
    throw invalid(named, name, [{ reason: "FieldValueInvalid", message, field: "metadata.resourceVersion" }]);
  }
  if (wanted.uid !== undefined && wanted.uid !== "" && wanted.uid !== live.metadata.uid) {
    throw conflict(resource, name, uidMismatch(wanted.uid, live.metadata.uid));
  }
}

function uidMismatch(wanted: string, found: string | undefined): string {
  return `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found ?? ""}`;
}

/** What a delete must find, or the conflict that it ends in. */
export function checkDeletable(
  resource: Resource,
  live: ApiObject,
  uid: string | undefined,
  version: string | undefined,
): void {
  const found = live.metadata;
  const named = { group: resource.group, plural: resource.kind };
  if (uid !== undefined && uid !== found.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${found.uid ?? ""}). The object might have been deleted and then recreated`;
    throw conflict(named, found.name, why);
  }
  if (version !== undefined && version !== found.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${version}) does not match the ResourceVersion in record (${found.resourceVersion ?? ""}). The object might have been modified`;
    throw conflict(named, found.name, why);
  }
}

/** A write that would create something must not name the uid of something else. */
export function checkNotRecreated(resource: Resource, name: string, uid: string | undefined): void {
  if (uid === undefined || uid === "") return;
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  throw conflict(resource, name, why);
}

/** Throws 422 with every problem found. */
export function checkObject(resource: Resource, object: ApiObject, old: ApiObject | undefined): void {
  const causes: StatusCause[] = [
    ...checkMetadata(object.metadata),
    ...checkFinalizers(object, old),
    ...engineOf(resource).validate(object, old),
    ...(resource.check?.(object, old) ?? []),
  ];
  if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
}

function checkFinalizers(object: ApiObject, old: ApiObject | undefined): StatusCause[] {
  if (old?.metadata.deletionTimestamp === undefined) return [];
  const before = new Set(old.metadata.finalizers);
  const fresh = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (fresh.length === 0) return [];
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(fresh)}`;
  return [{ reason: "FieldValueForbidden", message, field: "metadata.finalizers" }];
}
