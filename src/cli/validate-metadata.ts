/** What the API server asks of `metadata`, whatever the kind (apimachinery's ObjectMeta validation). */
import { describeValue } from "../api/problem.ts";
import { SUBDOMAIN_PATTERN } from "../api/shared-schemas.ts";
import { isJsonMap } from "../api/structural.ts";

export interface Finding {
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

const FIELDS: ReadonlySet<string> = new Set([
  "annotations",
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "generateName",
  "generation",
  "labels",
  "managedFields",
  "name",
  "namespace",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
]);

export function metadataProblems(metadata: unknown): Finding[] {
  if (!isJsonMap(metadata)) {
    return [{ path: "metadata", found: describeValue(metadata), expected: "an object with name" }];
  }
  const unknown = Object.keys(metadata)
    .filter((field) => !FIELDS.has(field))
    .map((field) => ({ path: `metadata.${field}`, found: "an unknown field", expected: "a field of metadata" }));
  return [...nameProblems(metadata), ...unknown, ...texts(metadata, "labels"), ...texts(metadata, "annotations")];
}

function nameProblems(metadata: Readonly<Record<string, unknown>>): Finding[] {
  const { name, generateName } = metadata;
  if (name === undefined && typeof generateName === "string") return [];
  if (typeof name === "string" && new RegExp(SUBDOMAIN_PATTERN).test(name)) return [];
  const expected = "a name of lower-case letters, digits, - and ., such as failover1";
  return [{ path: "metadata.name", found: describeValue(name), expected }];
}

function texts(metadata: Readonly<Record<string, unknown>>, field: "labels" | "annotations"): Finding[] {
  const map = metadata[field];
  if (map === undefined || map === null) return [];
  if (!isJsonMap(map))
    return [{ path: `metadata.${field}`, found: describeValue(map), expected: "an object of texts" }];
  return Object.entries(map)
    .filter(([, value]) => typeof value !== "string")
    .map(([key, value]) => ({
      path: `metadata.${field}.${key}`,
      found: describeValue(value),
      expected: "a text: put it in quotes",
    }));
}
