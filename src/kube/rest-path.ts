/**
 * Where an object lives in the Kubernetes REST API, as pure functions.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
 */
import type { ObjectKey, ResourceType } from "./ports.ts";

export type Query = Readonly<Record<string, string | undefined>>;

/** `/api/v1` for the core group, `/apis/GROUP/VERSION` otherwise. */
function groupPath(type: ResourceType): string {
  return type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
}

/** All objects of a type, in one namespace or (undefined) in all. */
export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${groupPath(type)}${scope}/${type.plural}`;
}

export function objectPath(type: ResourceType, key: ObjectKey, subresource?: string): string {
  const tail = subresource === undefined ? "" : `/${subresource}`;
  return `${collectionPath(type, key.namespace)}/${encodeURIComponent(key.name)}${tail}`;
}

/** `?a=b&c=d` without the undefined ones; empty when none is left. */
export function queryText(query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

/** `group/version`, or `version` for the core group. */
export function apiVersionOf(type: ResourceType): string {
  return type.group === "" ? type.version : `${type.group}/${type.version}`;
}
