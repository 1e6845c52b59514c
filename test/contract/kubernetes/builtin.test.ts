import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { at, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { Cluster, type Answer } from "./cluster.ts";

/** A real cluster's controllers take their time. */
const COLLECTION = { timeout: 20_000 };

let cluster: Cluster;
let leases: string;
let maps: string;

beforeAll(async () => {
  cluster = await Cluster.open();
  leases = `/apis/coordination.k8s.io/v1/namespaces/${cluster.namespace}/leases`;
  maps = `/api/v1/namespaces/${cluster.namespace}/configmaps`;
}, 30_000);
afterAll(() => cluster.close());

async function createLease(name: string, spec: JsonObject): Promise<Answer> {
  const kind = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
  return await cluster.call("POST", leases, { body: { ...kind, metadata: { name }, spec } });
}

async function isGone(path: string): Promise<void> {
  await vi.waitFor(async () => expect((await cluster.call("GET", path)).status).toBe(404), COLLECTION);
}

describe("a Lease", () => {
  test("keeps times with six fractional digits", async () => {
    const renewTime = "2026-01-01T00:00:00.123456Z";
    expect((await createLease("micro", { renewTime })).body["spec"]).toEqual({ renewTime });
  });

  test.each(["2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00Z", "yesterday"])(
    "refuses the time %s",
    async (renewTime) => {
      const answer = await createLease("milli", { renewTime });
      expect(answer).toMatchObject({ status: 400, body: { reason: "BadRequest" } });
      expect(answer.body["message"]).toContain("parsing time");
    },
  );

  test("refuses a duration of zero", async () => {
    const answer = await createLease("zero", { leaseDurationSeconds: 0 });
    expect(answer).toMatchObject({ status: 422, body: { reason: "Invalid" } });
    expect(answer.text).toContain("spec.leaseDurationSeconds");
  });

  test("refuses a wrong type", async () => {
    expect((await createLease("typed", { leaseDurationSeconds: "ten" })).status).toBe(400);
  });

  test("is replaced by one of two writers that saw the same version", async () => {
    const made = (await createLease("race", { holderIdentity: "a" })).body;
    const put = (holderIdentity: string): Promise<Answer> =>
      cluster.call("PUT", `${leases}/race`, { body: { ...made, spec: { holderIdentity } } });
    const statuses = (await Promise.all([put("b"), put("c")])).map((answer) => answer.status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409]);
  });

  test("that is missing is created by a replace, whatever version it names, but not with another's uid", async () => {
    const put = (name: string, metadata: JsonObject): Promise<Answer> => {
      const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, ...metadata }, spec: {} };
      return cluster.call("PUT", `${leases}/${name}`, { body });
    };
    expect((await put("by-put", { resourceVersion: "5" })).status).toBe(201);
    expect((await put("by-put-uid", { uid: "11111111-1111-1111-1111-111111111111" })).status).toBe(409);
    expect((await cluster.call("PUT", `${maps}/absent`, { body: { metadata: { name: "absent" } } })).status).toBe(404);
  });

  test("shows its holder in a table", async () => {
    await createLease("shown", { holderIdentity: "me" });
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const table = await cluster.expectOk("GET", `${leases}/shown`, { accept });
    expect((table["rows"] as JsonObject[])[0]?.["cells"]).toEqual(["shown", "me", expect.any(String)]);
  });
});

describe("an Event", () => {
  test("is one object in two API groups", async () => {
    const body = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "e1" },
      regarding: { kind: "ConfigMap", name: "x", namespace: cluster.namespace, apiVersion: "v1" },
      reason: "Tested",
      note: "a note",
      type: "Normal",
      action: "Test",
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "example.com/contract",
      reportingInstance: "contract-1",
    };
    await cluster.expectOk("POST", `/apis/events.k8s.io/v1/namespaces/${cluster.namespace}/events`, { body });
    const old = await cluster.expectOk("GET", `/api/v1/namespaces/${cluster.namespace}/events/e1`);
    const involvedObject = { kind: "ConfigMap", name: "x" };
    expect(old).toMatchObject({
      apiVersion: "v1",
      message: "a note",
      reportingComponent: "example.com/contract",
      involvedObject,
    });
    const query = "fieldSelector=involvedObject.name%3Dx,reason%3DTested";
    const found = await cluster.expectOk("GET", `/api/v1/namespaces/${cluster.namespace}/events?${query}`);
    expect(found["items"]).toHaveLength(1);
  });
});

describe("a Secret and a ConfigMap", () => {
  test("stringData moves into data", async () => {
    const body = { metadata: { name: "s" }, stringData: { user: "me" } };
    const made = await cluster.expectOk("POST", `/api/v1/namespaces/${cluster.namespace}/secrets`, { body });
    expect(made).toMatchObject({ type: "Opaque", data: { user: "bWU=" } });
    expect(made["stringData"]).toBeUndefined();
  });

  test("a strategic merge patch changes keys of a map", async () => {
    await cluster.expectOk("POST", maps, { body: { metadata: { name: "smp" }, data: { a: "1", b: "2" } } });
    const contentType = "application/strategic-merge-patch+json";
    const options = { body: { data: { a: null, c: "3" } }, contentType };
    expect((await cluster.expectOk("PATCH", `${maps}/smp`, options))["data"]).toEqual({ b: "2", c: "3" });
  });
});

describe("garbage collection", { timeout: 60_000 }, () => {
  async function owned(name: string, owner: JsonObject, extra: JsonObject = {}): Promise<void> {
    const reference = {
      apiVersion: "v1",
      kind: "ConfigMap",
      name: at(owner, "metadata", "name"),
      uid: at(owner, "metadata", "uid"),
    };
    const ownerReferences = [{ ...reference, ...extra }];
    await cluster.expectOk("POST", maps, { body: { metadata: { name, ownerReferences } } });
  }

  test("takes dependents after their owner, and theirs", async () => {
    const owner = await cluster.expectOk("POST", maps, { body: { metadata: { name: "owner" } } });
    await owned("child", owner);
    await owned("grandchild", await cluster.expectOk("GET", `${maps}/child`));
    await cluster.expectOk("DELETE", `${maps}/owner`);
    await isGone(`${maps}/child`);
    await isGone(`${maps}/grandchild`);
  });

  test("takes what names an owner that does not exist", async () => {
    await owned("orphan-born", { metadata: { name: "never", uid: "22222222-2222-2222-2222-222222222222" } });
    await isGone(`${maps}/orphan-born`);
  });

  test("in the foreground keeps the owner until its dependents are gone", async () => {
    const owner = await cluster.expectOk("POST", maps, { body: { metadata: { name: "fg-owner" } } });
    await owned("fg-child", owner, { blockOwnerDeletion: true });
    const marked = await cluster.expectOk("DELETE", `${maps}/fg-owner?propagationPolicy=Foreground`);
    expect(at(marked, "metadata", "finalizers")).toEqual(["foregroundDeletion"]);
    await isGone(`${maps}/fg-owner`);
    await isGone(`${maps}/fg-child`);
  });

  test("orphans when asked to", async () => {
    const owner = await cluster.expectOk("POST", maps, { body: { metadata: { name: "or-owner" } } });
    await owned("or-child", owner);
    await cluster.call("DELETE", `${maps}/or-owner?propagationPolicy=Orphan`);
    await isGone(`${maps}/or-owner`);
    const child = await cluster.expectOk("GET", `${maps}/or-child`);
    expect(at(child, "metadata", "ownerReferences")).toBeUndefined();
  });

  test("empties a namespace before it goes, and takes nothing new into it", async () => {
    const name = `${cluster.namespace}-b`;
    await cluster.expectOk("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
    const inside = `/api/v1/namespaces/${name}/configmaps`;
    await cluster.expectOk("POST", inside, { body: { metadata: { name: "held", finalizers: ["x.dev/hold"] } } });
    await cluster.call("DELETE", `/api/v1/namespaces/${name}`);
    await vi.waitFor(async () => {
      const held = await cluster.expectOk("GET", `${inside}/held`);
      expect(at(held, "metadata", "deletionTimestamp")).toBeDefined();
    }, COLLECTION);
    expect((await cluster.call("POST", inside, { body: { metadata: { name: "late" } } })).status).toBe(403);
    const release = { body: { metadata: { finalizers: null } }, contentType: "application/merge-patch+json" };
    await cluster.expectOk("PATCH", `${inside}/held`, release);
    await isGone(`/api/v1/namespaces/${name}`);
  });
});
