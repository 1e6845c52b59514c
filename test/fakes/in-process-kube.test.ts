import { describe, expect, test } from "vitest";
import { LEASE, microTime, type Lease } from "../../src/api/session-lease.ts";
import { isKubeError, type KubeObject, type ResourceType, type WatchEvent } from "../../src/kube/ports.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { InProcessKube } from "./in-process-kube.ts";

const GROUP: ResourceType = {
  group: "understudy.dev",
  version: "v1alpha1",
  plural: "failovergroups",
  kind: "FailoverGroup",
  namespaced: true,
};

interface Group extends KubeObject {
  spec?: unknown;
  status?: { epoch?: number; reports?: { node: string; epoch?: number }[] };
}

function group(name: string): Group {
  const exec = { start: { command: ["/bin/true"] }, stop: { command: ["/bin/true"] } };
  return {
    metadata: { name, namespace: "app" },
    spec: { members: [{ node: "a" }, { node: "b" }], resources: [{ name: "svc", exec }] },
  };
}

function server(): { clock: FakeClock; kube: InProcessKube } {
  const clock = new FakeClock();
  return { clock, kube: InProcessKube.create({ clock, timeoutMs: 1_000 }) };
}

function lease(name: string): Lease {
  return { metadata: { name, namespace: "app" }, spec: { holderIdentity: "x", renewTime: microTime(0) } };
}

const key = { namespace: "app", name: "web" };

describe("InProcessKube", () => {
  test("serves the project's kinds with their defaults and validation", async () => {
    const { kube } = server();
    const created = await kube.create(GROUP, group("web"));
    expect(created).toMatchObject({ kind: "FailoverGroup", metadata: { generation: 1 }, spec: { failover: {} } });
    await expect(kube.create(GROUP, { metadata: { name: "bad", namespace: "app" } })).rejects.toSatisfy((thrown) =>
      isKubeError(thrown, "Invalid"),
    );
  });

  test("two agents apply their entries of a list map side by side", async () => {
    const { kube } = server();
    const { metadata } = await kube.create(GROUP, group("web"));
    const report = (node: string, version?: string) =>
      kube.patch<Group>(
        GROUP,
        key,
        {
          type: "apply",
          force: false,
          fieldManager: `agent.${node}`,
          body: {
            metadata: { ...key, ...(version === undefined ? {} : { resourceVersion: version }) },
            status: { reports: [{ node, epoch: 1, state: "Active", session: "s" }] },
          } as KubeObject,
        },
        { subresource: "status" },
      );
    await report("a");
    const both = await report("b");
    expect(both.status?.reports?.map((each) => each.node)).toEqual(["a", "b"]);
    await expect(report("a", metadata.resourceVersion)).rejects.toSatisfy((thrown) => isKubeError(thrown, "Conflict"));
  });

  test("refuses a replace with a stale version", async () => {
    const { kube } = server();
    const first = await kube.create(LEASE, lease("web"));
    await kube.replace(LEASE, { ...first, spec: { holderIdentity: "y" } });
    await expect(kube.replace(LEASE, { ...first, spec: { holderIdentity: "z" } })).rejects.toSatisfy((thrown) =>
      isKubeError(thrown, "Conflict"),
    );
  });

  test("a lost reply leaves the write done and the caller in doubt", async () => {
    const { kube } = server();
    kube.faults.add({ match: { verbs: ["create"] }, action: { kind: "lose-reply" }, times: 1 });
    await expect(kube.create(LEASE, lease("web"))).rejects.toSatisfy((thrown) => isKubeError(thrown, "ResultUnknown"));
    expect(await kube.get(LEASE, key)).toBeDefined();
  });

  test("a delay past the deadline ends in doubt, and the write happens later", async () => {
    const { kube, clock } = server();
    kube.faults.add({ match: { verbs: ["create"] }, action: { kind: "delay", ms: 2_000 }, times: 1 });
    const writing = kube.create(LEASE, lease("web")).catch((thrown: unknown) => thrown);
    await clock.advance(1_000);
    expect(isKubeError(await writing, "ResultUnknown")).toBe(true);
    expect(await kube.get(LEASE, key)).toBeUndefined();
    await clock.advance(1_000);
    expect(await kube.get(LEASE, key)).toBeDefined();
  });

  test("faults hit one client and spare its sibling", async () => {
    const { kube } = server();
    const other = kube.sibling({ userAgent: "agent-b" });
    kube.faults.add({ match: { userAgent: "agent-b" }, action: { kind: "cut" } });
    await expect(other.list(LEASE)).rejects.toSatisfy((thrown) => isKubeError(thrown, "ResultUnknown"));
    expect((await kube.list(LEASE)).items).toEqual([]);
  });

  test("a stale list shows an earlier state", async () => {
    const { kube } = server();
    await kube.create(LEASE, lease("web"));
    kube.faults.add({ action: { kind: "stale-list", versions: 1 }, times: 1 });
    expect((await kube.list(LEASE)).items).toHaveLength(0);
    expect((await kube.list(LEASE)).items).toHaveLength(1);
  });

  test("a watch resumes after a version and breaks on demand", async () => {
    const { kube } = server();
    const { resourceVersion } = await kube.list(LEASE);
    await kube.create(LEASE, lease("web"));
    const seen: WatchEvent<Lease>[] = [];
    const stop = new AbortController();
    const options = { resourceVersion, timeoutSeconds: 60, idleTimeoutMs: 90_000, signal: stop.signal };
    const watching = (async () => {
      for await (const event of kube.watch<Lease>(LEASE, options)) seen.push(event);
    })().catch((thrown: unknown) => thrown);
    await settle();
    await kube.delete(LEASE, key);
    await settle();
    expect(seen.map((event) => event.type)).toEqual(["ADDED", "DELETED"]);
    kube.dropWatches();
    expect(isKubeError(await watching, "ResultUnknown")).toBe(true);
  });

  test("a frozen server leaves a watch silent until its idle timeout", async () => {
    const { kube, clock } = server();
    const stop = new AbortController();
    const options = { resourceVersion: "1", timeoutSeconds: 60, idleTimeoutMs: 5_000, signal: stop.signal };
    const watching = kube
      .watch(LEASE, options)
      .next()
      .catch((thrown: unknown) => thrown);
    await settle();
    kube.faults.add({ match: { verbs: ["watch"] }, action: { kind: "freeze" } });
    await kube.create(LEASE, lease("web"));
    await clock.advance(5_000);
    expect(isKubeError(await watching, "ResultUnknown")).toBe(true);
  });

  test("a watch from before the kept history is Gone", async () => {
    const clock = new FakeClock();
    const kube = InProcessKube.create({ clock });
    const { resourceVersion } = await kube.list(LEASE);
    await kube.create(LEASE, lease("web"));
    kube.core.store.compact();
    const options = { resourceVersion, timeoutSeconds: 60, idleTimeoutMs: 5_000, signal: new AbortController().signal };
    await expect(kube.watch(LEASE, options).next()).rejects.toSatisfy((thrown) => isKubeError(thrown, "Gone"));
  });
});
