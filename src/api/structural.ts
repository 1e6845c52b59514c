/**
 * Defaulting and pruning of values by structural schemas, as the API server does it
 * (kubernetes.io: "Extend the Kubernetes API with CustomResourceDefinitions", sections on pruning and defaulting).
 */
import type { Schema } from "./schema.ts";

export type JsonMap = Record<string, unknown>;

export function isJsonMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function childPath(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** The schema of a field that `properties` does not name. */
export function additionalSchema(schema: Schema): Schema | undefined {
  const { additionalProperties } = schema;
  if (additionalProperties === undefined || additionalProperties === false) return undefined;
  return additionalProperties === true ? { "x-kubernetes-preserve-unknown-fields": true } : additionalProperties;
}

function fieldSchema(schema: Schema, name: string): Schema | undefined {
  return schema.properties?.[name] ?? additionalSchema(schema);
}

/**
 * Sets defaults in `value`, in place. A null where null is not allowed is dropped first, so that the default
 * applies.
 */
export function setDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    for (const item of value) setDefaults(item, schema.items ?? {});
    return;
  }
  if (!isJsonMap(value)) return;
  for (const [name, sub] of Object.entries(schema.properties ?? {})) {
    if (value[name] === null && sub.nullable !== true) delete value[name];
    if (value[name] === undefined && sub.default !== undefined) value[name] = structuredClone(sub.default);
  }
  for (const [name, child] of Object.entries(value)) {
    const sub = fieldSchema(schema, name);
    if (sub !== undefined) setDefaults(child, sub);
  }
}

/** Fields of an embedded object that every Kubernetes object has. */
const OBJECT_FIELDS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** Removes fields that the schema does not know from `value`, in place; gives their paths. */
export function pruneUnknown(value: unknown, schema: Schema, path: string, isObjectRoot: boolean): string[] {
  if (Array.isArray(value)) {
    const items = schema.items ?? {};
    return value.flatMap((item, index) =>
      pruneUnknown(item, items, `${path}[${index}]`, items["x-kubernetes-embedded-resource"] === true),
    );
  }
  if (!isJsonMap(value)) return [];
  const removed: string[] = [];
  for (const [name, child] of Object.entries(value)) {
    if (isObjectRoot && OBJECT_FIELDS.has(name)) continue;
    const sub = fieldSchema(schema, name);
    const subPath = childPath(path, name);
    if (sub !== undefined) {
      removed.push(...pruneUnknown(child, sub, subPath, sub["x-kubernetes-embedded-resource"] === true));
    } else if (schema["x-kubernetes-preserve-unknown-fields"] !== true) {
      delete value[name];
      removed.push(subPath);
    }
  }
  return removed;
}

/** The values of the keys of one entry of a list map, as one text. */
export function listMapKey(entry: unknown, keys: readonly string[]): string {
  return JSON.stringify(isJsonMap(entry) ? keys.map((key) => entry[key] ?? null) : entry);
}
