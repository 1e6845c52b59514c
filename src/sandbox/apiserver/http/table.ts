/**
 * Lists as kubectl prints them: the server computes the cells.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
import { ageOf } from "../builtin/columns.ts";
import type { ApiObject, JsonObject } from "../json.ts";
import { readJsonPath } from "../json-path.ts";
import type { Column, Resource } from "../resource.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

export function tableOf(
  resource: Resource,
  objects: readonly ApiObject[],
  listMetadata: JsonObject,
  include: IncludeObject,
  nowMs: number,
): JsonObject {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: listMetadata,
    columnDefinitions: resource.columns.map((column) => ({
      name: column.name,
      type: column.type,
      format: column.format ?? "",
      description: column.description ?? "",
      priority: column.priority,
    })),
    rows: objects.map((object) => ({
      cells: resource.columns.map((column) => cellOf(column, object, nowMs)),
      ...(include === "None" ? {} : { object: include === "Object" ? object : partialMetadata(object) }),
    })),
  };
}

export function partialMetadata(object: ApiObject): JsonObject {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

function cellOf(column: Column, object: ApiObject, nowMs: number): unknown {
  if (typeof column.value === "function") return shown(column, column.value(object, nowMs), nowMs);
  const [value] = readJsonPath(column.value, object);
  return value === undefined ? null : shown(column, value, nowMs);
}

function shown(column: Column, value: unknown, nowMs: number): unknown {
  if (column.type === "date") return column.name === "Created At" ? value : ageOf(value, nowMs);
  if (column.type !== "string" || typeof value === "string") return value ?? null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
