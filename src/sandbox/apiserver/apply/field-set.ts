/**
 * Sets of field paths, the currency of server-side apply. A set is a tree: a node says whether its own path is a member
 * and holds the longer paths below it. Path elements are kept in their wire form of FieldsV1: `f:name` for a field,
 * `k:{"key":"value"}` for an item of a list map, `v:value` for a member of a set.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/, structured-merge-diff/fieldpath.
 */
import { isJsonObject, type JsonObject } from "../json.ts";
import type { Schema } from "../resource.ts";

export class FieldSet {
  member = false;
  readonly children = new Map<string, FieldSet>();

  insert(path: readonly string[]): void {
    const [first, ...rest] = path;
    if (first === undefined) this.member = true;
    else this.#descend(first).insert(rest);
  }

  #descend(element: string): FieldSet {
    const known = this.children.get(element);
    if (known !== undefined) return known;
    const fresh = new FieldSet();
    this.children.set(element, fresh);
    return fresh;
  }

  has(element: string): boolean {
    return this.children.get(element)?.member === true;
  }

  /** What lies under `element`, or undefined when nothing does. */
  under(element: string): FieldSet | undefined {
    const child = this.children.get(element);
    return child === undefined || child.children.size === 0 ? undefined : child;
  }

  get isEmpty(): boolean {
    if (this.member) return false;
    for (const child of this.children.values()) if (!child.isEmpty) return false;
    return true;
  }

  union(other: FieldSet): FieldSet {
    return combine(this, other, (a, b) => a || b);
  }

  intersection(other: FieldSet): FieldSet {
    return combine(this, other, (a, b) => a && b);
  }

  difference(other: FieldSet): FieldSet {
    return combine(this, other, (a, b) => a && !b);
  }

  /** Makes every declared field on the way to a member a member too; items of lists and keys of free maps stay out. */
  withNamedParents(schema: Schema | undefined): FieldSet {
    const out = new FieldSet();
    out.member = this.member;
    for (const [element, child] of this.children) {
      const inner = child.withNamedParents(schemaUnder(schema, element));
      const isDeclared = element.startsWith("f:") && schema?.properties?.[element.slice(2)] !== undefined;
      if (isDeclared && !child.isEmpty) inner.member = true;
      out.children.set(element, inner);
    }
    return out;
  }

  equals(other: FieldSet): boolean {
    return this.difference(other).isEmpty && other.difference(this).isEmpty;
  }

  /** Members of a level before what lies deeper, each in order of their names: the order of the real server's texts. */
  paths(prefix: readonly string[] = []): string[][] {
    const children = [...this.children].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const members = children.filter(([, child]) => child.member).map(([element]) => [...prefix, element]);
    return [...members, ...children.flatMap(([element, child]) => child.paths([...prefix, element]))];
  }

  toFieldsV1(): JsonObject {
    const out: JsonObject = {};
    if (this.member && this.children.size > 0) out["."] = {};
    for (const [element, child] of [...this.children].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!child.isEmpty) out[element] = child.toFieldsV1();
    }
    return out;
  }

  static fromFieldsV1(fields: unknown, isRoot = true): FieldSet {
    const out = new FieldSet();
    if (!isJsonObject(fields)) return out;
    const keys = Object.keys(fields);
    out.member = !isRoot && (keys.length === 0 || "." in fields);
    for (const key of keys) if (key !== ".") out.children.set(key, FieldSet.fromFieldsV1(fields[key], false));
    return out;
  }

  static of(...paths: readonly (readonly string[])[]): FieldSet {
    const out = new FieldSet();
    for (const path of paths) out.insert(path);
    return out;
  }
}

function combine(a: FieldSet, b: FieldSet, keep: (a: boolean, b: boolean) => boolean): FieldSet {
  const out = new FieldSet();
  out.member = keep(a.member, b.member);
  for (const element of new Set([...a.children.keys(), ...b.children.keys()])) {
    const child = combine(a.children.get(element) ?? EMPTY, b.children.get(element) ?? EMPTY, keep);
    if (!child.isEmpty) out.children.set(element, child);
  }
  return out;
}

const EMPTY = new FieldSet();

/** The schema of what `element` leads to. */
export function schemaUnder(schema: Schema | undefined, element: string): Schema | undefined {
  if (!element.startsWith("f:")) return schema?.items;
  const named = schema?.properties?.[element.slice(2)];
  if (named !== undefined) return named;
  return typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

/** A path as people read it: `.spec.members[node="a"].address`. */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const value = element.slice(2);
      if (element.startsWith("f:")) return `.${value}`;
      if (element.startsWith("v:")) return `[=${value}]`;
      const keys: unknown = JSON.parse(value);
      const pairs = isJsonObject(keys) ? Object.entries(keys) : [];
      return `[${pairs.map(([name, key]) => `${name}=${JSON.stringify(key)}`).join(",")}]`;
    })
    .join("");
}
