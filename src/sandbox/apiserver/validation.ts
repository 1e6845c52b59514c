/**
 * The schema engine of `src/api` as the server uses it: compiled once per schema, problems turned into the causes of a
 * `Status`. The same engine answers `understudy validate`.
 */
import { causeOf } from "../../api/problem.ts";
import { compileSchema, type CompiledSchema } from "../../api/schema-validation.ts";
import { pruneUnknown, setDefaults } from "../../api/structural.ts";
import { schemaUnder } from "./apply/field-set.ts";
import { MICRO_TIME, OBJECT_META } from "./builtin/schemas.ts";
import { cloneJson, isJsonObject } from "./json.ts";
import type { Resource, Schema } from "./resource.ts";
import type { StatusCause } from "./status-error.ts";

/** Schemas kept compiled; a server here has some twenty. */
const MAX_COMPILED = 256;

export interface Engine {
  /** A copy with all defaults set. */
  withDefaults<T>(value: T): T;
  /** Takes unknown fields out in place; their paths. */
  prune(value: unknown): string[];
  validate(value: unknown, old: unknown): StatusCause[];
}

function compiled(schema: Schema): Engine {
  const engine: CompiledSchema = compileSchema(publicSchema(schema));
  return {
    withDefaults: <T>(value: T): T => engine.applyDefaults(value) as T,
    prune: (value) => [...pruneMetadata(value), ...engine.prune(value)],
    validate: (value, old) => engine.validate(value, old).map(causeOf),
  };
}

/** Built-in kinds are checked by the decoder and by rules of their own; compiling their schemas would cost start-up. */
export function builtinEngine(schema: Schema): Engine {
  return {
    withDefaults: <T>(value: T): T => {
      const copy = cloneJson(value);
      setDefaults(copy, schema);
      return copy;
    },
    prune: (value) => [...pruneMetadata(value), ...pruneUnknown(value, schema, "", true)],
    validate: () => [],
  };
}

/**
 * Fields that are null where the schema allows none. In a request such nulls mean absence, but those that an apply leaves
 * behind when it empties a container are refused, as the real server does.
 */
export function forbiddenNulls(schema: Schema | undefined, value: unknown, path = ""): StatusCause[] {
  if (schema === undefined) return [];
  if (value === null && schema.nullable !== true && schema.type !== undefined && schema.default === undefined) {
    const message = `Invalid value: "null": ${path} in body must be of type ${schema.type}: "null"`;
    return [{ reason: "FieldValueTypeInvalid", message, field: path }];
  }
  if (Array.isArray(value))
    return value.flatMap((item, index) => forbiddenNulls(schema.items, item, `${path}[${index}]`));
  if (!isJsonObject(value)) return [];
  const fields = Object.entries(value).filter(([key]) => path !== "" || key !== "metadata");
  return fields.flatMap(([key, field]) =>
    forbiddenNulls(schemaUnder(schema, `f:${key}`), field, path === "" ? key : `${path}.${key}`),
  );
}

/** Schemas of kinds say nothing about metadata. */
function pruneMetadata(value: unknown): string[] {
  return isJsonObject(value) ? pruneUnknown(value["metadata"], OBJECT_META, "metadata", false) : [];
}

const byObject = new WeakMap<Schema, Engine>();
const byText = new Map<string, Engine>();

export function engineOf(resource: Resource): Engine {
  return resource.custom ? customEngine(resource.schema) : builtinEngine(resource.schema);
}

/** Throws when the schema or one of its rules does not compile. */
export function customEngine(schema: Schema): Engine {
  const known = byObject.get(schema);
  if (known !== undefined) return known;
  const text = JSON.stringify(schema);
  const engine = byText.get(text) ?? compiled(schema);
  if (byText.size >= MAX_COMPILED) byText.clear();
  byText.set(text, engine);
  byObject.set(schema, engine);
  return engine;
}

/** The schema in standard terms: a micro-time is a date-time to everyone but the decoder. */
export function publicSchema(schema: Schema): Schema {
  const { properties, items, additionalProperties, format, ...rest } = schema;
  return {
    ...rest,
    ...(format === undefined ? {} : { format: format === MICRO_TIME ? "date-time" : format }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([key, field]) => [key, publicSchema(field)])),
        }),
    ...(items === undefined ? {} : { items: publicSchema(items) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "boolean" ? additionalProperties : publicSchema(additionalProperties),
        }),
  };
}
