/**
 * What the server serves, in the old form (one document per group and version) and the aggregated one (two documents).
 *
 * Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
 */
import type { JsonObject } from "../json.ts";
import { apiVersionOf, type GroupVersion, type Resource, type ResourceRegistry } from "../resource.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS = ["get", "patch", "update"];

export function apiVersions(): JsonObject {
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
}

/** Groups with a name, each with its versions, best first. */
function groupsOf(registry: ResourceRegistry): Map<string, GroupVersion[]> {
  const groups = new Map<string, GroupVersion[]>();
  for (const each of registry.groupVersions()) groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  return groups;
}

function apiGroup(name: string, versions: readonly GroupVersion[]): JsonObject {
  const list = versions.map((each) => ({ groupVersion: apiVersionOf(each), version: each.version }));
  return { name, versions: list, preferredVersion: list[0] };
}

export function apiGroupList(registry: ResourceRegistry): JsonObject {
  const groups = [...groupsOf(registry)].filter(([name]) => name !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(([name, versions]) => apiGroup(name, versions)) };
}

export function oneApiGroup(registry: ResourceRegistry, name: string): JsonObject | undefined {
  const versions = groupsOf(registry).get(name);
  return versions === undefined ? undefined : { kind: "APIGroup", apiVersion: "v1", ...apiGroup(name, versions) };
}

export function apiResourceList(registry: ResourceRegistry, group: string, version: string): JsonObject | undefined {
  const resources = registry.inGroupVersion(group, version);
  if (resources.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersionOf({ group, version }),
    resources: resources.flatMap((resource) => {
      const { plural, singular, namespaced, kind, shortNames, categories } = resource;
      const main = {
        name: plural,
        singularName: singular,
        namespaced,
        kind,
        verbs: VERBS,
        ...(shortNames.length === 0 ? {} : { shortNames }),
        ...(categories.length === 0 ? {} : { categories }),
      };
      const status = { name: `${plural}/status`, singularName: "", namespaced, kind, verbs: STATUS_VERBS };
      return resource.hasStatus ? [main, status] : [main];
    }),
  };
}

/** `core`: the document of /api; else that of /apis. */
export function aggregated(registry: ResourceRegistry, core: boolean, apiVersion: string): JsonObject {
  const groups = [...groupsOf(registry)].filter(([name]) => (name === "") === core);
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion,
    metadata: {},
    items: groups.map(([name, versions]) => ({
      metadata: { name, creationTimestamp: null },
      versions: versions.map(({ group, version }) => ({
        version,
        freshness: "Current",
        resources: registry.inGroupVersion(group, version).map(discovered),
      })),
    })),
  };
}

function discovered(resource: Resource): JsonObject {
  const { group, version, kind, plural, singular, namespaced, shortNames, categories, hasStatus } = resource;
  const responseKind = { group, version, kind };
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: VERBS,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(hasStatus ? { subresources: [{ subresource: "status", responseKind, verbs: STATUS_VERBS }] } : {}),
  };
}
