/**
 * Keeps a local copy of a set of objects: list once, then watch from there.
 *
 *            ┌──────── list ok ────────┐
 *   ┌──> Listing                    Watching ──┐ closed, silent, broken: watch again from the last version
 *   │        └─ failed: back off       │  <────┘
 *   └───────── version too old (410), or an answer that makes no sense ─────┘
 *
 * Listeners are told keys, never contents: whoever is told looks into the cache, so that a burst of changes collapses
 * and a missed one costs time only. A restart of the watch loses nothing: it resumes from the last version seen, and
 * where the server has forgotten that version, a relist reports exactly what differs.
 *
 * Must never be used to judge that a session expired: a cache may be behind without knowing it (DESIGN 4.3).
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { type Backoff, backoffDelayMs } from "../lib/backoff.ts";
import { type Clock, sleep } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { jittered, type Random } from "../lib/random.ts";
import { type IndexBy, isOlder, ObjectCache } from "./object-cache.ts";
import {
  isKubeError,
  type KubeApi,
  type KubeObject,
  keyOf,
  keyText,
  type ObjectKey,
  type ResourceType,
  type WatchEvent,
} from "./ports.ts";

export interface InformerOptions<T extends KubeObject> {
  readonly type: ResourceType;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexBy<T>>>;
  /** Managed fields are dropped to save memory unless this says otherwise. */
  readonly keepManagedFields?: boolean;
  /** A watch that says nothing for so long is started again. Real servers send bookmarks about once a minute, so a shorter time costs one cheap request each. */
  readonly idleTimeoutMs?: number;
  /** How long the server is asked to keep a watch, in seconds; spread by a quarter so that clients do not return together. */
  readonly watchSeconds?: number;
  readonly backoff?: Backoff;
  readonly maxObjects?: number;
}

export interface InformerModules {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const IDLE_TIMEOUT_MS = 30_000;
const WATCH_SECONDS = 300;
const WATCH_SPREAD = 0.25;
const BACKOFF: Backoff = { baseMs: 100, maxMs: 5_000 };
const MAX_OBJECTS = 100_000;
/** A watch that lived so long was sound: the next one starts without delay and without memory of earlier failures. */
const SOUND_WATCH_MS = 1_000;
/**
 * Watches in a row that told nothing, not even a bookmark, after which the objects are listed again: the server may
 * have been restored from a backup, and then our version lies in its future, where nothing ever happens.
 */
const MAX_FRUITLESS_WATCHES = 5;

type RestartCause = "closed" | "gone" | "idle" | "error" | "refreshed";

export class Informer<T extends KubeObject> {
  readonly #options: InformerOptions<T>;
  readonly #modules: InformerModules;
  readonly #cache: ObjectCache<T>;
  readonly #listeners = new Set<(key: ObjectKey) => void>();
  readonly #stopping = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  /** Of the watch of this moment. */
  #watching = new AbortController();
  #running: Promise<void> | undefined;
  /** Empty: list first. */
  #version = "";
  #failures = 0;
  #fruitlessWatches = 0;
  /** The furthest that lists and watches have brought us. */
  #reached = "";

  constructor(options: InformerOptions<T>, modules: InformerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#cache = new ObjectCache({
      maxObjects: options.maxObjects ?? MAX_OBJECTS,
      ...(options.indexes === undefined ? {} : { indexes: options.indexes }),
    });
  }

  /** Resolves after the first complete list, or when stopped before it; `hasSynced` tells which. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Idempotent. A broken invariant in a listener rejects a promise nobody handles and so ends the process. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the last request has ended; listeners are not called after it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watching.abort();
    await this.#running;
    this.#synced.resolve();
  }

  /**
   * Begins the watch afresh from the last version, for whoever knows that the network was gone: events that a server sent
   * into a cut are sent again only when TCP tries again, which is as late as the cut was long, and newer ones wait behind
   * them (RFC 6298, section 5.5). Nothing shows that on this side.
   */
  refresh(): void {
    this.#watching.abort();
  }

  get(key: ObjectKey): T | undefined {
    return this.#cache.get(key);
  }

  list(): readonly T[] {
    return this.#cache.list();
  }

  byIndex(name: string, value: string): readonly T[] {
    return this.#cache.byIndex(name, value);
  }

  /** Stores the answer to a write of our own at once, so that the next look does not see the state before it. */
  absorb(object: T): void {
    if (this.#cache.put(this.#trimmed(object))) this.#tell(keyOf(object));
  }

  /** Calls `listener` after each change (also during the first list) until the returned function is called. */
  onChange(listener: (key: ObjectKey) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping()) {
      if (this.#fruitlessWatches >= MAX_FRUITLESS_WATCHES) this.#version = "";
      const delayMs = this.#version === "" ? await this.#listOnce() : await this.#watchOnce();
      if (delayMs > 0) await sleep(this.#modules.clock, delayMs, this.#stopping.signal);
    }
  }

  /** Returns how long to wait before going on. */
  async #listOnce(): Promise<number> {
    const { type } = this.#options;
    try {
      const list = await this.#modules.api.list<T>(type, { ...this.#selection(), signal: this.#stopping.signal });
      if (this.#isStopping()) return 0;
      this.#replace(list.items, list.resourceVersion);
      this.#hasSynced = true;
      this.#synced.resolve();
      return 0;
    } catch (thrown) {
      if (!isKubeError(thrown)) throw thrown;
      return this.#failed("list failed", thrown);
    }
  }

  #replace(items: readonly T[], resourceVersion: string): void {
    const trimmed = items.map((item) => this.#trimmed(item));
    const before = this.#cache.list();
    // A consistent list cannot be behind what the server told us, unless its history is another one now.
    const isRewound = isOlder(resourceVersion, this.#reached);
    if (isRewound) {
      this.#modules.log.warn("the server's history was rewound", {
        resource: this.#options.type.plural,
        resourceVersion,
        reached: this.#reached,
      });
      this.#cache.clear();
    }
    const changed = this.#cache.replace(trimmed, resourceVersion);
    this.#version = resourceVersion;
    this.#reached = resourceVersion;
    this.#fruitlessWatches = 0;
    const told = new Map([...(isRewound ? before.map(keyOf) : []), ...changed].map((key) => [keyText(key), key]));
    for (const key of told.values()) this.#tell(key);
  }

  async #watchOnce(): Promise<number> {
    const { api, clock, random } = this.#modules;
    this.#fruitlessWatches += 1;
    const startMs = clock.monotonicMs();
    this.#watching = new AbortController();
    const { signal } = this.#watching;
    const options = {
      ...this.#selection(),
      resourceVersion: this.#version,
      timeoutSeconds: Math.round(jittered(random, this.#options.watchSeconds ?? WATCH_SECONDS, WATCH_SPREAD)),
      idleTimeoutMs: this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      signal,
    };
    try {
      for await (const event of api.watch<T>(this.#options.type, options)) {
        if (this.#isStopping()) return 0;
        this.#take(event);
      }
    } catch (thrown) {
      if (!isKubeError(thrown)) throw thrown;
      return this.#watchBroke(thrown, startMs);
    }
    if (this.#isStopping()) return 0;
    if (signal.aborted) {
      this.#countRestart("refreshed");
      return 0;
    }
    this.#countRestart("closed");
    return this.#soundSince(startMs) ? 0 : this.#nextDelayMs();
  }

  #take(event: WatchEvent<T>): void {
    this.#fruitlessWatches = 0;
    this.#reach(event.type === "BOOKMARK" ? event.resourceVersion : (event.object.metadata.resourceVersion ?? ""));
    switch (event.type) {
      case "BOOKMARK":
        return;
      case "ADDED":
      case "MODIFIED":
        if (this.#cache.put(this.#trimmed(event.object))) this.#tell(keyOf(event.object));
        return;
      case "DELETED":
        if (this.#cache.remove(event.object)) this.#tell(keyOf(event.object));
    }
  }

  #reach(version: string): void {
    if (version === "") return;
    this.#version = version;
    this.#reached = version;
  }

  #watchBroke(error: Error, startMs: number): number {
    if (this.#isStopping()) return 0;
    const isIdle =
      isKubeError(error, "ResultUnknown") && error.detail.code === "ResultUnknown" && error.detail.timedOut === true;
    const mayResume = isKubeError(
      error,
      "ResultUnknown",
      "Unreachable",
      "TooManyRequests",
      "Unauthorized",
      "Forbidden",
    );
    if (!mayResume) this.#version = "";
    this.#countRestart(isKubeError(error, "Gone") ? "gone" : isIdle ? "idle" : "error");
    const wasSound = this.#soundSince(startMs);
    return wasSound && (isIdle || !mayResume) ? 0 : this.#failed("watch broke", error);
  }

  /** Forgets earlier failures when the watch that began at `startMs` had lived for a while. */
  #soundSince(startMs: number): boolean {
    const wasSound = this.#modules.clock.monotonicMs() - startMs >= SOUND_WATCH_MS;
    if (wasSound) this.#failures = 0;
    return wasSound;
  }

  #failed(message: string, error: Error): number {
    if (this.#isStopping()) return 0;
    const delayMs = Math.max(this.#nextDelayMs(), retryAfterMsOf(error));
    this.#modules.log.warn(message, {
      resource: this.#options.type.plural,
      error: messageOf(error),
      failures: this.#failures,
      retryInMs: Math.round(delayMs),
    });
    return delayMs;
  }

  #nextDelayMs(): number {
    this.#failures += 1;
    return backoffDelayMs(this.#options.backoff ?? BACKOFF, this.#failures, this.#modules.random);
  }

  #countRestart(cause: RestartCause): void {
    this.#modules.metrics.count("understudy_watch_restarts_total", { resource: this.#options.type.plural, cause });
  }

  #selection(): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  #trimmed(object: T): T {
    if (this.#options.keepManagedFields === true || object.metadata.managedFields === undefined) return object;
    const { managedFields: _, ...metadata } = object.metadata;
    return { ...object, metadata };
  }

  #tell(key: ObjectKey): void {
    for (const listener of this.#listeners) listener(key);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }
}

function retryAfterMsOf(error: Error): number {
  return isKubeError(error, "TooManyRequests") && "retryAfterMs" in error.detail ? (error.detail.retryAfterMs ?? 0) : 0;
}
