import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Schema } from "../../../src/api/schema.ts";
import { at, isJsonObject, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { Cluster, type Answer } from "./cluster.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const schema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      "x-kubernetes-validations": [
        { rule: "self.min <= self.size", message: "min must not be above size" },
        { rule: "!has(oldSelf.zone) || has(self.zone)", message: "zone cannot be removed" },
      ],
      properties: {
        size: { type: "integer", minimum: 1, maximum: 10 },
        min: { type: "integer", default: 1 },
        color: { type: "string", enum: ["red", "green"] },
        address: { type: "string", format: "ipv4" },
        zone: {
          type: "string",
          maxLength: 5,
          "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "zone is immutable" }],
        },
        parts: {
          type: "array",
          maxItems: 2,
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, weight: { type: "integer", default: 5 } },
          },
        },
        any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: {
      type: "object",
      properties: {
        epoch: {
          type: "integer",
          "x-kubernetes-validations": [{ rule: "self >= oldSelf", message: "epoch never falls" }],
        },
        conditions: {
          type: "array",
          items: { type: "object", properties: { type: { type: "string" }, status: { type: "string" } } },
        },
      },
    },
  },
};

const additionalPrinterColumns = [
  { name: "Size", type: "integer", jsonPath: ".spec.size" },
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Color", type: "string", jsonPath: ".spec.color", priority: 1 },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

let cluster: Cluster;
let things: string;

beforeAll(async () => {
  cluster = await Cluster.open();
  things = await cluster.installThings(schema, { additionalPrinterColumns });
}, 30_000);
afterAll(() => cluster.close());

function thing(name: string, spec: JsonObject): JsonObject {
  return { apiVersion: `${cluster.group}/v1`, kind: "Thing", metadata: { name }, spec };
}

async function create(name: string, spec: JsonObject): Promise<Answer> {
  return await cluster.call("POST", things, { body: thing(name, spec) });
}

describe("a CustomResourceDefinition", () => {
  test("is established with its names accepted", async () => {
    const crd = await cluster.expectOk("GET", `${CRDS}/things.${cluster.group}`);
    const conditions = at(crd, "status", "conditions");
    expect(conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "NamesAccepted", status: "True" }),
        expect.objectContaining({ type: "Established", status: "True" }),
      ]),
    );
    expect(at(crd, "status", "acceptedNames")).toMatchObject({ kind: "Thing", listKind: "ThingList" });
    expect(at(crd, "status", "storedVersions")).toEqual(["v1"]);
  });

  test.each([
    ["a name that is not plural.group", { name: "wrong" }, "metadata.name"],
    [
      "no schema",
      { versions: [{ name: "v1", served: true, storage: true }] },
      "spec.versions[0].schema.openAPIV3Schema",
    ],
  ])("with %s is refused", async (_what, change, field) => {
    const { name, ...spec } = { name: `others.${cluster.group}`, ...change };
    const names = { kind: "Other", plural: "others" };
    const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }];
    const kind = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
    const body = {
      ...kind,
      metadata: { name },
      spec: { group: cluster.group, scope: "Namespaced", names, versions, ...spec },
    };
    const answer = await cluster.call("POST", CRDS, { body });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(field);
  });
});

describe("custom resources", () => {
  test("get their defaults, in lists too", async () => {
    const made = await create("defaults", { size: 3, parts: [{ name: "a" }, { name: "b", weight: 1 }] });
    const parts = [
      { name: "a", weight: 5 },
      { name: "b", weight: 1 },
    ];
    expect(made.body["spec"]).toEqual({ size: 3, min: 1, parts });
  });

  test("lose unknown fields, except where they are preserved", async () => {
    const made = await create("pruned", { size: 1, typo: 1, any: { x: { y: 1 } } });
    expect(made.body["spec"]).toEqual({ size: 1, min: 1, any: { x: { y: 1 } } });
  });

  test.each<[string, JsonObject, string, string, RegExp]>([
    ["a missing field", {}, "spec.size", "FieldValueRequired", /Required value/],
    ["a value above the maximum", { size: 11 }, "spec.size", "FieldValueInvalid", /less than or equal to 10/],
    ["a wrong type", { size: "3" }, "spec.size", "FieldValueTypeInvalid", /must be of type integer: "string"/],
    ["a value outside the enum", { size: 1, color: "blue" }, "spec.color", "FieldValueNotSupported", /"red", "green"/],
    ["a malformed address", { size: 1, address: "10.0.0" }, "spec.address", "FieldValueTypeInvalid", /ipv4/],
    ["a text that is too long", { size: 1, zone: "abcdef" }, "spec.zone", "FieldValueTooLong", /Too long/],
    ["a broken rule", { size: 1, min: 2 }, "spec", "FieldValueInvalid", /min must not be above size/],
    [
      "too many items",
      { size: 1, parts: [{ name: "a" }, { name: "b" }, { name: "c" }] },
      "spec.parts",
      "FieldValueTooMany",
      /Too many/,
    ],
    [
      "a repeated key",
      { size: 1, parts: [{ name: "a" }, { name: "a" }] },
      "spec.parts[1]",
      "FieldValueDuplicate",
      /Duplicate value/,
    ],
  ])("with %s are Invalid", async (_what, spec, field, reason, message) => {
    const { status, body } = await create("invalid", spec);
    expect(status).toBe(422);
    expect(body).toMatchObject({ kind: "Status", reason: "Invalid", details: { name: "invalid", kind: "Thing" } });
    const causes = at(body, "details", "causes");
    expect(causes).toContainEqual(expect.objectContaining({ field, reason, message: expect.stringMatching(message) }));
    expect(body["message"]).toContain(`Thing.${cluster.group} "invalid" is invalid: `);
  });

  test("keep to transition rules", async () => {
    const made = await create("moving", { size: 1, zone: "a" });
    const put = async (spec: JsonObject): Promise<Answer> =>
      cluster.call("PUT", `${things}/moving`, { body: { ...made.body, spec } });
    expect((await put({ size: 1, zone: "b" })).text).toContain("zone is immutable");
    expect((await put({ size: 1 })).text).toContain("zone cannot be removed");
    expect((await put({ size: 2, zone: "a" })).status).toBe(200);
  });

  test("keep to transition rules of status", async () => {
    await create("epoch", { size: 1 });
    const patch = async (epoch: number): Promise<Answer> =>
      cluster.call("PATCH", `${things}/epoch/status`, {
        body: { status: { epoch } },
        contentType: "application/merge-patch+json",
      });
    expect((await patch(2)).status).toBe(200);
    expect((await patch(1)).text).toContain("epoch never falls");
  });
});

describe("a table", () => {
  test("has the columns of the definition and a row per object", async () => {
    await create("row", { size: 7, color: "red" });
    const conditions = [
      { type: "Other", status: "False" },
      { type: "Ready", status: "True" },
    ];
    const patch = { body: { status: { conditions } }, contentType: "application/merge-patch+json" };
    await cluster.expectOk("PATCH", `${things}/row/status`, patch);
    const table = await cluster.expectOk("GET", `${things}?fieldSelector=metadata.name%3Drow`, { accept: TABLE });
    const columns = (table["columnDefinitions"] as JsonObject[]).map((column) => [column["name"], column["priority"]]);
    expect(columns).toEqual([
      ["Name", 0],
      ["Size", 0],
      ["Ready", 0],
      ["Color", 1],
      ["Age", 0],
    ]);
    const [row] = table["rows"] as JsonObject[];
    expect(row?.["cells"]).toEqual(["row", 7, "True", "red", expect.stringMatching(/^\d+s$/)]);
    expect(at(row, "object", "kind")).toBe("PartialObjectMetadata");
  });
});

describe("discovery", () => {
  test("names the kind in the old form, the aggregated form and OpenAPI", async () => {
    const old = await cluster.expectOk("GET", `/apis/${cluster.group}/v1`);
    expect(old["resources"]).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: "things",
          kind: "Thing",
          namespaced: true,
          shortNames: ["th"],
          categories: ["all"],
        }),
        expect.objectContaining({ name: "things/status", verbs: ["get", "patch", "update"] }),
      ]),
    );
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const all = await cluster.call("GET", "/apis", { accept });
    expect(all.contentType).toContain("as=APIGroupDiscoveryList");
    const groups = all.body["items"] as JsonObject[];
    expect(groups.some((group) => at(group, "metadata", "name") === cluster.group)).toBe(true);
    const index = await cluster.expectOk("GET", "/openapi/v3");
    const url = at(index, "paths", `apis/${cluster.group}/v1`, "serverRelativeURL");
    const document = await cluster.expectOk("GET", String(url));
    const schemas = Object.values(
      isJsonObject(at(document, "components", "schemas")) ? (at(document, "components", "schemas") as JsonObject) : {},
    );
    const kind = { group: cluster.group, version: "v1", kind: "Thing" };
    expect(schemas).toContainEqual(expect.objectContaining({ "x-kubernetes-group-version-kind": [kind] }));
  });
});
