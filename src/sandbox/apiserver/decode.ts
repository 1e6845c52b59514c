/**
 * Reading built-in kinds as a typed server does: wrong types and malformed times are refused with 400, times are brought
 * to their canonical precision. A Lease time without six fractional digits is refused, as clients learn the hard way.
 *
 * Source: k8s.io/apimachinery/pkg/apis/meta/v1 (time.go, micro_time.go).
 */
import { unreachable } from "../../lib/assert.ts";
import { isJsonObject, secondsTime, type ApiMeta, type ApiObject, type JsonObject } from "./json.ts";
import { MICRO_TIME, OBJECT_META } from "./builtin/schemas.ts";
import type { Resource, Schema } from "./resource.ts";
import { badRequest } from "./status-error.ts";

const MICRO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** The object with canonical times and without nulls, which mean absence here; throws 400 when a field has the wrong type. */
export function decodeBuiltin(resource: Resource, object: ApiObject): ApiObject {
  const fail = (why: string): never => {
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`,
    );
  };
  return decode(resource.schema, object, "", fail) as ApiObject;
}

/** Metadata has one form for all kinds; a wrong type in it is refused with 400 before anything looks at it. */
export function decodeMetadata(kind: string, metadata: unknown): ApiMeta {
  const fail = (why: string): never => {
    throw badRequest(`${kind} cannot be handled: ${why}`);
  };
  // The one place where metadata gets its type: the walk has checked every field of it.
  return decode(OBJECT_META, metadata, "metadata", fail) as ApiMeta;
}

type Fail = (why: string) => never;

function decode(schema: Schema | undefined, value: unknown, path: string, fail: Fail): unknown {
  if (schema === undefined || value === null || value === undefined) return value;
  if (!hasType(schema, value)) {
    return fail(`json: cannot unmarshal ${typeName(value)} into field ${path} of type ${schema.type}`);
  }
  if (typeof value === "string") return decodeText(schema, value, fail);
  if (Array.isArray(value)) return value.map((item) => decode(schema.items, item, path, fail));
  if (!isJsonObject(value)) return value;
  const out: JsonObject = {};
  for (const [key, field] of Object.entries(value)) {
    if (field === null && schema["x-kubernetes-preserve-unknown-fields"] !== true) continue;
    const additional = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
    out[key] = decode(schema.properties?.[key] ?? additional, field, path === "" ? key : `${path}.${key}`, fail);
  }
  return out;
}

function decodeText(schema: Schema, value: string, fail: Fail): string {
  if (schema.format === MICRO_TIME && !MICRO.test(value)) {
    const rest = /(\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(value)?.[0] ?? value;
    return fail(
      `parsing time ${quote(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse ${quote(rest)} as ".000000"`,
    );
  }
  if (schema.format !== "date-time") return value;
  if (!RFC3339.test(value) || Number.isNaN(Date.parse(value))) {
    return fail(`parsing time ${quote(value)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
  }
  return secondsTime(Date.parse(value));
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? "array" : isJsonObject(value) ? "object" : typeof value;
}

function hasType(schema: Schema, value: unknown): boolean {
  const { type } = schema;
  switch (type) {
    case "object":
      return isJsonObject(value);
    case "array":
      return Array.isArray(value);
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case undefined:
      return true;
    default:
      return unreachable(type);
  }
}
