/**
 * What every `KubeApi` must do, whoever answers: the in-process fake, the REST client over the embedded server, and
 * the REST client over a real kube-apiserver. Everything above the port relies on these sentences and on no others.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FAILOVER_GROUP } from "../../src/api/kinds.ts";
import { LEASE, type Lease, microTime } from "../../src/api/session-lease.ts";
import {
  isKubeError,
  type KubeApi,
  type KubeError,
  type KubeErrorDetail,
  type KubeObject,
  keyOf,
  type ObjectKey,
  type ResourceType,
  type WatchEvent,
} from "../../src/kube/ports.ts";

export interface KubeApiSetting {
  readonly api: KubeApi;
  /** An existing namespace that nobody else uses. */
  readonly namespace: string;
  readonly dispose: () => Promise<void>;
}

interface Group extends KubeObject {
  spec?: object;
  status?: { epoch?: number; phase?: string; reports?: { node: string; state?: string }[] };
}

const UNKNOWN: ResourceType = {
  group: "understudy.dev",
  version: "v1alpha1",
  plural: "nosuchthings",
  kind: "NoSuchThing",
  namespaced: true,
};
const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

export function kubeApiContract(name: string, setUp: () => Promise<KubeApiSetting>): void {
  describe(`KubeApi: ${name}`, () => {
    const shared: { setting?: KubeApiSetting } = {};
    beforeAll(async () => {
      shared.setting = await setUp();
    });
    afterAll(async () => await shared.setting?.dispose());
    const get = (): KubeApiSetting => {
      if (shared.setting === undefined) throw new Error("set up first");
      return shared.setting;
    };
    readingAndCreating(get);
    replacing(get);
    patching(get);
    deleting(get);
    watching(get);
  });
}

type Get = () => KubeApiSetting;

function newLease(namespace: string, name: string, labels: Record<string, string> = {}): Lease {
  return {
    metadata: { name, namespace, labels },
    spec: { holderIdentity: "a", leaseDurationSeconds: 10, renewTime: microTime(Date.UTC(2026, 0, 1)) },
  };
}

function newGroup(namespace: string, name: string): Group {
  return {
    metadata: { name, namespace },
    spec: { members: [{ node: "n1" }], resources: [{ kind: "AwsVirtualIP", name: "vip" }] },
  };
}

async function failure(call: Promise<unknown>): Promise<KubeError> {
  const thrown: unknown = await call.then(
    () => new Error("it succeeded"),
    (error: unknown) => error,
  );
  if (!isKubeError(thrown)) throw thrown;
  return thrown;
}

async function codeOf(call: Promise<unknown>): Promise<KubeErrorDetail["code"]> {
  return (await failure(call)).code;
}

function readingAndCreating(get: Get): void {
  describe("reading and creating", () => {
    it("what is created can be read, with uid, version and time", async () => {
      const { api, namespace } = get();
      const created = await api.create<Lease>(LEASE, newLease(namespace, "created"));
      expect(created.metadata).toMatchObject({
        uid: expect.any(String),
        resourceVersion: expect.any(String),
        creationTimestamp: expect.any(String),
      });
      const read = await api.get<Lease>(LEASE, keyOf(created));
      expect(read).toMatchObject({
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { uid: created.metadata.uid },
        spec: { holderIdentity: "a", renewTime: "2026-01-01T00:00:00.000000Z" },
      });
    });

    it("what exists cannot be created again, and a dry run creates nothing", async () => {
      const { api, namespace } = get();
      await api.create(LEASE, newLease(namespace, "dry"), { dryRun: true });
      expect(await api.get(LEASE, { namespace, name: "dry" })).toBeUndefined();
      await api.create(LEASE, newLease(namespace, "twice"));
      expect(await codeOf(api.create(LEASE, newLease(namespace, "twice")))).toBe("AlreadyExists");
    });

    it("an object that does not exist is undefined; a kind that does not exist is an error", async () => {
      const { api, namespace } = get();
      expect(await api.get(LEASE, { namespace, name: "absent" })).toBeUndefined();
      expect(await api.get(NODE, { namespace: "", name: "absent" })).toBeUndefined();
      expect(await codeOf(api.get(UNKNOWN, { namespace, name: "absent" }))).toBe("NotFound");
      expect(await codeOf(api.list(UNKNOWN))).toBe("NotFound");
    });

    it("an object the schema does not allow is refused", async () => {
      const { api, namespace } = get();
      const broken = { ...newGroup(namespace, "broken"), spec: { members: [], resources: [] } };
      expect(await codeOf(api.create(FAILOVER_GROUP, broken))).toBe("Invalid");
    });

    it("a list has a version, its items have a kind, and selectors choose among them", async () => {
      const { api, namespace } = get();
      await api.create(LEASE, newLease(namespace, "listed-a", { part: "x" }));
      await api.create(LEASE, newLease(namespace, "listed-b", { part: "y" }));
      const all = await api.list<Lease>(LEASE, { namespace });
      expect(all.resourceVersion).toMatch(/^[0-9]+$/);
      expect(all.items.every((item) => item.kind === "Lease" && item.apiVersion === "coordination.k8s.io/v1")).toBe(
        true,
      );
      const names = (items: readonly KubeObject[]): string[] => items.map((item) => item.metadata.name);
      expect(names(all.items)).toEqual(expect.arrayContaining(["listed-a", "listed-b"]));
      expect(names((await api.list(LEASE, { namespace, labelSelector: "part=y" })).items)).toEqual(["listed-b"]);
      expect(names((await api.list(LEASE, { namespace, fieldSelector: "metadata.name=listed-a" })).items)).toEqual([
        "listed-a",
      ]);
      expect(names((await api.list(LEASE)).items)).toEqual(expect.arrayContaining(["listed-a"]));
      expect((await api.list(LEASE, { namespace: "no-such-namespace" })).items).toEqual([]);
    });
  });
}

function report(node: string, state: string) {
  return { node, session: `${node}_1`, epoch: 1, state };
}

function replacing(get: Get): void {
  describe("replacing", () => {
    it("is a compare-and-set on the resourceVersion", async () => {
      const { api, namespace } = get();
      const first = await api.create<Lease>(LEASE, newLease(namespace, "cas"));
      const second = await api.replace<Lease>(LEASE, { ...first, spec: { ...first.spec, holderIdentity: "b" } });
      expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
      expect(await codeOf(api.replace(LEASE, { ...first, spec: { ...first.spec, holderIdentity: "c" } }))).toBe(
        "Conflict",
      );
      expect((await api.get<Lease>(LEASE, keyOf(first)))?.spec?.holderIdentity).toBe("b");
    });

    it("of two with the same version exactly one succeeds", async () => {
      const { api, namespace } = get();
      const seen = await api.create<Lease>(LEASE, newLease(namespace, "race"));
      const results = await Promise.allSettled(
        ["x", "y", "z"].map(
          async (holderIdentity) =>
            await api.replace<Lease>(LEASE, { ...seen, spec: { ...seen.spec, holderIdentity } }),
        ),
      );
      expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
      expect(
        results.filter((result) => result.status === "rejected" && isKubeError(result.reason, "Conflict")),
      ).toHaveLength(2);
    });

    it("of an object that is gone is refused, also where the server would create on update (Leases)", async () => {
      const { api, namespace } = get();
      const seen = await api.create<Lease>(LEASE, newLease(namespace, "gone"));
      await api.delete(LEASE, keyOf(seen));
      expect(["NotFound", "Conflict"]).toContain(await codeOf(api.replace(LEASE, seen)));
      expect(await api.get(LEASE, keyOf(seen))).toBeUndefined();
    });

    it("does not take a status on the main path, nor a spec on the status path", async () => {
      const { api, namespace } = get();
      const created = await api.create<Group>(FAILOVER_GROUP, {
        ...newGroup(namespace, "paths"),
        status: { epoch: 9 },
      });
      expect(created.status?.epoch).toBeUndefined();
      const written = await api.replace<Group>(
        FAILOVER_GROUP,
        { ...created, spec: { ...created.spec, servicePorts: [80] }, status: { epoch: 1 } },
        { subresource: "status" },
      );
      expect([written.status?.epoch, written.spec]).toEqual([1, created.spec]);
    });
  });
}

function patching(get: Get): void {
  describe("patching", () => {
    const apply = async (status: object, fieldManager: string, resourceVersion?: string): Promise<Group> => {
      const { api, namespace } = get();
      const metadata = { name: "applied", namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      const body: Group = { metadata, status };
      return await api.patch<Group>(
        FAILOVER_GROUP,
        { namespace, name: "applied" },
        { type: "apply", body, fieldManager, force: true },
        { subresource: "status" },
      );
    };

    it("server-side apply keeps what other managers applied and removes what this one leaves out", async () => {
      const { api, namespace } = get();
      await api.create(FAILOVER_GROUP, newGroup(namespace, "applied"));
      await apply({ epoch: 1, phase: "Active" }, "controller");
      await apply({ reports: [report("n1", "Active")] }, "agent.n1");
      await apply({ reports: [report("n2", "Inactive")] }, "agent.n2");
      await apply({ reports: [report("n1", "Inactive")] }, "agent.n1");
      const seen = await apply({ epoch: 1 }, "controller");
      expect(seen.status).toMatchObject({
        epoch: 1,
        reports: [report("n1", "Inactive"), report("n2", "Inactive")],
      });
      expect(seen.status?.phase).toBeUndefined();
    });

    it("server-side apply with a version is a compare-and-set", async () => {
      const { api, namespace } = get();
      const seen = await api.get<Group>(FAILOVER_GROUP, { namespace, name: "applied" });
      const version = seen?.metadata.resourceVersion;
      expect((await apply({ epoch: 2 }, "controller", version)).status?.epoch).toBe(2);
      expect(await codeOf(apply({ epoch: 3 }, "controller", version))).toBe("Conflict");
    });

    it("an apply that changes nothing does not change the version", async () => {
      const before = await apply({ epoch: 2 }, "controller");
      expect((await apply({ epoch: 2 }, "controller")).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    });

    it("an apply without force conflicts over a field of another manager", async () => {
      const { api, namespace } = get();
      const body: Group = { metadata: { name: "applied", namespace }, status: { epoch: 5 } };
      const patch = { type: "apply", body, fieldManager: "stranger", force: false } as const;
      expect(
        await codeOf(api.patch(FAILOVER_GROUP, { namespace, name: "applied" }, patch, { subresource: "status" })),
      ).toBe("Conflict");
    });

    it("a JSON patch happens as a whole or, when its test fails, not at all", async () => {
      const { api, namespace } = get();
      const lease = newLease(namespace, "json");
      const { metadata } = await api.create(LEASE, {
        ...lease,
        metadata: { ...lease.metadata, annotations: { "understudy.dev/stop": "why" } },
      });
      const path = "/metadata/annotations/understudy.dev~1stop";
      const remove = async (value: string): Promise<Lease> =>
        await api.patch<Lease>(
          LEASE,
          { namespace, name: "json" },
          {
            type: "json",
            body: [
              { op: "test", path, value },
              { op: "remove", path },
            ],
          },
        );
      expect(await codeOf(remove("other"))).toBe("Invalid");
      expect((await api.get(LEASE, { namespace, name: "json" }))?.metadata.resourceVersion).toBe(
        metadata.resourceVersion,
      );
      expect((await remove("why")).metadata.annotations?.["understudy.dev/stop"]).toBeUndefined();
    });

    it("a merge patch changes what it names; with a version it is a compare-and-set", async () => {
      const { api, namespace } = get();
      const seen = await api.create<Lease>(LEASE, newLease(namespace, "merge", { a: "1", b: "2" }));
      const merge = async (metadata: object): Promise<Lease> =>
        await api.patch<Lease>(LEASE, keyOf(seen), { type: "merge", body: { metadata } });
      const patched = await merge({ labels: { a: null, c: "3" }, resourceVersion: seen.metadata.resourceVersion });
      expect(patched.metadata.labels).toEqual({ b: "2", c: "3" });
      expect(await codeOf(merge({ labels: { d: "4" }, resourceVersion: seen.metadata.resourceVersion }))).toBe(
        "Conflict",
      );
    });

    it("of what does not exist is NotFound", async () => {
      const { api, namespace } = get();
      expect(await codeOf(api.patch(LEASE, { namespace, name: "absent" }, { type: "merge", body: {} }))).toBe(
        "NotFound",
      );
    });
  });
}

function deleting(get: Get): void {
  describe("deleting", () => {
    it("removes the object, once, and only the one that was meant", async () => {
      const { api, namespace } = get();
      const { metadata } = await api.create(LEASE, newLease(namespace, "deleted"));
      const key = { namespace, name: "deleted" };
      expect(await codeOf(api.delete(LEASE, key, { uid: "00000000-0000-0000-0000-000000000000" }))).toBe("Conflict");
      expect(await codeOf(api.delete(LEASE, key, { resourceVersion: "1" }))).toBe("Conflict");
      await api.delete(LEASE, key, metadata.uid === undefined ? {} : { uid: metadata.uid });
      expect(await api.get(LEASE, key)).toBeUndefined();
      expect(await codeOf(api.delete(LEASE, key))).toBe("NotFound");
    });

    it("waits for finalizers", async () => {
      const { api, namespace } = get();
      const group = newGroup(namespace, "finalized");
      const key: ObjectKey = { namespace, name: "finalized" };
      await api.create(FAILOVER_GROUP, {
        ...group,
        metadata: { ...group.metadata, finalizers: ["understudy.dev/deactivate"] },
      });
      await api.delete(FAILOVER_GROUP, key);
      expect((await api.get(FAILOVER_GROUP, key))?.metadata.deletionTimestamp).toBeDefined();
      await api.patch(FAILOVER_GROUP, key, { type: "merge", body: { metadata: { finalizers: null } } });
      expect(await api.get(FAILOVER_GROUP, key)).toBeUndefined();
    });
  });
}

function watching(get: Get): void {
  describe("watching", () => {
    const watch = (
      resourceVersion: string,
      signal: AbortSignal,
      labelSelector?: string,
    ): AsyncIterable<WatchEvent<Lease>> =>
      get().api.watch<Lease>(LEASE, {
        namespace: get().namespace,
        resourceVersion,
        timeoutSeconds: 60,
        idleTimeoutMs: 60_000,
        signal,
        ...(labelSelector === undefined ? {} : { labelSelector }),
      });

    async function take(
      events: AsyncIterable<WatchEvent<Lease>>,
      count: number,
      stop: AbortController,
    ): Promise<string[]> {
      const seen: string[] = [];
      for await (const event of events) {
        if (event.type === "BOOKMARK") continue;
        seen.push(`${event.type} ${event.object.metadata.name}`);
        if (seen.length === count) stop.abort();
      }
      return seen;
    }

    it("tells every change after the version, in order, from the past and the future, and returns when aborted", async () => {
      const { api, namespace } = get();
      const { resourceVersion } = await api.list(LEASE, { namespace });
      await api.create(LEASE, newLease(namespace, "watched-a"));
      const stop = new AbortController();
      const seen = take(watch(resourceVersion, stop.signal), 4, stop);
      const created = await api.create<Lease>(LEASE, newLease(namespace, "watched-b"));
      await api.replace(LEASE, { ...created, spec: { ...created.spec, holderIdentity: "b" } });
      await api.delete(LEASE, keyOf(created));
      expect(await seen).toEqual(["ADDED watched-a", "ADDED watched-b", "MODIFIED watched-b", "DELETED watched-b"]);
    });

    it("with a selector tells objects that begin and cease to match", async () => {
      const { api, namespace } = get();
      const { resourceVersion } = await api.list(LEASE, { namespace });
      const stop = new AbortController();
      const seen = take(watch(resourceVersion, stop.signal, "watch=me"), 2, stop);
      await api.create(LEASE, newLease(namespace, "selected"));
      const label = async (value: string | null): Promise<unknown> =>
        await api.patch(
          LEASE,
          { namespace, name: "selected" },
          { type: "merge", body: { metadata: { labels: { watch: value } } } },
        );
      await label("me");
      await label(null);
      expect(await seen).toEqual(["ADDED selected", "DELETED selected"]);
    });

    it("of an unknown kind is NotFound", async () => {
      const stop = new AbortController();
      const events = get().api.watch(UNKNOWN, {
        resourceVersion: "1",
        timeoutSeconds: 60,
        idleTimeoutMs: 60_000,
        signal: stop.signal,
      });
      expect(await codeOf((async () => await events[Symbol.asyncIterator]().next())())).toBe("NotFound");
    });
  });
}
