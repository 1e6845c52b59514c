import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { generatedFiles } from "../../scripts/generate/files.ts";
import { crdOf } from "./crd.ts";
import { DEFINITIONS } from "./definitions.ts";
import { rootSchema } from "./kind-definition.ts";
import { KIND_NAMES, KINDS, agentFieldManager, operationAnnotation } from "./kinds.ts";
import type { Schema } from "./schema.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Field {
  readonly path: string;
  readonly schema: Schema;
}

function fieldsOf(schema: Schema, path: string): Field[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, sub]) => fieldsOf(sub, `${path}.${name}`));
  const items = schema.items === undefined ? [] : fieldsOf(schema.items, `${path}[]`);
  return [{ path, schema }, ...below, ...items];
}

/** Fields whose texts the API server itself bounds or that only it writes. */
const UNBOUNDED: ReadonlySet<string> = new Set(["root.apiVersion", "root.kind"]);

const failing = (fields: readonly Field[], isWrong: (schema: Schema) => boolean): string[] =>
  fields.filter(({ schema }) => isWrong(schema)).map(({ path }) => path);

it("generated files are what npm run generate prints", () => {
  for (const [path, text] of generatedFiles()) {
    expect(existsSync(root + path), path).toBe(true);
    expect(readFileSync(root + path, "utf8") === text, `${path} is up to date`).toBe(true);
  }
});

describe.each(KIND_NAMES)("the schema of %s", (kind) => {
  const fields = fieldsOf(rootSchema(DEFINITIONS[kind]), "root").filter(({ path }) => path !== "root.metadata");

  it("describes every field", () => {
    expect(failing(fields, ({ description }) => description === undefined || !description.endsWith("."))).toEqual([]);
  });

  it("bounds every list and text, so that the cost of rules is bounded", () => {
    const unbounded = failing(fields, ({ type, maxItems, maxLength, enum: values }) =>
      type === "array" ? maxItems === undefined : type === "string" && maxLength === undefined && values === undefined,
    );
    expect(unbounded.filter((path) => !UNBOUNDED.has(path))).toEqual([]);
  });

  it("says of every list how writers share it, and requires the keys of list maps", () => {
    expect(
      failing(fields, (schema) => schema.type === "array" && schema["x-kubernetes-list-type"] === undefined),
    ).toEqual([]);
    const keysMissing = failing(fields, (schema) =>
      (schema["x-kubernetes-list-map-keys"] ?? []).some((key) => schema.items?.required?.includes(key) !== true),
    );
    expect(keysMissing).toEqual([]);
  });

  it("requires only fields that exist, and gives no default to a required one", () => {
    const wrong = failing(fields, ({ required = [], properties = {} }) =>
      required.some((name) => properties[name] === undefined || properties[name].default !== undefined),
    );
    expect(wrong).toEqual([]);
  });

  it("has rules in the core of CEL only", () => {
    const rules = fields.flatMap(({ schema }) => schema["x-kubernetes-validations"] ?? []);
    expect(rules.length).toBeGreaterThan(0);
    const functions = rules.flatMap(({ rule }) => [...rule.matchAll(/\b([a-zA-Z_]+)\(/g)].map(([, name]) => name));
    const core = ["has", "size", "all", "exists", "exists_one", "matches", "duration", "in"];
    expect(functions.filter((name) => !core.includes(name ?? ""))).toEqual([]);
  });

  it("is served with status, categories and columns, and without the generator's own keys", () => {
    const crd = crdOf(DEFINITIONS[kind]);
    expect(crd.metadata.name).toBe(`${KINDS[kind].plural}.understudy.dev`);
    expect(crd.spec).toMatchObject({ scope: "Namespaced", names: { kind, categories: ["all", "understudy"] } });
    expect(JSON.stringify(crd)).not.toMatch(/typeName|tsType/);
  });
});

describe("names", () => {
  it("of field managers fit into 128 characters", () => {
    expect(agentFieldManager("node1")).toBe("understudy-agent.node1");
    const long = agentFieldManager("n".repeat(253));
    expect(long).toMatch(/^understudy-agent\.[0-9a-f]{64}$/);
    expect(agentFieldManager("n".repeat(252))).not.toBe(long);
  });

  it("of operations carry the group", () => {
    expect(operationAnnotation("move-to")).toBe("understudy.dev/move-to");
  });
});
