/**
 * The three patches that carry no ownership: RFC 7386 merge patch, RFC 6902 JSON patch, and Kubernetes' strategic merge
 * patch, which kubectl uses for built-in kinds. All return a new object.
 *
 * Source of the strategic form: https://git.k8s.io/community/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
import jsonPatch, { JsonPatchError, type Operation } from "fast-json-patch";
import { messageOf } from "../../lib/errors.ts";
import { cloneJson, equalJson, isJsonObject, type JsonObject } from "./json.ts";
import type { Schema } from "./resource.ts";
import { badRequest, StatusError } from "./status-error.ts";

/** Most operations in one JSON patch, as on a real server. */
const MAX_OPERATIONS = 10_000;

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const out: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  }
  return out;
}

export function applyJsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations))
    throw badRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  if (operations.length > MAX_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`;
    throw new StatusError(413, "RequestEntityTooLarge", message);
  }
  try {
    return jsonPatch.applyPatch(cloneJson(target), cloneJson(operations) as Operation[], true).newDocument;
  } catch (thrown) {
    // The real server says no more than this; what failed is lost.
    if (!(thrown instanceof JsonPatchError)) throw badRequest(messageOf(thrown));
    throw new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});
  }
}

const ELEMENT_ORDER = "$setElementOrder/";
const DELETE_PRIMITIVES = "$deleteFromPrimitiveList/";

export function strategicMergePatch(schema: Schema | undefined, target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  if (patch["$patch"] === "replace") return withoutDirectives(patch);
  const out: JsonObject = isJsonObject(target) ? { ...target } : {};
  retainKeys(out, patch["$retainKeys"]);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_PRIMITIVES)) deletePrimitives(out, key.slice(DELETE_PRIMITIVES.length), value);
    if (key.startsWith("$")) continue;
    const field = schema?.properties?.[key] ?? additional(schema);
    if (value === null || (isJsonObject(value) && value["$patch"] === "delete")) delete out[key];
    else if (Array.isArray(value)) out[key] = mergeList(field, out[key], value, patch[`${ELEMENT_ORDER}${key}`]);
    else out[key] = strategicMergePatch(field, out[key], value);
  }
  return out;
}

function additional(schema: Schema | undefined): Schema | undefined {
  return typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith("$")));
}

function retainKeys(target: JsonObject, keys: unknown): void {
  if (!Array.isArray(keys)) return;
  for (const key of Object.keys(target)) if (!keys.includes(key)) delete target[key];
}

function deletePrimitives(target: JsonObject, key: string, values: unknown): void {
  const present = target[key];
  if (Array.isArray(present) && Array.isArray(values)) target[key] = present.filter((item) => !values.includes(item));
}

function mergeList(schema: Schema | undefined, target: unknown, patch: readonly unknown[], order: unknown): unknown[] {
  const listType = schema?.["x-kubernetes-list-type"];
  const present: unknown[] = Array.isArray(target) ? target : [];
  if (listType === "set") return [...present, ...patch.filter((item) => !present.includes(item))];
  const key = schema?.["x-kubernetes-list-map-keys"]?.[0];
  if (listType !== "map" || key === undefined) return [...patch];
  if (patch.some((item) => isJsonObject(item) && item["$patch"] === "replace")) {
    return patch.filter((item) => !isJsonObject(item) || item["$patch"] !== "replace");
  }
  const out = [...present];
  for (const item of patch) {
    if (!isJsonObject(item)) continue;
    const index = out.findIndex((old) => isJsonObject(old) && equalJson(old[key], item[key]));
    if (item["$patch"] === "delete") {
      if (index >= 0) out.splice(index, 1);
    } else if (index < 0) out.push(withoutDirectives(item));
    else out[index] = strategicMergePatch(schema?.items, out[index], item);
  }
  return ordered(out, key, order);
}

function ordered(items: readonly unknown[], key: string, order: unknown): unknown[] {
  if (!Array.isArray(order)) return [...items];
  const rank = (item: unknown): number => {
    const found = order.findIndex(
      (each) => isJsonObject(each) && isJsonObject(item) && equalJson(each[key], item[key]),
    );
    return found < 0 ? Number.MAX_SAFE_INTEGER : found;
  };
  return items.toSorted((a, b) => rank(a) - rank(b));
}
