/**
 * Whom a change concerns: from the key of a group, a Node, a session Lease or another object to the objects of one kind
 * that must be looked at. Leases are renewed all the time; only a change of the facts they carry counts.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import type { ResourceKind } from "../../api/kinds.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import type { Lease } from "../../api/session-lease.ts";
import { keyOf, keyText } from "../../kube/ports.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import { lists, placeOf } from "./claims.ts";
import type { Claimable } from "./claims.ts";
import type { Cache } from "./sources.ts";

export type Change = "group" | "node" | "lease" | "object";

export interface EnqueuerSources {
  readonly objects: Cache<Claimable>;
  readonly groups: Cache<FailoverGroup>;
  readonly leases: Cache<Lease>;
}

export class ResourceEnqueuer {
  readonly #kind: ResourceKind;
  readonly #sources: EnqueuerSources;
  readonly #factsByLease = new Map<string, string>();
  /** What each object points with, as last told, so that its rivals hear when it goes. */
  readonly #places = new Map<string, string>();

  constructor(kind: ResourceKind, sources: EnqueuerSources) {
    this.#kind = kind;
    this.#sources = sources;
  }

  keysFor(change: Change, key: ObjectKey): ObjectKey[] {
    switch (change) {
      case "group":
        return this.#ofGroup(key);
      case "node":
        return this.#ofMember(key.name);
      case "lease":
        return this.#factsChanged(key) ? this.#ofMember(key.name) : [];
      case "object":
        return this.#withRivals(key);
    }
    return [];
  }

  /** Those the group lists now, and those that recorded it: it may have dropped them, or be gone. Rivals hear as well. */
  #ofGroup(key: ObjectKey): ObjectKey[] {
    const group = this.#sources.groups.get(key);
    const isConcerned = (object: Claimable): boolean =>
      (group !== undefined && lists(group, this.#kind, object)) ||
      (object.metadata.namespace === key.namespace && object.status?.group?.name === key.name);
    const concerned = this.#sources.objects.list().filter(isConcerned);
    const places = new Set(concerned.map((object) => this.#placeOf(object)));
    return this.#pick((object) => concerned.includes(object) || places.has(this.#placeOf(object) ?? ""));
  }

  #ofMember(node: string): ObjectKey[] {
    const hasMember = (group: FailoverGroup): boolean => group.spec.members.some((member) => member.node === node);
    const groups = this.#sources.groups.list().filter(hasMember);
    return this.#pick((object) => groups.some((group) => lists(group, this.#kind, object)));
  }

  #withRivals(key: ObjectKey): ObjectKey[] {
    const text = keyText(key);
    const object = this.#sources.objects.get(key);
    const place = object === undefined ? undefined : this.#placeOf(object);
    const before = this.#places.get(text);
    if (place === undefined) this.#places.delete(text);
    else this.#places.set(text, place);
    const wanted = place ?? before;
    if (wanted === undefined) return [key];
    const rivals = this.#pick((other) => this.#placeOf(other) === wanted && keyText(keyOf(other)) !== text);
    return [key, ...rivals];
  }

  #factsChanged(key: ObjectKey): boolean {
    const text = keyText(key);
    const facts = this.#sources.leases.get(key)?.metadata.annotations?.[LEASE_ANNOTATIONS.facts];
    if (this.#factsByLease.get(text) === facts) return false;
    if (facts === undefined) this.#factsByLease.delete(text);
    else this.#factsByLease.set(text, facts);
    return true;
  }

  #placeOf(object: Claimable): string | undefined {
    return placeOf(this.#kind, object)?.key;
  }

  #pick(isWanted: (object: Claimable) => boolean): ObjectKey[] {
    return this.#sources.objects.list().filter(isWanted).map(keyOf);
  }
}
