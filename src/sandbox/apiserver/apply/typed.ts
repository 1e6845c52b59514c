/**
 * Walks over values as their schema says they merge: which fields a value names, what changed between two values, how a
 * configuration is laid over an object, and what is left when fields are taken away.
 *
 * Atomic lists and maps are leaves; sets and list maps merge by value and by key; fields without a schema merge as maps,
 * with atomic lists. Source of the rules: structured-merge-diff/typed (compare.go, merge.go, remove.go, tofieldset.go).
 */
import { equalJson, isJsonObject, type JsonObject } from "../json.ts";
import type { Schema } from "../resource.ts";
import { FieldSet, schemaUnder } from "./field-set.ts";

type Shape = "leaf" | "map" | "list";

/** How `value` merges under `schema`; an absent schema means "deduce from the value". */
function shapeOf(schema: Schema | undefined, value: unknown): Shape {
  if (Array.isArray(value)) {
    const listType = schema?.["x-kubernetes-list-type"];
    return listType === "map" || listType === "set" ? "list" : "leaf";
  }
  if (isJsonObject(value)) return schema?.["x-kubernetes-map-type"] === "atomic" ? "leaf" : "map";
  return "leaf";
}

function fieldSchema(schema: Schema | undefined, key: string): Schema | undefined {
  return schemaUnder(schema, `f:${key}`);
}

function isNamedField(schema: Schema | undefined, key: string): boolean {
  return schema?.properties !== undefined && key in schema.properties;
}

/** `k:{...}` or `v:...` of an item of a list map or set. Absent keys take their default, as the real server does. */
export function itemElement(schema: Schema | undefined, item: unknown): string {
  if (schema?.["x-kubernetes-list-type"] !== "map" || !isJsonObject(item)) return `v:${JSON.stringify(item)}`;
  const keys: JsonObject = {};
  for (const key of (schema["x-kubernetes-list-map-keys"] ?? []).toSorted()) {
    const value = item[key] ?? schema.items?.properties?.[key]?.default;
    if (value !== undefined) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

interface Child {
  readonly element: string;
  readonly schema: Schema | undefined;
  readonly named: boolean;
  readonly value: unknown;
}

function childrenOf(schema: Schema | undefined, value: unknown): Child[] {
  if (Array.isArray(value)) {
    return value.map((item) => ({
      element: itemElement(schema, item),
      schema: schema?.items,
      named: false,
      value: item,
    }));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).map(([key, field]) => ({
    element: `f:${key}`,
    schema: fieldSchema(schema, key),
    named: isNamedField(schema, key),
    value: field,
  }));
}

function isEmptyContainer(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
}

/** The fields that `value` names, as an applied configuration claims them. */
export function fieldSetOf(schema: Schema | undefined, value: unknown): FieldSet {
  const set = new FieldSet();
  const walk = (here: Schema | undefined, part: unknown, path: readonly string[]): void => {
    const shape = shapeOf(here, part);
    if (shape === "leaf") {
      if (path.length > 0) set.insert(path);
      return;
    }
    for (const child of childrenOf(here, part)) {
      const below = [...path, child.element];
      walk(child.schema, child.value, below);
      const isItem = shape === "list" || !child.named;
      const isEmptyMap = isJsonObject(child.value) && isEmptyContainer(child.value);
      if (isItem || child.value === null || isEmptyMap) set.insert(below);
    }
  };
  walk(schema, value, []);
  return set;
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** What changed from `before` to `after`. */
export function compare(schema: Schema | undefined, before: unknown, after: unknown): Comparison {
  const result: Comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() };
  compareAt(result, schema, before, after, []);
  return result;
}

function compareAt(
  result: Comparison,
  schema: Schema | undefined,
  before: unknown,
  after: unknown,
  path: readonly string[],
): void {
  const shape = pairShape(schema, before, after);
  if (shape === "leaf") {
    if (before === undefined) result.added.insert(path);
    else if (after === undefined) result.removed.insert(path);
    else if (!equalJson(before, after)) result.modified.insert(path);
    return;
  }
  const olds = new Map(childrenOf(schema, before).map((child) => [child.element, child]));
  const news = new Map(childrenOf(schema, after).map((child) => [child.element, child]));
  for (const element of new Set([...olds.keys(), ...news.keys()])) {
    const old = olds.get(element);
    const fresh = news.get(element);
    compareAt(result, (old ?? fresh)?.schema, old?.value, fresh?.value, [...path, element]);
  }
  if (before === undefined) result.added.insert(path);
  else if (after === undefined) result.removed.insert(path);
}

/** Two values walk together only when both are (or may be) the same kind of container and not both empty; null may be any. */
function pairShape(schema: Schema | undefined, left: unknown, right: unknown): Shape {
  const isNothing = (value: unknown): boolean => value === undefined || value === null;
  if ((isNothing(left) || isEmptyContainer(left)) && (isNothing(right) || isEmptyContainer(right))) return "leaf";
  const a = isNothing(left) ? shapeOf(schema, right) : shapeOf(schema, left);
  const b = isNothing(right) ? a : shapeOf(schema, right);
  return a === b ? a : "leaf";
}

/** `config` laid over `live`: its leaves win, everything else of `live` stays. */
export function merge(schema: Schema | undefined, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  if (live === undefined) return config;
  const shape = pairShape(schema, live, config);
  if (shape === "leaf") return config;
  if (live === null) return config;
  if (config === null) return live;
  if (Array.isArray(live) && Array.isArray(config)) return mergeLists(schema, live, config);
  if (!isJsonObject(live) || !isJsonObject(config)) return config;
  const out: JsonObject = { ...live };
  for (const [key, value] of Object.entries(config)) out[key] = merge(fieldSchema(schema, key), live[key], value);
  return out;
}

/**
 * Items that both name come in the order of `config`; those that only one names keep their place between them, live ones
 * first. `live` and `config` are walked side by side, and a shared item of `live` that is not due yet is passed over.
 */
function mergeLists(schema: Schema | undefined, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const element = (item: unknown): string => itemElement(schema, item);
  const liveByElement = new Map(live.map((item) => [element(item), item]));
  const wanted = new Set(config.map(element));
  const due = config.map(element).filter((each) => liveByElement.has(each));
  const left = [...live];
  const out: unknown[] = [];
  for (const item of config) {
    const own = element(item);
    while (left.length > 0 && element(left[0]) !== own) {
      const other = element(left[0]);
      if (wanted.has(other) && other === due[0]) break;
      if (wanted.has(other)) left.shift();
      else out.push(left.shift());
    }
    if (left.length > 0 && element(left[0]) === own) left.shift();
    if (due[0] === own) due.shift();
    out.push(liveByElement.has(own) ? merge(schema?.items, liveByElement.get(own), item) : item);
  }
  out.push(...left.filter((item) => !wanted.has(element(item))));
  return out;
}

/** `value` without the members of `toRemove`; a container that this empties becomes null, as in the real server. */
export function removeFields(schema: Schema | undefined, value: unknown, toRemove: FieldSet): unknown {
  if (shapeOf(schema, value) === "leaf") return value;
  if (Array.isArray(value)) {
    const kept = value
      .filter((item) => !toRemove.has(itemElement(schema, item)))
      .map((item) => removeUnder(schema?.items, item, toRemove.under(itemElement(schema, item))));
    return kept.length === 0 ? null : kept;
  }
  if (!isJsonObject(value)) return value;
  const out: JsonObject = {};
  for (const [key, field] of Object.entries(value)) {
    if (!toRemove.has(`f:${key}`)) out[key] = removeUnder(fieldSchema(schema, key), field, toRemove.under(`f:${key}`));
  }
  return Object.keys(out).length === 0 ? null : out;
}

function removeUnder(schema: Schema | undefined, value: unknown, toRemove: FieldSet | undefined): unknown {
  return toRemove === undefined ? value : removeFields(schema, value, toRemove);
}

/** Items of sets and list maps that occur twice, as paths; such a configuration cannot be applied. */
export function duplicateItems(schema: Schema | undefined, value: unknown, path: readonly string[] = []): string[][] {
  const found: string[][] = [];
  const seen = new Set<string>();
  if (shapeOf(schema, value) === "leaf") return found;
  for (const child of childrenOf(schema, value)) {
    const below = [...path, child.element];
    if (seen.has(child.element)) found.push(below);
    seen.add(child.element);
    found.push(...duplicateItems(child.schema, child.value, below));
  }
  return found;
}
