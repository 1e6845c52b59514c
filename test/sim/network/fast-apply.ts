/**
 * Server-side apply of a status, as the embedded API server does it but many times faster: what each manager applied last is
 * remembered as it was, instead of as sets of fields in the object. Good only where nobody but appliers writes the status.
 *
 * What a manager applied before and does not apply now goes, unless another applies it too; lists with keys are merged
 * item by item, empty lists excepted (https://kubernetes.io/docs/reference/using-api/server-side-apply/). A test holds it against the server.
 */
import type { Schema } from "../../../src/sandbox/apiserver/resource.ts";
import { equalJson } from "../../../src/sandbox/apiserver/json.ts";
import { shared } from "./frozen.ts";

type Value = unknown;
type Fields = Readonly<Record<string, Value>>;

/** What every manager applied last to one object. */
export class Applied {
  readonly #configs = new Map<string, Value>();

  /** The status after `manager` applied `applied`; the same value when nothing changes. */
  apply(schema: Schema | undefined, live: Value, manager: string, applied: Value): Value {
    // Not copied: whoever applied it writes into it no more, which a frozen object shows.
    const config = shared(applied);
    const before = this.#configs.get(manager);
    this.#configs.set(manager, config);
    const others = [...this.#configs].flatMap(([name, value]) => (name === manager ? [] : [value]));
    const merged = merge(schema, live, before, config, others);
    return equalJson(merged, live) ? live : merged;
  }
}

function merge(schema: Schema | undefined, live: Value, before: Value, next: Value, others: readonly Value[]): Value {
  const keys = listKeys(schema);
  if (keys !== undefined && Array.isArray(next)) return mergeList(schema?.items, keys, live, before, next, others);
  if (!isFields(next) || schema?.["x-kubernetes-map-type"] === "atomic") return next;
  const result: Record<string, Value> = { ...(isFields(live) ? live : {}) };
  if (isFields(before)) {
    for (const [name, value] of Object.entries(before)) {
      if (name in next) continue;
      const left = without(schemaOf(schema, name), result[name], value, at(others, name));
      if (left === undefined) delete result[name];
      else result[name] = left;
    }
  }
  for (const [name, value] of Object.entries(next)) {
    if (value === undefined) continue;
    const was = isFields(before) ? before[name] : undefined;
    result[name] = merge(schemaOf(schema, name), result[name], was, value, at(others, name));
  }
  return result;
}

/** `live` without what only the manager that applied `gone` wants; undefined: nothing is left. */
function without(schema: Schema | undefined, live: Value, gone: Value, others: readonly Value[]): Value {
  const wanted = others.filter((value) => value !== undefined);
  if (wanted.length === 0) return undefined;
  const keys = listKeys(schema);
  if (keys !== undefined && Array.isArray(gone)) return mergeList(schema?.items, keys, live, gone, [], wanted);
  if (isFields(gone) && schema?.["x-kubernetes-map-type"] !== "atomic") return merge(schema, live, gone, {}, wanted);
  return live;
}

function mergeList(
  items: Schema | undefined,
  keys: readonly string[],
  live: Value,
  before: Value,
  next: readonly Value[],
  others: readonly Value[],
): Value[] {
  const result = new Map(listOf(live).map((item) => [keyOf(item, keys), item]));
  const was = new Map(listOf(before).map((item) => [keyOf(item, keys), item]));
  const wanted = new Map(next.map((item) => [keyOf(item, keys), item]));
  const ofOthers = (key: string): Value[] =>
    others.map((list) => listOf(list).find((item) => keyOf(item, keys) === key));
  for (const [key, item] of was) {
    if (wanted.has(key)) continue;
    const left = without(items, result.get(key), item, ofOthers(key));
    if (left === undefined) result.delete(key);
    else result.set(key, left);
  }
  for (const [key, item] of wanted) result.set(key, merge(items, result.get(key), was.get(key), item, ofOthers(key)));
  return [...result.values()];
}

function listKeys(schema: Schema | undefined): readonly string[] | undefined {
  switch (schema?.["x-kubernetes-list-type"]) {
    case "map":
      return schema["x-kubernetes-list-map-keys"];
    case "set":
      return [];
    default:
      return undefined;
  }
}

function schemaOf(schema: Schema | undefined, name: string): Schema | undefined {
  const own = schema?.properties?.[name];
  if (own !== undefined) return own;
  const { additionalProperties } = schema ?? {};
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}

function at(values: readonly Value[], name: string): Value[] {
  return values.map((value) => (isFields(value) ? value[name] : undefined));
}

function keyOf(item: Value, keys: readonly string[]): string {
  return JSON.stringify(isFields(item) ? keys.map((key) => item[key]) : item);
}

function listOf(value: Value): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

function isFields(value: Value): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
