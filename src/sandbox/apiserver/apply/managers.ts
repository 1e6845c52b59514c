/**
 * Who manages which fields, as `metadata.managedFields` records it. A manager is identified by name, operation and
 * subresource, and for updates also by the version it wrote; the time is not part of it.
 *
 * Source: k8s.io/apimachinery/pkg/util/managedfields (BuildManagerIdentifier, capManagers).
 */
import type { ManagedFieldsEntry } from "../json.ts";
import { FieldSet } from "./field-set.ts";

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** Keyed by identifier. */
export type Managers = ReadonlyMap<string, Manager>;

/** More updating managers than this share the bucket below, oldest first. */
const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = "ancient-changes";

export function managerId(of: Pick<Manager, "name" | "operation" | "apiVersion" | "subresource">): string {
  return JSON.stringify([of.name, of.operation, of.subresource, of.operation === "Update" ? of.apiVersion : ""]);
}

export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers {
  const out = new Map<string, Manager>();
  for (const entry of entries ?? []) {
    const manager: Manager = {
      name: entry.manager ?? "",
      operation: entry.operation === "Apply" ? "Apply" : "Update",
      apiVersion: entry.apiVersion ?? "",
      subresource: entry.subresource ?? "",
      time: entry.time,
      set: FieldSet.fromFieldsV1(entry.fieldsV1),
    };
    out.set(managerId(manager), manager);
  }
  return out;
}

/** Appliers first, then by time, then by name: the order of the real server. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...capped(managers).values()].toSorted(byOperationThenTime).map((manager) => ({
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: "FieldsV1",
    fieldsV1: manager.set.toFieldsV1(),
    ...(manager.subresource === "" ? {} : { subresource: manager.subresource }),
  }));
}

function byOperationThenTime(a: Manager, b: Manager): number {
  if (a.operation !== b.operation) return a.operation === "Apply" ? -1 : 1;
  return (
    compareText(a.time ?? "", b.time ?? "") || compareText(a.name, b.name) || compareText(a.subresource, b.subresource)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function capped(managers: Managers): Managers {
  const updaters = [...managers.values()].filter((each) => each.operation === "Update").toSorted(byOperationThenTime);
  const surplus = updaters.slice(0, Math.max(0, updaters.length - MAX_UPDATE_MANAGERS));
  if (surplus.length === 0) return managers;
  const out = new Map(managers);
  for (const manager of surplus) {
    out.delete(managerId(manager));
    const bucket = { ...manager, name: ANCIENT };
    const known = out.get(managerId(bucket));
    out.set(managerId(bucket), { ...bucket, set: known === undefined ? manager.set : known.set.union(manager.set) });
  }
  return out;
}

/** True when both record the same fields for the same managers, whatever the times. */
export function sameManagers(a: Managers, b: Managers): boolean {
  return a.size === b.size && [...a].every(([id, manager]) => b.get(id)?.set.equals(manager.set) === true);
}
