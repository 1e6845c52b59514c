import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { at, isJsonObject, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { APPLY_CASES, thingSchema, type ApplyStep } from "./apply-cases.ts";
import { Cluster, type Answer } from "./cluster.ts";

const APPLY = "application/apply-patch+yaml";
const MERGE = "application/merge-patch+json";

let cluster: Cluster;
let things: string;

const schema = {
  ...thingSchema,
  properties: {
    ...thingSchema.properties,
    spec: {
      ...thingSchema.properties?.["spec"],
      properties: {
        ...thingSchema.properties?.["spec"]?.properties,
        mode: { type: "string" as const, default: "auto" },
        nested: {
          type: "object" as const,
          default: {},
          properties: { level: { type: "integer" as const, default: 3 } },
        },
      },
    },
  },
};

beforeAll(async () => {
  cluster = await Cluster.open();
  things = await cluster.installThings(schema);
}, 30_000);
afterAll(() => cluster.close());

interface Apply {
  readonly by: string;
  readonly force?: boolean;
  readonly spec?: JsonObject;
  readonly metadata?: JsonObject;
  readonly status?: JsonObject;
}

async function apply(name: string, { by, force = false, spec, metadata, status }: Apply): Promise<Answer> {
  const body = {
    apiVersion: `${cluster.group}/v1`,
    kind: "Thing",
    metadata: { name, ...metadata },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  };
  const subresource = status === undefined ? "" : "/status";
  const query = `fieldManager=${by}${force ? "&force=true" : ""}`;
  return await cluster.call("PATCH", `${things}/${name}${subresource}?${query}`, { body, contentType: APPLY });
}

/** Replaces spec and the given metadata, as `by`. */
async function update(name: string, step: ApplyStep): Promise<Answer> {
  const live = await cluster.call("GET", `${things}/${name}`);
  const query = `?fieldManager=${step.by}`;
  const spec = step.spec ?? {};
  if (live.status === 404) {
    const body = { apiVersion: `${cluster.group}/v1`, kind: "Thing", metadata: { name, ...step.metadata }, spec };
    return await cluster.call("POST", `${things}${query}`, { body });
  }
  const metadata = { ...(live.body["metadata"] as JsonObject), ...step.metadata };
  return await cluster.call("PUT", `${things}/${name}${query}`, { body: { ...live.body, metadata, spec } });
}

/** Without what the schema adds by itself. */
function withoutDefaults(spec: unknown): unknown {
  if (!isJsonObject(spec)) return spec;
  const { mode: _mode, nested: _nested, ...rest } = spec;
  return rest;
}

function managers(object: JsonObject): JsonObject[] {
  const entries = at(object, "metadata", "managedFields");
  return Array.isArray(entries) ? entries.filter(isJsonObject) : [];
}

describe("server-side apply over the wire", () => {
  test.each(APPLY_CASES.map((each, index) => ({ ...each, name: `case-${index}` })))("$what", async (each) => {
    let last: Answer | undefined;
    // Status can be applied to what exists only.
    if (each.steps.some((step) => step.status !== undefined)) await apply(each.name, { by: "setup", spec: {} });
    for (const step of each.steps) {
      last =
        step.do === "update"
          ? await update(each.name, step)
          : await apply(each.name, { ...step, force: step.do === "force" });
    }
    if (each.conflict !== undefined) {
      const wanted = each.conflict.replaceAll("using v1", `using ${cluster.group}/v1`);
      expect(last).toMatchObject({ status: 409, body: { reason: "Conflict", message: wanted } });
      return;
    }
    if (each.invalid !== undefined) {
      expect(last).toMatchObject({ status: 422, body: { details: { causes: [{ field: each.invalid }] } } });
      return;
    }
    expect(last?.status).toBeLessThan(300);
    if (each.spec !== undefined) expect(withoutDefaults(last?.body["spec"])).toEqual(each.spec);
  });

  test("creates with 201, then answers 200", async () => {
    expect((await apply("fresh", { by: "a", spec: { replicas: 1 } })).status).toBe(201);
    expect((await apply("fresh", { by: "a", spec: { replicas: 1 } })).status).toBe(200);
  });

  test("needs a field manager", async () => {
    const body = { apiVersion: `${cluster.group}/v1`, kind: "Thing", metadata: { name: "anon" } };
    const answer = await cluster.call("PATCH", `${things}/anon`, { body, contentType: APPLY });
    expect(answer.status).toBe(422);
    expect(answer.body["message"]).toContain("fieldManager: Required value");
  });

  test("accepts YAML", async () => {
    const body = `apiVersion: ${cluster.group}/v1\nkind: Thing\nmetadata:\n  name: yaml\nspec:\n  image: i\n`;
    const answer = await cluster.call("PATCH", `${things}/yaml?fieldManager=a`, { body, contentType: APPLY });
    expect(answer.body).toMatchObject({ spec: { image: "i" } });
  });

  test("refuses managedFields in the configuration", async () => {
    const answer = await apply("mf", { by: "a", metadata: { managedFields: [{ manager: "x", operation: "Apply" }] } });
    expect(answer.status).toBe(400);
    expect(answer.body["message"]).toContain("metadata.managedFields must be nil");
  });

  test("a repeated apply keeps the resourceVersion and the time of the manager", async () => {
    const first = await apply("idem", { by: "a", spec: { replicas: 1 } });
    const second = await apply("idem", { by: "a", spec: { replicas: 1 } });
    expect(second.body).toEqual(first.body);
  });

  test("a resourceVersion in the configuration makes it a compare-and-set", async () => {
    const made = await apply("cas", { by: "a", spec: { replicas: 1 } });
    const resourceVersion = at(made.body, "metadata", "resourceVersion");
    const next = await apply("cas", { by: "a", spec: { replicas: 2 }, metadata: { resourceVersion } });
    expect(next.status).toBe(200);
    const stale = await apply("cas", { by: "a", spec: { replicas: 3 }, metadata: { resourceVersion }, force: true });
    expect(stale).toMatchObject({ status: 409, body: { reason: "Conflict" } });
    expect(stale.body["message"]).toContain("the object has been modified");
  });

  test("a uid of an object that is gone is a conflict, not a creation", async () => {
    const uid = "11111111-1111-1111-1111-111111111111";
    expect((await apply("ghost", { by: "a", spec: {}, metadata: { uid } })).status).toBe(409);
    expect((await cluster.call("GET", `${things}/ghost`)).status).toBe(404);
  });

  test("a resourceVersion does not keep what is missing from being created, except its status", async () => {
    const metadata = { resourceVersion: "5" };
    expect((await apply("revived", { by: "a", spec: {}, metadata })).status).toBe(201);
    expect((await apply("not-revived", { by: "a", status: { epoch: 1 }, metadata })).status).toBe(404);
  });

  test("a field that the schema does not know is refused as a fault of the server, even with fieldValidation=Ignore", async () => {
    const body = { apiVersion: `${cluster.group}/v1`, kind: "Thing", metadata: { name: "typo" }, spec: { typo: 1 } };
    const query = "fieldManager=a&fieldValidation=Ignore";
    const answer = await cluster.call("PATCH", `${things}/typo?${query}`, { body, contentType: APPLY });
    expect(answer.status).toBe(500);
    expect(answer.body["message"]).toContain(".spec.typo: field not declared in schema");
  });

  test("defaults are set but owned by nobody, and come back when a value is dropped", async () => {
    const made = await apply("default", { by: "a", spec: { mode: "manual" } });
    expect(made.body["spec"]).toEqual({ mode: "manual", nested: { level: 3 } });
    expect(managers(made.body)[0]?.["fieldsV1"]).toEqual({ "f:spec": { "f:mode": {} } });
    const dropped = await apply("default", { by: "a", spec: {} });
    expect(at(dropped.body, "spec", "mode")).toBe("auto");
    expect((await apply("default", { by: "b", spec: { mode: "other" } })).status).toBe(200);
  });

  test("at the status endpoint only status is applied, under a manager of its own", async () => {
    await apply("st", { by: "a", spec: { replicas: 1 } });
    const answer = await apply("st", { by: "a", spec: { replicas: 9 }, status: { epoch: 4 } });
    expect(answer.body).toMatchObject({ spec: { replicas: 1 }, status: { epoch: 4 } });
    expect(managers(answer.body)).toEqual([
      expect.objectContaining({ manager: "a", operation: "Apply", fieldsV1: { "f:spec": { "f:replicas": {} } } }),
      expect.objectContaining({ manager: "a", subresource: "status", fieldsV1: { "f:status": { "f:epoch": {} } } }),
    ]);
    const main = await apply("st", { by: "a", spec: { replicas: 2 } });
    expect(main.body).toMatchObject({ spec: { replicas: 2 }, status: { epoch: 4 } });
  });

  test("status of what does not exist cannot be applied", async () => {
    expect((await apply("nothing", { by: "a", status: { epoch: 1 } })).status).toBe(404);
  });

  test("an applied object that breaks the schema is Invalid", async () => {
    const answer = await apply("invalid", { by: "a", spec: { replicas: "many" } });
    expect([422, 400, 500]).toContain(answer.status);
    expect(answer.text).toContain("spec.replicas");
  });

  test("a merge patch is tracked as an update of its manager", async () => {
    await apply("mixed", { by: "a", spec: { replicas: 1, image: "i" } });
    const options = { body: { spec: { replicas: 2 } }, contentType: MERGE };
    const patched = await cluster.expectOk("PATCH", `${things}/mixed?fieldManager=editor`, options);
    expect(managers(patched)).toEqual([
      expect.objectContaining({ manager: "a", operation: "Apply", fieldsV1: { "f:spec": { "f:image": {} } } }),
      expect.objectContaining({ manager: "editor", operation: "Update", fieldsV1: { "f:spec": { "f:replicas": {} } } }),
    ]);
  });

  test("without a field manager the user agent gives the name", async () => {
    const body = {
      apiVersion: `${cluster.group}/v1`,
      kind: "Thing",
      metadata: { name: "agent" },
      spec: { replicas: 1 },
    };
    const made = await cluster.expectOk("POST", things, { body });
    expect(managers(made)[0]).toMatchObject({ manager: "contract", operation: "Update" });
  });

  test("a dry run shows the result and keeps nothing", async () => {
    await apply("dry", { by: "a", spec: { replicas: 1 } });
    const body = { apiVersion: `${cluster.group}/v1`, kind: "Thing", metadata: { name: "dry" }, spec: { replicas: 5 } };
    const options = { body, contentType: APPLY };
    const shown = await cluster.expectOk("PATCH", `${things}/dry?fieldManager=a&dryRun=All`, options);
    expect(at(shown, "spec", "replicas")).toBe(5);
    expect(at(await cluster.expectOk("GET", `${things}/dry`), "spec", "replicas")).toBe(1);
  });
});
