/**
 * What a watch has told us, by key, with indexes. It reports as changed only what did change: a relist that finds the
 * same versions is silent.
 *
 * Invariant: the version of an object in the cache never falls. An older event (a replay after a reconnect, or the
 * echo of a state before our own write that `absorb` has already stored) is dropped.
 *
 * Objects are shared with every reader and must never be modified.
 */
import { assert } from "../lib/assert.ts";
import { keyOf, keyText, type KubeObject, type ObjectKey } from "./ports.ts";

/** The values under which an object is found; none leaves it out. */
export type IndexBy<T> = (object: T) => readonly string[];

export class ObjectCache<T extends KubeObject> {
  readonly #maxObjects: number;
  readonly #objects = new Map<string, T>();
  readonly #indexBy: ReadonlyMap<string, IndexBy<T>>;
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(options: { readonly maxObjects: number; readonly indexes?: Readonly<Record<string, IndexBy<T>>> }) {
    this.#maxObjects = options.maxObjects;
    this.#indexBy = new Map(Object.entries(options.indexes ?? {}));
    for (const name of this.#indexBy.keys()) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyText(key));
  }

  /** Sorted by key, so that whoever iterates decides the same way every time. */
  list(): readonly T[] {
    return this.#pick(this.#objects.keys());
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    assert(index !== undefined, `the index ${name} was declared`);
    return this.#pick(index.get(value) ?? []);
  }

  /** True when this is news. */
  put(object: T): boolean {
    const key = keyText(keyOf(object));
    const known = this.#objects.get(key);
    if (known !== undefined && !isNews(known, object)) return false;
    if (known !== undefined) this.#unindex(key, known);
    this.#objects.set(key, object);
    assert(this.#objects.size <= this.#maxObjects, `the cache holds at most ${this.#maxObjects} objects`);
    for (const [name, by] of this.#indexBy) for (const value of by(object)) this.#slot(name, value).add(key);
    return true;
  }

  /** `last` is the object's final state. True when this is news: not when a younger object took the name meanwhile. */
  remove(last: T): boolean {
    const key = keyText(keyOf(last));
    const known = this.#objects.get(key);
    if (known === undefined || isOlder(versionOf(last), versionOf(known))) return false;
    this.#drop(key, known);
    return true;
  }

  /** Makes the cache equal to a consistent list; returns the keys of what changed. */
  replace(items: readonly T[], resourceVersion: string): ObjectKey[] {
    const changed: ObjectKey[] = [];
    const listed = new Set<string>();
    for (const item of items) {
      listed.add(keyText(keyOf(item)));
      if (this.put(item)) changed.push(keyOf(item));
    }
    for (const [key, known] of this.#objects) {
      // What was absorbed while the list was on its way is younger than the list and stays.
      if (listed.has(key) || isOlder(resourceVersion, versionOf(known))) continue;
      this.#drop(key, known);
      changed.push(keyOf(known));
    }
    return changed;
  }

  /** Forgets everything without telling anybody. */
  clear(): void {
    for (const [key, known] of this.#objects) this.#drop(key, known);
  }

  #drop(key: string, known: T): void {
    this.#unindex(key, known);
    this.#objects.delete(key);
  }

  #unindex(key: string, known: T): void {
    for (const [name, by] of this.#indexBy) {
      for (const value of by(known)) {
        const keys = this.#slot(name, value);
        keys.delete(key);
        if (keys.size === 0) this.#indexes.get(name)?.delete(value);
      }
    }
  }

  #slot(name: string, value: string): Set<string> {
    const index = this.#indexes.get(name);
    assert(index !== undefined, `the index ${name} was declared`);
    const keys = index.get(value) ?? new Set<string>();
    index.set(value, keys);
    return keys;
  }

  #pick(keys: Iterable<string>): T[] {
    const sorted = [...keys].sort();
    return sorted.map((key) => this.#objects.get(key)).filter((object) => object !== undefined);
  }
}

function versionOf(object: KubeObject): string {
  return object.metadata.resourceVersion ?? "";
}

function isNews(known: KubeObject, next: KubeObject): boolean {
  return (
    versionOf(next) === "" || (versionOf(next) !== versionOf(known) && !isOlder(versionOf(next), versionOf(known)))
  );
}

/**
 * Whether `version` is surely older. Resource versions of one resource are decimal numbers that rise (guaranteed since Kubernetes 1.35, KEP-5504, and
 * true of etcd before). Anything else cannot be compared and counts as not older.
 */
export function isOlder(version: string, than: string): boolean {
  const isNumber = /^[0-9]{1,30}$/;
  return isNumber.test(version) && isNumber.test(than) && BigInt(version) < BigInt(than);
}
