/**
 * What the server serves: one `Resource` per group, version and plural, built in or made from a CRD, and the registry that
 * finds them. Everything generic (store, apply, tables, discovery, OpenAPI) works from this description alone.
 */
import type { Schema } from "../../api/schema.ts";
import type { ApiObject } from "./json.ts";
import type { StatusCause } from "./status-error.ts";

/** A column of `kubectl get`; `jsonPath` as in CRDs, or a function for built-in kinds. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  /** Above 0: shown with `-o wide` only. */
  readonly priority: number;
  readonly value: string | ((object: ApiObject, nowMs: number) => unknown);
}

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly hasStatus: boolean;
  readonly schema: Schema;
  readonly columns: readonly Column[];
  /** Custom resources bump `generation` and reject by schema with 422; built-in ones decode strictly with 400. */
  readonly custom: boolean;
  /** Where the objects live: several versions and views share one. */
  readonly storage: string;
  /** The form in the store, when it is not this one's (another version, or Event's two groups). */
  readonly toStored?: (object: ApiObject) => ApiObject;
  readonly fromStored?: (object: ApiObject) => ApiObject;
  /** Fills in what the real server's strategy fills in on create. */
  readonly onCreate?: (object: ApiObject) => void;
  /** Brings every written object to the form that is stored. */
  readonly normalize?: (object: ApiObject) => void;
  /** Rules beyond the schema. */
  readonly check?: (object: ApiObject, old: ApiObject | undefined) => StatusCause[];
  /** Extra `fieldSelector` fields beside metadata.name and metadata.namespace. */
  readonly selectable?: readonly string[];
  /** Does a change of the spec (anything but metadata and status) raise metadata.generation? */
  readonly countsGenerations: boolean;
  /** Does a replace create what is missing, whatever resourceVersion it names? On a real server it does for Leases and Events. */
  readonly createOnUpdate: boolean;
  /** May a replace come without resourceVersion? Not for custom resources and Leases. */
  readonly unconditionalUpdate: boolean;
}

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

export function apiVersionOf(of: GroupVersion): string {
  return of.group === "" ? of.version : `${of.group}/${of.version}`;
}

export function parseApiVersion(text: string): GroupVersion {
  const slash = text.indexOf("/");
  return slash < 0 ? { group: "", version: text } : { group: text.slice(0, slash), version: text.slice(slash + 1) };
}

export class ResourceRegistry {
  readonly #byPath = new Map<string, Resource>();

  add(resource: Resource): void {
    this.#byPath.set(pathKey(resource.group, resource.version, resource.plural), resource);
  }

  remove(group: string, version: string, plural: string): void {
    this.#byPath.delete(pathKey(group, version, plural));
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(pathKey(group, version, plural));
  }

  ofKind(apiVersion: string, kind: string): Resource | undefined {
    const { group, version } = parseApiVersion(apiVersion);
    return this.all().find((each) => each.group === group && each.version === version && each.kind === kind);
  }

  all(): Resource[] {
    return [...this.#byPath.values()];
  }

  /** One resource per storage: each stored object is seen once. */
  stored(): Resource[] {
    const seen = new Map<string, Resource>();
    for (const resource of this.all()) {
      const known = seen.get(resource.storage);
      if (known === undefined || (known.toStored !== undefined && resource.toStored === undefined)) {
        seen.set(resource.storage, resource);
      }
    }
    return [...seen.values()];
  }

  groupVersions(): GroupVersion[] {
    const seen = new Map<string, GroupVersion>();
    for (const { group, version } of this.all()) seen.set(`${group}/${version}`, { group, version });
    return [...seen.values()].toSorted(
      (a, b) => a.group.localeCompare(b.group) || compareVersions(a.version, b.version),
    );
  }

  inGroupVersion(group: string, version: string): Resource[] {
    return this.all()
      .filter((each) => each.group === group && each.version === version)
      .toSorted((a, b) => a.plural.localeCompare(b.plural));
  }
}

function pathKey(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}

/** Kubernetes' order of versions, best first: v2 before v1 before v1beta1 before v1alpha1. */
export function compareVersions(a: string, b: string): number {
  const rank = (version: string): number[] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [0, 0, 0];
    const stage = match[2] === undefined ? 3 : match[2] === "beta" ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const left = rank(a);
  const right = rank(b);
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0;
    if (value !== other) return other - value;
  }
  return a.localeCompare(b);
}

/** The object as this resource shows it: in its own version and form. */
export function view(resource: Resource, stored: ApiObject): ApiObject {
  return resource.fromStored === undefined ? stored : resource.fromStored(stored);
}

export function storable(resource: Resource, object: ApiObject): ApiObject {
  return resource.toStored === undefined ? object : resource.toStored(object);
}

export type { Schema };
