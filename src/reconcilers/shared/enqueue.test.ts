import { describe, expect, it } from "vitest";
import { aGrantedGroup, aVip } from "../../../test/builders/vip-seen.ts";
import type { AwsVirtualIP, FailoverGroup } from "../../api/generated/types.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import type { Lease } from "../../api/session-lease.ts";
import { keyOf, keyText } from "../../kube/ports.ts";
import type { KubeObject, ObjectKey } from "../../kube/ports.ts";
import { ResourceEnqueuer } from "./enqueue.ts";

class Store<T extends KubeObject> {
  readonly objects = new Map<string, T>();
  constructor(...objects: readonly T[]) {
    for (const object of objects) this.put(object);
  }
  put(object: T): void {
    this.objects.set(keyText(keyOf(object)), object);
  }
  get(key: ObjectKey): T | undefined {
    return this.objects.get(keyText(key));
  }
  list(): readonly T[] {
    return [...this.objects.values()];
  }
  absorb(object: T): void {
    this.put(object);
  }
}

function named(name: string, address: string): AwsVirtualIP {
  const vip = aVip();
  return { ...vip, metadata: { ...vip.metadata, name, uid: name }, spec: { ...vip.spec, address } };
}

const OURS = { namespace: "ha", name: "awsvip1" };

function setUp(): {
  enqueuer: ResourceEnqueuer;
  virtualIPs: Store<AwsVirtualIP>;
  groups: Store<FailoverGroup>;
  leases: Store<Lease>;
} {
  const virtualIPs = new Store(named("awsvip1", "10.1.0.20"), named("rival", "10.1.0.20"), named("other", "10.1.0.21"));
  const groups = new Store(aGrantedGroup());
  const leases = new Store<Lease>();
  return {
    enqueuer: new ResourceEnqueuer("AwsVirtualIP", { objects: virtualIPs, groups, leases }),
    virtualIPs,
    groups,
    leases,
  };
}

function names(keys: readonly ObjectKey[]): string[] {
  return keys.map((key) => key.name).toSorted();
}

describe("a change concerns", () => {
  it("of a group: what it lists, and the rivals for its addresses", () => {
    const { enqueuer } = setUp();
    expect(names(enqueuer.keysFor("group", { namespace: "ha", name: "failover1" }))).toEqual(["awsvip1", "rival"]);
  });

  it("of a group that is gone: what recorded it", () => {
    const { enqueuer, virtualIPs, groups } = setUp();
    groups.objects.clear();
    const other = named("other", "10.1.0.21");
    virtualIPs.put({ ...other, status: { group: { name: "failover1", uid: "group-uid" } } });
    expect(names(enqueuer.keysFor("group", { namespace: "ha", name: "failover1" }))).toEqual(["other"]);
  });

  it("of a Node: what the groups with that member list", () => {
    const { enqueuer } = setUp();
    expect(names(enqueuer.keysFor("node", { namespace: "", name: "node1" }))).toEqual(["awsvip1"]);
    expect(names(enqueuer.keysFor("node", { namespace: "", name: "node9" }))).toEqual([]);
  });

  it("of a session Lease: nothing, unless the facts in it changed", () => {
    const { enqueuer, leases } = setUp();
    const key = { namespace: "understudy-system", name: "node1" };
    const renew = (facts: string, renewTime: string): string[] => {
      leases.put({ metadata: { ...key, annotations: { [LEASE_ANNOTATIONS.facts]: facts } }, spec: { renewTime } });
      return names(enqueuer.keysFor("lease", key));
    };
    expect(renew("a", "1")).toEqual(["awsvip1"]);
    expect(renew("a", "2")).toEqual([]);
    expect(renew("b", "3")).toEqual(["awsvip1"]);
  });

  it("of an object, also when it is gone: itself and its rivals", () => {
    const { enqueuer, virtualIPs } = setUp();
    expect(names(enqueuer.keysFor("object", OURS))).toEqual(["awsvip1", "rival"]);
    virtualIPs.objects.delete(keyText(OURS));
    expect(names(enqueuer.keysFor("object", OURS))).toEqual(["awsvip1", "rival"]);
    expect(names(enqueuer.keysFor("object", OURS))).toEqual(["awsvip1"]);
  });
});
