/**
 * Whom a change concerns: from the key of a group, a Node, a session Lease or another virtual IP to the virtual IPs that
 * must be looked at. Leases are renewed all the time; only a change of the facts they carry counts.
 */
import type { AwsVirtualIP, FailoverGroup } from "../../api/generated/types.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import { keyOf, keyText } from "../../kube/ports.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import { lists as groupLists } from "../shared/claims.ts";
import type { AwsVirtualIPDeps } from "./deps.ts";

export type Change = "group" | "node" | "lease" | "virtualIP";

function lists(group: FailoverGroup, vip: AwsVirtualIP): boolean {
  return groupLists(group, "AwsVirtualIP", vip);
}

export class AwsVirtualIPEnqueuer {
  readonly #deps: Pick<AwsVirtualIPDeps, "virtualIPs" | "groups" | "leases">;
  readonly #factsByLease = new Map<string, string>();
  /** Address of each object as last told, so that its rivals hear when it goes. */
  readonly #addresses = new Map<string, string>();

  constructor(deps: Pick<AwsVirtualIPDeps, "virtualIPs" | "groups" | "leases">) {
    this.#deps = deps;
  }

  keysFor(change: Change, key: ObjectKey): ObjectKey[] {
    switch (change) {
      case "group":
        return this.#ofGroup(key);
      case "node":
        return this.#ofMember(key.name);
      case "lease":
        return this.#factsChanged(key) ? this.#ofMember(key.name) : [];
      case "virtualIP":
        return this.#withRivals(key);
    }
    return [];
  }

  /** Those the group lists now, and those that recorded it: it may have dropped them, or be gone. Rivals hear as well. */
  #ofGroup(key: ObjectKey): ObjectKey[] {
    const group = this.#deps.groups.get(key);
    const isConcerned = (vip: AwsVirtualIP): boolean =>
      (group !== undefined && lists(group, vip)) ||
      (vip.metadata.namespace === key.namespace && vip.status?.group?.name === key.name);
    const concerned = this.#deps.virtualIPs.list().filter(isConcerned);
    const addresses = new Set(concerned.map((vip) => vip.spec.address));
    return this.#pick((vip) => addresses.has(vip.spec.address));
  }

  #ofMember(node: string): ObjectKey[] {
    const hasMember = (group: FailoverGroup): boolean => group.spec.members.some((member) => member.node === node);
    const groups = this.#deps.groups.list().filter(hasMember);
    return this.#pick((vip) => groups.some((group) => lists(group, vip)));
  }

  #withRivals(key: ObjectKey): ObjectKey[] {
    const text = keyText(key);
    const address = this.#deps.virtualIPs.get(key)?.spec.address;
    const before = this.#addresses.get(text);
    if (address === undefined) this.#addresses.delete(text);
    else this.#addresses.set(text, address);
    const rivals = this.#pick((vip) => vip.spec.address === (address ?? before) && keyText(keyOf(vip)) !== text);
    return [key, ...rivals];
  }

  #factsChanged(key: ObjectKey): boolean {
    const text = keyText(key);
    const facts = this.#deps.leases.get(key)?.metadata.annotations?.[LEASE_ANNOTATIONS.facts];
    if (this.#factsByLease.get(text) === facts) return false;
    if (facts === undefined) this.#factsByLease.delete(text);
    else this.#factsByLease.set(text, facts);
    return true;
  }

  #pick(isWanted: (vip: AwsVirtualIP) => boolean): ObjectKey[] {
    return this.#deps.virtualIPs.list().filter(isWanted).map(keyOf);
  }
}
