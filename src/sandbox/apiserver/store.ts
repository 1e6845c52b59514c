/**
 * The objects, in memory, with one counter of versions over all of them and a bounded history of changes: what etcd and
 * the watch cache are to a real server.
 *
 * Invariant: every change gets the next version, is in the history before anyone hears of it, and leaves the object it
 * replaces untouched. Listeners run at once and must not write.
 */
import { assert } from "../../lib/assert.ts";
import type { ApiObject } from "./json.ts";

export interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly storage: string;
  /** `namespace/name`, or `/name` of a cluster-scoped object. */
  readonly key: string;
  /** After the change; for DELETED the last state, with the version of the deletion. */
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
}

export interface StoreOptions {
  /** Changes kept for watches that resume; older ones end in 410. */
  readonly historyLimit: number;
  readonly firstVersion?: number;
}

/** What a journal holds: put it back with `restore`. */
export interface StoredEntry {
  readonly storage: string;
  readonly key: string;
  readonly object: ApiObject;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #version: number;
  /** Every change after this version is in the history. */
  #historyStart: number;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#version = options.firstVersion ?? 1;
    this.#historyStart = this.#version;
  }

  get version(): number {
    return this.#version;
  }

  get historyStart(): number {
    return this.#historyStart;
  }

  get(storage: string, key: string): ApiObject | undefined {
    return this.#objects.get(storage)?.get(key);
  }

  /** Sorted by key. */
  list(storage: string): ApiObject[] {
    return sortedByKey(this.#objects.get(storage) ?? new Map());
  }

  /** The state as of `version`, undone from the history; undefined when it does not reach back that far. */
  listAt(storage: string, version: number): ApiObject[] | undefined {
    if (version < this.#historyStart || version > this.#version) return undefined;
    const state = new Map(this.#objects.get(storage));
    for (const change of this.#history.toReversed()) {
      if (change.version <= version) break;
      if (change.storage !== storage) continue;
      if (change.previous === undefined) state.delete(change.key);
      else state.set(change.key, change.previous);
    }
    return sortedByKey(state);
  }

  put(storage: string, key: string, object: ApiObject): ApiObject {
    const previous = this.get(storage, key);
    const version = this.#version + 1;
    const stored = withVersion(object, version);
    this.#commit({
      version,
      type: previous === undefined ? "ADDED" : "MODIFIED",
      storage,
      key,
      object: stored,
      previous,
    });
    return stored;
  }

  remove(storage: string, key: string): ApiObject {
    const previous = this.get(storage, key);
    assert(previous !== undefined, `removed object ${storage} ${key} exists`);
    const version = this.#version + 1;
    const last = withVersion(previous, version);
    this.#commit({ version, type: "DELETED", storage, key, object: last, previous });
    return last;
  }

  /** Undefined when changes after `version` have left the history. */
  changesAfter(version: number): readonly Change[] | undefined {
    if (version < this.#historyStart || version > this.#version) return undefined;
    return this.#history.filter((change) => change.version > version);
  }

  /** Called for every change, until the returned function is called. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Forgets history up to now, as a compaction does: resuming from an older version ends in 410. */
  compact(): void {
    this.#history = [];
    this.#historyStart = this.#version;
  }

  /** Everything, for a snapshot. */
  entries(): StoredEntry[] {
    return [...this.#objects].flatMap(([storage, objects]) =>
      [...objects].map(([key, object]) => ({ storage, key, object })),
    );
  }

  /** Puts back what a snapshot held, without history. Only before the first use. */
  restore(version: number, entries: readonly StoredEntry[]): void {
    for (const { storage, key, object } of entries) this.#bucket(storage).set(key, object);
    this.#version = Math.max(this.#version, version);
    this.#historyStart = this.#version;
  }

  /** Repeats a change of the journal, with its version. Only before the first use. */
  replay(change: Omit<Change, "previous">): void {
    if (change.version <= this.#version) return;
    const { version, type, storage, key, object } = change;
    this.#commit({ version, type, storage, key, object, previous: this.get(change.storage, change.key) });
  }

  #commit(change: Change): void {
    const bucket = this.#bucket(change.storage);
    if (change.type === "DELETED") bucket.delete(change.key);
    else bucket.set(change.key, change.object);
    this.#version = change.version;
    this.#history.push(change);
    if (this.#history.length > this.#options.historyLimit * 2) this.#trimHistory();
    for (const listener of this.#listeners) listener(change);
  }

  #trimHistory(): void {
    this.#history = this.#history.slice(-this.#options.historyLimit);
    this.#historyStart = (this.#history[0]?.version ?? this.#version + 1) - 1;
  }

  #bucket(storage: string): Map<string, ApiObject> {
    const known = this.#objects.get(storage);
    if (known !== undefined) return known;
    const fresh = new Map<string, ApiObject>();
    this.#objects.set(storage, fresh);
    return fresh;
  }
}

export function storeKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function withVersion(object: ApiObject, version: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

function sortedByKey(objects: ReadonlyMap<string, ApiObject>): ApiObject[] {
  return [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}
