/**
 * Server-side apply and the tracking of field managers over one write. Pure: objects in, objects out.
 *
 * Invariant: a field that another manager applied never changes by an apply without `force`; a field disappears only when
 * its last manager stops applying it or someone removes it by an update.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/, structured-merge-diff/merge/update.go,
 * k8s.io/apimachinery/pkg/util/managedfields.
 */
import type { ApiObject, JsonObject, ManagedFieldsEntry } from "../json.ts";
import type { Schema } from "../resource.ts";
import { applyConflict, badRequest, type StatusCause } from "../status-error.ts";
import { FieldSet, pathText } from "./field-set.ts";
import { decodeManagers, encodeManagers, managerId, sameManagers, type Manager, type Managers } from "./managers.ts";
import { compare, duplicateItems, fieldSetOf, merge, removeFields } from "./typed.ts";

export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: "" | "status";
  /** Whether status is written at an endpoint of its own. */
  readonly separateStatus: boolean;
  /** RFC 3339 with whole seconds. */
  readonly time: string;
}

/** Never tracked: identity and what the server itself writes. */
const STRIPPED = FieldSet.of(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...["name", "namespace", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"].map(
    (field) => ["f:metadata", `f:${field}`],
  ),
  ...["managedFields", "resourceVersion", "selfLink", "uid", "generateName"].map((field) => [
    "f:metadata",
    `f:${field}`,
  ]),
);

/** `object` without managedFields, which take no part in comparing and merging. */
function bare(object: ApiObject): ApiObject {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function tracked(set: FieldSet): FieldSet {
  return set.difference(STRIPPED);
}

function withManagers(object: ApiObject, managers: Managers): ApiObject {
  const entries = encodeManagers(managers);
  const clean = bare(object);
  return entries.length === 0 ? clean : { ...clean, metadata: { ...clean.metadata, managedFields: entries } };
}

/** What this writer's endpoint may write of `live`. */
function writable(live: ApiObject, { separateStatus, subresource }: Writer): JsonObject {
  if (!separateStatus) return bare(live);
  const { status, spec, ...rest } = bare(live);
  const own = subresource === "status" ? { status } : { spec };
  return { ...rest, ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) };
}

/** Managers of `live`; an object that nobody tracked so far belongs to `before-first-apply`. */
function managersOf(schema: Schema, live: ApiObject | undefined, writer: Writer): Managers {
  const known = decodeManagers(live?.metadata.managedFields);
  if (live === undefined || known.size > 0) return known;
  const set = tracked(compare(schema, {}, writable(live, writer)).added);
  const first: Manager = {
    name: "before-first-apply",
    operation: "Update",
    apiVersion: writer.apiVersion,
    subresource: "",
    time: writer.time,
    set,
  };
  return set.isEmpty ? known : new Map([[managerId(first), first]]);
}

/**
 * Records an update (create, replace, patch) that turned `live` into `next`. The request may itself replace
 * metadata.managedFields; `[{}]` clears them.
 */
export function trackUpdate(schema: Schema, live: ApiObject | undefined, next: ApiObject, writer: Writer): ApiObject {
  const before = startingManagers(live, next, writer.subresource !== "");
  // What nobody tracks stays so until it is applied.
  if (live !== undefined && before.size === 0) return withManagers(next, before);
  const self: Omit<Manager, "set"> = {
    name: writer.manager,
    operation: "Update",
    apiVersion: writer.apiVersion,
    subresource: writer.subresource,
    time: writer.time,
  };
  const id = managerId(self);
  const changes = compare(schema, live === undefined ? {} : bare(live), bare(next));
  const touched = changes.added.union(changes.modified);
  const after = new Map<string, Manager>();
  for (const [otherId, other] of before) {
    if (otherId === id) continue;
    const set = other.set.difference(touched).difference(changes.removed);
    if (!set.isEmpty) after.set(otherId, { ...other, set });
  }
  const old = before.get(id);
  const set = tracked((old?.set ?? new FieldSet()).union(touched).difference(changes.removed));
  if (!set.isEmpty) {
    const unchanged = old !== undefined && old.set.equals(set) && tracked(touched).isEmpty;
    after.set(id, { ...self, set, time: unchanged ? old.time : writer.time });
  }
  return withManagers(next, after);
}

function startingManagers(live: ApiObject | undefined, next: ApiObject, isSubresource: boolean): Managers {
  const given: readonly ManagedFieldsEntry[] = next.metadata.managedFields ?? [];
  if (isSubresource || given.length === 0) return decodeManagers(live?.metadata.managedFields);
  if (given.length === 1 && Object.keys(given[0] ?? {}).length === 0) return new Map();
  return decodeManagers(given);
}

/** Applies `config`; throws a conflict unless `force`. Returns `live` itself when nothing changes. */
export function applyConfig(
  schema: Schema,
  live: ApiObject | undefined,
  config: ApiObject,
  writer: Writer,
  force: boolean,
): ApiObject {
  const duplicates = duplicateItems(schema, config);
  if (duplicates[0] !== undefined) {
    throw badRequest(`failed to create typed patch object: ${pathText(duplicates[0])}: duplicate entries for key`);
  }
  const before = managersOf(schema, live, writer);
  const claimed = fieldSetOf(schema, bare(config));
  const self: Manager = {
    name: writer.manager,
    operation: "Apply",
    apiVersion: writer.apiVersion,
    subresource: writer.subresource,
    time: writer.time,
    set: tracked(claimed),
  };
  const id = managerId(self);
  const last = before.get(id);
  const managers = new Map(before).set(id, self);
  const current = live === undefined ? { ...config, metadata: bare(config).metadata } : bare(live);
  const merged = merge(schema, current, bare(config)) as ApiObject;
  const owned = [...managers.values()].reduce((all, manager) => all.union(manager.set), claimed);
  const next = last === undefined ? merged : pruneDropped(schema, merged, owned, last.set);
  const settled = settleOwnership(schema, live === undefined ? {} : current, next, managers, id, force);
  if (self.set.isEmpty) settled.delete(id);
  if (live !== undefined && sameManagers(before, settled) && sameObject(schema, current, next)) return live;
  return withManagers(next, settled);
}

function sameObject(schema: Schema, a: unknown, b: unknown): boolean {
  const changes = compare(schema, a, b);
  return changes.added.isEmpty && changes.modified.isEmpty && changes.removed.isEmpty;
}

/**
 * Takes out what this manager applied before and does not apply now, unless another manager owns it too. Containers that
 * only it named go as a whole, with what nobody owns in them (defaults, mostly).
 */
function pruneDropped(schema: Schema, merged: ApiObject, owned: FieldSet, lastSet: FieldSet): ApiObject {
  const last = lastSet.withNamedParents(schema);
  const mergedSet = fieldSetOf(schema, merged).withNamedParents(schema);
  const leftBy = (pruned: unknown): FieldSet => fieldSetOf(schema, pruned).withNamedParents(schema);
  const withoutLast = removeFields(schema, merged, last);
  const gone = mergedSet.difference(leftBy(withoutLast)).difference(owned.withNamedParents(schema));
  const withOwned = removeFields(schema, merged, gone);
  const dropped = mergedSet.difference(leftBy(withOwned)).intersection(last);
  return removeFields(schema, merged, dropped) as ApiObject;
}

/** Moves ownership of what changed; the other managers' sets shrink, or their objection is thrown. */
function settleOwnership(
  schema: Schema,
  before: unknown,
  next: ApiObject,
  managers: Managers,
  self: string,
  force: boolean,
): Map<string, Manager> {
  const changes = compare(schema, before, next);
  const touched = changes.added.union(changes.modified);
  const conflicts: { manager: Manager; path: string[] }[] = [];
  const out = new Map<string, Manager>();
  for (const [id, manager] of managers) {
    if (id === self) {
      out.set(id, manager);
      continue;
    }
    conflicts.push(
      ...manager.set
        .intersection(touched)
        .paths()
        .map((path) => ({ manager, path })),
    );
    const set = manager.set.difference(touched).difference(changes.removed);
    if (!set.isEmpty) out.set(id, { ...manager, set });
  }
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  return out;
}

function conflictError(conflicts: readonly { manager: Manager; path: string[] }[]): Error {
  const causes: StatusCause[] = conflicts.map(({ manager, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${describeManager(manager)}`,
    field: pathText(path),
  }));
  const only = causes.length === 1 ? causes[0] : undefined;
  if (only !== undefined) return applyConflict(causes, `Apply failed with 1 conflict: ${only.message}: ${only.field}`);
  const byManager = Object.groupBy(causes, (cause) => cause.message);
  const texts = Object.entries(byManager)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([message, group]) =>
      [
        `${message.replace("conflict with", "conflicts with")}:`,
        ...(group ?? []).map((cause) => `- ${cause.field}`),
      ].join("\n"),
    );
  return applyConflict(causes, `Apply failed with ${causes.length} conflicts: ${texts.join("\n")}`);
}

function describeManager(manager: Manager): string {
  const subresource = manager.subresource === "" ? "" : ` with subresource ${JSON.stringify(manager.subresource)}`;
  const using = manager.operation === "Update" ? ` using ${manager.apiVersion}` : "";
  return `${JSON.stringify(manager.name)}${subresource}${using}`;
}
