import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { at, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { Cluster } from "./cluster.ts";

const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";

let cluster: Cluster;
let things: string;

beforeAll(async () => {
  cluster = await Cluster.open();
  things = await cluster.installThings();
}, 30_000);
afterAll(() => cluster.close());

function thing(name: string, spec: JsonObject = { replicas: 1 }, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: `${cluster.group}/v1`, kind: "Thing", metadata: { name, ...metadata }, spec };
}

async function create(name: string, spec?: JsonObject, metadata?: JsonObject): Promise<JsonObject> {
  return await cluster.expectOk("POST", things, { body: thing(name, spec, metadata) });
}

function version(object: JsonObject): unknown {
  return at(object, "metadata", "resourceVersion");
}

describe("creating", () => {
  test("fills in identity, time and generation", async () => {
    const made = await cluster.call("POST", things, { body: thing("made") });
    expect(made.status).toBe(201);
    expect(made.body["metadata"]).toMatchObject({
      namespace: cluster.namespace,
      generation: 1,
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      resourceVersion: expect.stringMatching(/^\d+$/),
    });
  });

  test("a second time is AlreadyExists", async () => {
    await create("twice");
    const again = await cluster.call("POST", things, { body: thing("twice") });
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({
      kind: "Status",
      status: "Failure",
      reason: "AlreadyExists",
      message: `things.${cluster.group} "twice" already exists`,
      details: { name: "twice", group: cluster.group, kind: "things" },
      code: 409,
    });
  });

  test("drops status and keeps to the namespace of the URL", async () => {
    const made = await cluster.expectOk("POST", things, { body: { ...thing("nostatus"), status: { epoch: 1 } } });
    expect(made["status"]).toBeUndefined();
    const elsewhere = await cluster.call("POST", things, { body: thing("else", {}, { namespace: "default" }) });
    expect(elsewhere.status).toBe(400);
  });

  test("completes generateName", async () => {
    const body = { ...thing(""), metadata: { generateName: "gen-" } };
    const made = await cluster.expectOk("POST", things, { body });
    expect(at(made, "metadata", "name")).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  test.each([
    ["an upper-case name", "Bad", {}, "metadata.name"],
    ["a bad label value", "label", { labels: { a: "not valid!" } }, "metadata.labels"],
    ["a finalizer without a domain form", "fin", { finalizers: ["a/b/c"] }, "metadata.finalizers"],
  ])("refuses %s", async (_what, name, metadata, field) => {
    const answer = await cluster.call("POST", things, { body: thing(name, {}, metadata) });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ reason: "Invalid", details: { causes: [{ field }] } });
  });

  test("refuses a namespace that does not exist, and a resourceVersion", async () => {
    const path = things.replace(`/${cluster.namespace}/`, "/no-such-namespace/");
    expect((await cluster.call("POST", path, { body: thing("x") })).body).toMatchObject({ reason: "NotFound" });
    const given = await cluster.call("POST", things, { body: thing("rv", {}, { resourceVersion: "1" }) });
    expect(given.status).toBe(500);
    expect(given.body["message"]).toContain("resourceVersion should not be set on objects to be created");
  });

  test("as a dry run leaves nothing", async () => {
    await cluster.expectOk("POST", `${things}?dryRun=All`, { body: thing("dry") });
    expect((await cluster.call("GET", `${things}/dry`)).status).toBe(404);
  });
});

describe("unknown fields", () => {
  const unknown = (): JsonObject => thing("unknown", { replicas: 1, typo: 2 });

  test("are refused with fieldValidation=Strict", async () => {
    const answer = await cluster.call("POST", `${things}?fieldValidation=Strict`, { body: unknown() });
    expect(answer.status).toBe(400);
    expect(answer.body["message"]).toContain('unknown field "spec.typo"');
  });

  test("are dropped with a warning by default", async () => {
    const answer = await cluster.call("POST", `${things}?dryRun=All`, { body: unknown() });
    expect(answer.warnings).toContain('unknown field \\"spec.typo\\"');
    expect(answer.body["spec"]).toEqual({ replicas: 1 });
  });
});

describe("reading", () => {
  test("what does not exist is NotFound with details", async () => {
    const answer = await cluster.call("GET", `${things}/absent`);
    expect(answer).toMatchObject({ status: 404, body: { reason: "NotFound", details: { name: "absent" } } });
  });

  test("a kind that does not exist is 404 without such a Status", async () => {
    const answer = await cluster.call("GET", `/apis/nothing.example/v1/namespaces/default/nothings/x`);
    expect(answer.status).toBe(404);
    expect(answer.body["reason"]).toBeUndefined();
  });

  test("lists select by label and by name", async () => {
    await create("sel-a", {}, { labels: { set: "one", tier: "x" } });
    await create("sel-b", {}, { labels: { set: "one" } });
    const names = async (query: string): Promise<unknown[]> => {
      const list = await cluster.expectOk("GET", `${things}?${query}`);
      return (list["items"] as JsonObject[]).map((item) => at(item, "metadata", "name"));
    };
    expect(await names("labelSelector=set%3Done")).toEqual(["sel-a", "sel-b"]);
    expect(await names("labelSelector=set%3Done,!tier")).toEqual(["sel-b"]);
    expect(await names("labelSelector=set+in+(one,two),tier")).toEqual(["sel-a"]);
    expect(await names("labelSelector=set%3Done,tier!%3Dx")).toEqual(["sel-b"]);
    expect(await names("fieldSelector=metadata.name%3Dsel-a")).toEqual(["sel-a"]);
    expect((await cluster.call("GET", `${things}?fieldSelector=spec.x%3D1`)).status).toBe(400);
  });

  test("pages show one state, whatever happens in between", async () => {
    for (const name of ["page-1", "page-2", "page-3"]) await create(name, {}, { labels: { paged: "yes" } });
    const query = "labelSelector=paged%3Dyes&limit=2";
    const first = await cluster.expectOk("GET", `${things}?${query}`);
    expect(first["items"]).toHaveLength(2);
    await cluster.expectOk("DELETE", `${things}/page-3`);
    const token = String(at(first, "metadata", "continue"));
    const second = await cluster.expectOk("GET", `${things}?${query}&continue=${encodeURIComponent(token)}`);
    expect((second["items"] as JsonObject[]).map((item) => at(item, "metadata", "name"))).toEqual(["page-3"]);
    expect(version(second)).toBe(version(first));
  });

  test("items of custom kinds carry their kind, those of built-in kinds do not", async () => {
    await create("kinded");
    const list = await cluster.expectOk("GET", things);
    expect(list["kind"]).toBe("ThingList");
    expect((list["items"] as JsonObject[])[0]).toMatchObject({ kind: "Thing" });
    const namespaces = await cluster.expectOk("GET", "/api/v1/namespaces");
    expect((namespaces["items"] as JsonObject[])[0]?.["kind"]).toBeUndefined();
  });
});

describe("replacing", () => {
  test("needs the current resourceVersion", async () => {
    const made = await create("put");
    const without = await cluster.call("PUT", `${things}/put`, { body: thing("put") });
    expect(without).toMatchObject({ status: 422, body: { reason: "Invalid" } });
    await cluster.expectOk("PUT", `${things}/put`, { body: { ...made, spec: { replicas: 2 } } });
    const stale = await cluster.call("PUT", `${things}/put`, { body: { ...made, spec: { replicas: 3 } } });
    expect(stale).toMatchObject({ status: 409, body: { reason: "Conflict" } });
    expect(stale.body["message"]).toContain("the object has been modified");
  });

  test("with another uid is a conflict", async () => {
    const made = await create("uid");
    const body = thing("uid", {}, { resourceVersion: version(made), uid: "11111111-1111-1111-1111-111111111111" });
    expect((await cluster.call("PUT", `${things}/uid`, { body })).status).toBe(409);
  });

  test("without a change keeps the version; a change of the spec raises the generation, of labels not", async () => {
    const made = await create("gen");
    const same = await cluster.expectOk("PUT", `${things}/gen`, { body: made });
    expect(version(same)).toBe(version(made));
    const spec = await cluster.expectOk("PUT", `${things}/gen`, { body: { ...made, spec: { replicas: 9 } } });
    expect(at(spec, "metadata", "generation")).toBe(2);
    const patch = { body: { metadata: { labels: { a: "b" } } }, contentType: MERGE };
    const labelled = await cluster.expectOk("PATCH", `${things}/gen`, patch);
    expect(at(labelled, "metadata", "generation")).toBe(2);
  });

  test("spec and status are separate", async () => {
    const made = await create("split");
    const body = { ...made, spec: { replicas: 5 }, status: { epoch: 7 } };
    const status = await cluster.expectOk("PUT", `${things}/split/status`, { body });
    expect(status).toMatchObject({ spec: { replicas: 1 }, status: { epoch: 7 }, metadata: { generation: 1 } });
    const main = await cluster.expectOk("PUT", `${things}/split`, {
      body: { ...status, status: { epoch: 8 }, spec: {} },
    });
    expect(main).toMatchObject({ spec: {}, status: { epoch: 7 }, metadata: { generation: 2 } });
  });
});

describe("patching", () => {
  test("merge patch sets and removes; null removes", async () => {
    await create("merge", { replicas: 1, image: "i" });
    const body = { spec: { image: null, replicas: 3 } };
    expect((await cluster.expectOk("PATCH", `${things}/merge`, { body, contentType: MERGE }))["spec"]).toEqual({
      replicas: 3,
    });
  });

  test("a resourceVersion in a merge patch is a precondition", async () => {
    await create("pre");
    const body = { metadata: { resourceVersion: "1" }, spec: { replicas: 3 } };
    expect((await cluster.call("PATCH", `${things}/pre`, { body, contentType: MERGE })).status).toBe(409);
  });

  test("a failing test of a JSON patch refuses all of it with 422", async () => {
    await create("json");
    const patch = (value: number): unknown => [
      { op: "test", path: "/spec/replicas", value },
      { op: "replace", path: "/spec/replicas", value: 4 },
    ];
    const failed = await cluster.call("PATCH", `${things}/json`, { body: patch(2), contentType: JSON_PATCH });
    expect(failed).toMatchObject({ status: 422, body: { reason: "Invalid" } });
    const done = await cluster.expectOk("PATCH", `${things}/json`, { body: patch(1), contentType: JSON_PATCH });
    expect(done["spec"]).toEqual({ replicas: 4 });
  });

  test("a strategic merge patch is for built-in kinds only", async () => {
    await create("strategic");
    const contentType = "application/strategic-merge-patch+json";
    expect((await cluster.call("PATCH", `${things}/strategic`, { body: {}, contentType })).status).toBe(415);
  });

  test("at the status endpoint changes status only", async () => {
    await create("substatus");
    const body = { status: { epoch: 1 }, spec: { replicas: 8 }, metadata: { labels: { a: "b" } } };
    const patched = await cluster.expectOk("PATCH", `${things}/substatus/status`, { body, contentType: MERGE });
    expect(patched).toMatchObject({ status: { epoch: 1 }, spec: { replicas: 1 } });
    expect(at(patched, "metadata", "labels")).toBeUndefined();
  });
});

describe("deleting", () => {
  test("answers with a Status that names the object", async () => {
    const made = await create("gone");
    const answer = await cluster.call("DELETE", `${things}/gone`);
    const details = { name: "gone", group: cluster.group, kind: "things", uid: at(made, "metadata", "uid") };
    expect(answer).toMatchObject({ status: 200, body: { kind: "Status", status: "Success", details } });
  });

  test("checks its preconditions", async () => {
    const made = await create("precond");
    const remove = async (preconditions: JsonObject): Promise<number> => {
      const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions };
      return (await cluster.call("DELETE", `${things}/precond`, { body })).status;
    };
    expect(await remove({ uid: "11111111-1111-1111-1111-111111111111" })).toBe(409);
    expect(await remove({ resourceVersion: "1" })).toBe(409);
    expect((await cluster.call("DELETE", `${things}/precond/status`)).status).toBe(405);
    expect(await remove({ uid: at(made, "metadata", "uid"), resourceVersion: version(made) })).toBe(200);
  });

  test("waits for finalizers and takes no new ones", async () => {
    await create("final", {}, { finalizers: ["x.dev/one"] });
    const marked = await cluster.expectOk("DELETE", `${things}/final`);
    expect(marked["metadata"]).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: ["x.dev/one"] });
    const patch = (finalizers: unknown): Promise<{ status: number }> =>
      cluster.call("PATCH", `${things}/final`, { body: { metadata: { finalizers } }, contentType: MERGE });
    expect((await patch(["x.dev/one", "x.dev/two"])).status).toBe(422);
    expect((await patch(null)).status).toBe(200);
    expect((await cluster.call("GET", `${things}/final`)).status).toBe(404);
  });

  test("a collection takes what the selector names", async () => {
    await create("coll-a", {}, { labels: { coll: "yes" } });
    await create("coll-b", {});
    await cluster.expectOk("DELETE", `${things}?labelSelector=coll%3Dyes`);
    await vi.waitFor(async () => expect((await cluster.call("GET", `${things}/coll-a`)).status).toBe(404));
    expect((await cluster.call("GET", `${things}/coll-b`)).status).toBe(200);
  });
});

describe("metadata", () => {
  test.each([
    ["labels that are no texts", { labels: { a: 1 } }],
    ["finalizers that are no list", { finalizers: "x.dev/a" }],
    ["owner references that are no objects", { ownerReferences: ["x"] }],
  ])("with %s is refused with 400", async (_what, metadata) => {
    expect((await cluster.call("POST", things, { body: thing("meta", {}, metadata) })).status).toBe(400);
  });

  test("loses unknown fields and nulls", async () => {
    const made = await create("meta", {}, { creationTimestamp: null, colour: "red" });
    expect(at(made, "metadata", "colour")).toBeUndefined();
    expect(at(made, "metadata", "creationTimestamp")).toEqual(expect.any(String));
  });

  test("which the server owns cannot be changed", async () => {
    const made = await create("owned");
    const metadata = { ...(made["metadata"] as JsonObject), creationTimestamp: "2001-01-01T00:00:00Z", generation: 77 };
    const put = await cluster.expectOk("PUT", `${things}/owned`, { body: { ...made, metadata } });
    expect(put["metadata"]).toMatchObject({
      generation: 1,
      creationTimestamp: at(made, "metadata", "creationTimestamp"),
    });
  });
});
