/**
 * What a cluster's controllers do in the background with deleted things: dependents of absent owners go, namespaces and
 * CRDs are emptied before they go, foreground and orphan deletion, and Events age out.
 *
 * Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import type { ApiServerCore } from "./core.ts";
import { CRD_STORAGE, resourcesOfCrd } from "./crd.ts";
import { isJsonObject, secondsTime, type ApiObject } from "./json.ts";
import type { DeleteRequest, Target } from "./requests.ts";
import type { Resource } from "./resource.ts";
import { storeKey, type Change } from "./store.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";
const NAMESPACE_STORAGE = "namespaces.";
const EVENT_STORAGE = "events";
/** How long Events are kept (kube-apiserver --event-ttl). */
const EVENT_TTL_MS = 3_600_000;
/** Between a change and the collection it causes: later than the answer to the request, soon enough for a person. */
const DELAY_MS = 10;

export class GarbageCollector {
  readonly #core: ApiServerCore;
  readonly #clock: Clock;
  readonly #owners = new Set<string>();
  #pass: Timer | undefined;
  #expiry: Timer | undefined;
  #stopped = false;

  constructor(core: ApiServerCore, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
    for (const { object, storage } of core.store.entries()) this.#remember(object, storage);
    core.store.listen((change) => this.#onChange(change));
    if (core.store.entries().some((entry) => needsAttention(entry.object))) this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#pass?.cancel();
    this.#expiry?.cancel();
  }

  /** Namespaces and CRDs go only after what they hold. */
  mustTerminate(resource: Resource): boolean {
    return resource.storage === NAMESPACE_STORAGE || resource.storage === CRD_STORAGE;
  }

  /** `live` as it looks once deletion was asked for. */
  markDeleted(resource: Resource, live: ApiObject, propagation: DeleteRequest["propagation"]): ApiObject {
    if (live.metadata.deletionTimestamp !== undefined) return live;
    const extra = propagation === "Foreground" ? [FOREGROUND] : propagation === "Orphan" ? [ORPHAN] : [];
    const finalizers = [...new Set([...(live.metadata.finalizers ?? []), ...extra])];
    const marked: ApiObject = {
      ...live,
      metadata: {
        ...live.metadata,
        deletionTimestamp: secondsTime(this.#clock.wallMs()),
        deletionGracePeriodSeconds: 0,
        ...(finalizers.length === 0 ? {} : { finalizers }),
      },
    };
    if (live.metadata.generation !== undefined) marked.metadata.generation = live.metadata.generation + 1;
    if (resource.storage === NAMESPACE_STORAGE)
      marked["status"] = { ...asObject(live["status"]), phase: "Terminating" };
    return marked;
  }

  #onChange(change: Change): void {
    if (change.type === "DELETED") {
      if (this.#owners.has(change.object.metadata.uid ?? "") || this.#mayBeAwaited(change)) this.#schedule();
      return;
    }
    this.#remember(change.object, change.storage);
    if (needsAttention(change.object)) this.#schedule();
  }

  /** Someone may be waiting for this: an owner, or a namespace or kind that must become empty. */
  #mayBeAwaited({ object, previous }: Change): boolean {
    return previous?.metadata.deletionTimestamp !== undefined || (object.metadata.ownerReferences ?? []).length > 0;
  }

  #remember(object: ApiObject, storage: string): void {
    for (const owner of object.metadata.ownerReferences ?? []) this.#owners.add(owner.uid);
    if (storage === EVENT_STORAGE) this.#scheduleExpiry();
  }

  #schedule(): void {
    if (this.#stopped || this.#pass !== undefined) return;
    this.#pass = this.#clock.setTimer(DELAY_MS, () => {
      this.#pass = undefined;
      this.#collect();
    });
  }

  #scheduleExpiry(): void {
    if (this.#stopped || this.#expiry !== undefined) return;
    this.#expiry = this.#clock.setTimer(EVENT_TTL_MS, () => {
      this.#expiry = undefined;
      this.#expireEvents();
    });
  }

  #expireEvents(): void {
    const before = this.#clock.wallMs() - EVENT_TTL_MS;
    const events = this.#core.store.list(EVENT_STORAGE);
    const old = events.filter((event) => Date.parse(event.metadata.creationTimestamp ?? "") <= before);
    for (const event of old) this.#core.store.remove(EVENT_STORAGE, keyOf(event));
    if (events.length > old.length) this.#scheduleExpiry();
  }

  #collect(): void {
    const entries = this.#core.store.entries();
    const present = new Set(entries.map((entry) => entry.object.metadata.uid ?? ""));
    for (const { storage, object } of entries) {
      const owners = object.metadata.ownerReferences ?? [];
      if (owners.length > 0 && owners.every((owner) => !present.has(owner.uid))) this.#remove(storage, object);
    }
    for (const { storage, object } of entries) {
      if (object.metadata.deletionTimestamp !== undefined) this.#finish(storage, object);
    }
  }

  #finish(storage: string, owner: ApiObject): void {
    const finalizers = owner.metadata.finalizers ?? [];
    if (finalizers.includes(ORPHAN)) this.#orphan(owner);
    if (finalizers.includes(FOREGROUND) && this.#dependentsOf(owner, true).length > 0) {
      for (const { storage: kind, object } of this.#dependentsOf(owner, false)) this.#remove(kind, object);
      return;
    }
    const rest = finalizers.filter((each) => each !== ORPHAN && each !== FOREGROUND);
    if (rest.length < finalizers.length) this.#dropFinalizers(storage, owner, rest);
    if (storage === NAMESPACE_STORAGE)
      this.#empty(storage, owner, (each) => each.metadata.namespace === owner.metadata.name);
    if (storage === CRD_STORAGE) {
      const kinds = new Set(resourcesOfCrd(owner).map((resource) => resource.storage));
      this.#empty(storage, owner, (_each, kind) => kinds.has(kind));
    }
  }

  #empty(storage: string, container: ApiObject, holds: (object: ApiObject, storage: string) => boolean): void {
    const inside = (): ReturnType<ApiServerCore["store"]["entries"]> =>
      this.#core.store.entries().filter((entry) => holds(entry.object, entry.storage));
    for (const { storage: kind, object } of inside()) this.#remove(kind, object);
    const current = this.#core.store.get(storage, keyOf(container));
    if (current === undefined || (current.metadata.finalizers ?? []).length > 0 || inside().length > 0) return;
    this.#core.store.remove(storage, keyOf(container));
  }

  #dependentsOf(owner: ApiObject, blockingOnly: boolean): { storage: string; object: ApiObject }[] {
    return this.#core.store
      .entries()
      .filter(({ object }) =>
        (object.metadata.ownerReferences ?? []).some(
          (each) => each.uid === owner.metadata.uid && (!blockingOnly || each.blockOwnerDeletion === true),
        ),
      );
  }

  #orphan(owner: ApiObject): void {
    for (const { storage, object } of this.#dependentsOf(owner, false)) {
      const { ownerReferences, ...metadata } = object.metadata;
      const kept = (ownerReferences ?? []).filter((each) => each.uid !== owner.metadata.uid);
      const next = { ...object, metadata: { ...metadata, ...(kept.length === 0 ? {} : { ownerReferences: kept }) } };
      this.#core.store.put(storage, keyOf(object), next);
    }
  }

  #dropFinalizers(storage: string, object: ApiObject, rest: readonly string[]): void {
    const { finalizers: _old, ...metadata } = object.metadata;
    const next = { ...object, metadata: rest.length === 0 ? metadata : { ...metadata, finalizers: [...rest] } };
    this.#core.store.put(storage, keyOf(object), next);
    const contains = storage === NAMESPACE_STORAGE || storage === CRD_STORAGE;
    if (rest.length === 0 && !contains) this.#core.store.remove(storage, keyOf(object));
  }

  #remove(storage: string, object: ApiObject): void {
    const resource = this.#core.storedResource(storage);
    if (resource === undefined || this.#core.store.get(storage, keyOf(object)) === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) return;
    const target: Target = { resource, namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    this.#core.delete(target, { propagation: "Background" });
  }
}

function needsAttention(object: ApiObject): boolean {
  return object.metadata.deletionTimestamp !== undefined || (object.metadata.ownerReferences ?? []).length > 0;
}

function keyOf(object: ApiObject): string {
  return storeKey(object.metadata.namespace ?? "", object.metadata.name);
}

function asObject(value: unknown): Record<string, unknown> {
  return isJsonObject(value) ? value : {};
}
