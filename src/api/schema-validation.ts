/**
 * One engine for `understudy validate` and for the embedded API server: defaulting, pruning, schema and CEL of a
 * structural schema, compiled once. Both give the same answers because there is no second implementation.
 *
 * Used as: `prune` (unknown fields), `applyDefaults`, then `validate`.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { compileRules, evaluateRules } from "./cel-rules.ts";
import { describeValue, typeName, type CauseReason, type Problem } from "./problem.ts";
import type { Schema } from "./schema.ts";
import { childPath, isJsonMap, listMapKey, pruneUnknown, setDefaults } from "./structural.ts";

export type { Problem } from "./problem.ts";

export interface CompiledSchema {
  /** A copy of `value` with all defaults set. */
  applyDefaults(value: unknown): unknown;
  /** Removes unknown fields from `value`, in place, and gives their paths. */
  prune(value: unknown): string[];
  /** Problems of a defaulted value; `old` is what it replaces, for transition rules. Sorted by path. */
  validate(value: unknown, old?: unknown): Problem[];
}

type AjvSchema = { [key: string]: unknown };

/** Throws when the schema or one of its rules cannot be compiled. `schema` describes a whole object. */
export function compileSchema(schema: Schema): CompiledSchema {
  const validateShape = createAjv().compile(ajvSchema(schema));
  const rules = compileRules(schema);
  return {
    applyDefaults(value) {
      const copy: unknown = structuredClone(value);
      setDefaults(copy, schema);
      return copy;
    },
    prune: (value) => pruneUnknown(value, schema, "", true),
    validate(value, old) {
      const found = [...shapeProblems(validateShape, value), ...duplicates(value, schema, "")];
      const broken = found.map(({ path }) => path);
      const fromRules = rules === undefined ? [] : evaluateRules(rules, value, old, broken);
      return [...found, ...fromRules].sort((a, b) => compareTexts(a.path, b.path));
    },
  };
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };

/** As the API server: leading zeros pass here, so schemas that care need a pattern. */
function isIpv4(text: string): boolean {
  const octets = text.split(".");
  return octets.length === 4 && octets.every((octet) => /^[0-9]{1,3}$/.test(octet) && Number(octet) <= 255);
}

function createAjv(): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, messages: true });
  addFormats.default(ajv, ["date-time", "uuid", "uri", "byte"]);
  ajv.addFormat("int32", {
    type: "number",
    validate: (n) => !Number.isInteger(n) || (n >= INT32.min && n <= INT32.max),
  });
  ajv.addFormat("int64", { type: "number", validate: () => true });
  ajv.addFormat("ipv4", isIpv4);
  ajv.addFormat("double", { type: "number", validate: () => true });
  return ajv;
}

/** JSON Schema of an OpenAPI v3 schema: what differs is null and int-or-string. Defaults are not ajv's business. */
function ajvSchema(schema: Schema): AjvSchema {
  const { properties, items, additionalProperties, default: _default, nullable, ...rest } = schema;
  const converted: AjvSchema = { ...rest };
  if (schema["x-kubernetes-int-or-string"] === true) converted["type"] = ["integer", "string"];
  if (nullable === true && converted["type"] !== undefined) converted["type"] = [converted["type"], "null"].flat();
  if (properties !== undefined) {
    converted["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, sub]) => [name, ajvSchema(sub)]),
    );
  }
  if (items !== undefined) converted["items"] = ajvSchema(items);
  if (typeof additionalProperties === "object") converted["additionalProperties"] = ajvSchema(additionalProperties);
  return converted;
}

function shapeProblems(validateShape: ValidateFunction, value: unknown): Problem[] {
  if (validateShape(value)) return [];
  return (validateShape.errors ?? []).map(problemOf);
}

/** `/spec/resources/0/kind` -> `spec.resources[0].kind`. */
function pathOf(pointer: string): string {
  let path = "";
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    path = /^[0-9]+$/.test(name) ? `${path}[${name}]` : childPath(path, name);
  }
  return path;
}

interface Finding {
  readonly reason: CauseReason;
  readonly expected: string;
  /** Sentence of the API server; omitted: made from `expected`. */
  readonly message?: string;
}

function problemOf(error: ErrorObject): Problem {
  const at = pathOf(error.instancePath);
  const { keyword, params } = error;
  if (keyword === "required") {
    const path = childPath(at, String(params["missingProperty"]));
    return {
      path,
      found: "nothing",
      expected: "a value: the field is required",
      message: "Required value",
      source: "schema",
      badValue: "",
      reason: "FieldValueRequired",
    };
  }
  const finding = findingOf(error, at);
  const found =
    keyword === "maxItems" && Array.isArray(error.data) ? `${error.data.length}` : describeValue(error.data);
  return {
    path: at,
    found,
    expected: finding.expected,
    message: finding.message ?? `${at} in body should be ${finding.expected}`,
    source: "schema",
    badValue: badValueOf(error),
    reason: finding.reason,
  };
}

function badValueOf({ keyword, data }: ErrorObject): string {
  if (keyword === "type") return JSON.stringify(typeName(data));
  if (Array.isArray(data)) return `${data.length}`;
  return JSON.stringify(data);
}

const FORMAT_NAMES: Readonly<Record<string, string>> = {
  ipv4: "an IPv4 address such as 10.1.0.20",
  "date-time": "a time such as 2026-05-01T10:00:00Z",
};

function findingOf({ keyword, params, schema, data }: ErrorObject, at: string): Finding {
  switch (keyword) {
    case "type": {
      const type = Array.isArray(schema) ? schema.join(" or ") : String(schema);
      return {
        reason: "FieldValueTypeInvalid",
        expected: `of type ${type}`,
        message: `${at} in body must be of type ${type}: "${typeName(data)}"`,
      };
    }
    case "enum": {
      const values = (Array.isArray(schema) ? schema : []).map((value) => JSON.stringify(value)).join(", ");
      return { reason: "FieldValueNotSupported", expected: `one of ${values}`, message: `supported values: ${values}` };
    }
    case "maxLength":
      return {
        reason: "FieldValueTooLong",
        expected: `at most ${params["limit"]} characters`,
        message: `may not be more than ${params["limit"]} bytes`,
      };
    case "maxItems":
      return {
        reason: "FieldValueTooMany",
        expected: `at most ${params["limit"]} entries`,
        message: `must have at most ${params["limit"]} items`,
      };
    case "minLength":
      return { reason: "FieldValueInvalid", expected: `at least ${params["limit"]} chars long` };
    case "minItems":
      return {
        reason: "FieldValueInvalid",
        expected: `at least ${params["limit"]} entries`,
        message: `${at} in body should have at least ${params["limit"]} items`,
      };
    case "minimum":
      return { reason: "FieldValueInvalid", expected: `greater than or equal to ${params["limit"]}` };
    case "maximum":
      return { reason: "FieldValueInvalid", expected: `less than or equal to ${params["limit"]}` };
    case "pattern":
      return {
        reason: "FieldValueInvalid",
        expected: `text matching ${schema}`,
        message: `${at} in body should match '${schema}'`,
      };
    case "format":
      return {
        reason: "FieldValueTypeInvalid",
        expected: FORMAT_NAMES[String(schema)] ?? `of format ${schema}`,
        message: `${at} in body must be of type ${schema}: ${describeValue(data)}`,
      };
    default:
      return { reason: "FieldValueInvalid", expected: `valid: ${keyword}` };
  }
}

/** Entries that are there twice, in list maps and sets. */
function duplicates(value: unknown, schema: Schema, path: string): Problem[] {
  if (Array.isArray(value)) {
    const below = value.flatMap((item, index) => duplicates(item, schema.items ?? {}, `${path}[${index}]`));
    return [...repeatedEntries(value, schema, path), ...below];
  }
  if (!isJsonMap(value)) return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, sub]) =>
    duplicates(value[name], sub, childPath(path, name)),
  );
}

function repeatedEntries(value: readonly unknown[], schema: Schema, path: string): Problem[] {
  const listType = schema["x-kubernetes-list-type"];
  if (listType !== "map" && listType !== "set") return [];
  const keys = listType === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [];
  const keyOf = (entry: unknown): string => (listType === "map" ? listMapKey(entry, keys) : JSON.stringify(entry));
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const [index, entry] of value.entries()) {
    const key = keyOf(entry);
    if (seen.has(key)) {
      const names = isJsonMap(entry) ? Object.fromEntries(keys.map((name) => [name, entry[name]])) : entry;
      const expected = keys.length === 0 ? "each entry once" : `each ${keys.join(" and ")} once`;
      problems.push({
        path: `${path}[${index}]`,
        found: describeValue(names),
        expected,
        message: `must not repeat an entry: ${expected}`,
        source: "schema",
        badValue: `${keys.length === 0 ? "" : "map[string]interface {}"}${JSON.stringify(names)}`,
        reason: "FieldValueDuplicate",
      });
    }
    seen.add(key);
  }
  return problems;
}
