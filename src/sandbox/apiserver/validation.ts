/**
 * The schema engine of `src/api` as the server uses it: compiled once per schema, problems turned into the causes of a
 * `Status`. The same engine answers `understudy validate`.
 */
import { causeOf } from "../../api/problem.ts";
import { compileSchema, type CompiledSchema } from "../../api/schema-validation.ts";
import { MICRO_TIME } from "./builtin/schemas.ts";
import type { Schema } from "./resource.ts";
import type { StatusCause } from "./status-error.ts";

/** Schemas kept compiled; a server here has some twenty. */
const MAX_COMPILED = 256;

export class Engine {
  readonly #compiled: CompiledSchema;

  constructor(schema: Schema) {
    this.#compiled = compileSchema(publicSchema(schema));
  }

  withDefaults<T>(value: T): T {
    return this.#compiled.applyDefaults(value) as T;
  }

  /** Takes unknown fields out in place; their paths. */
  prune(value: unknown): string[] {
    return this.#compiled.prune(value);
  }

  validate(value: unknown, old: unknown): StatusCause[] {
    return this.#compiled.validate(value, old).map(causeOf);
  }
}

const byObject = new WeakMap<Schema, Engine>();
const byText = new Map<string, Engine>();

/** Throws when the schema or one of its rules does not compile. */
export function engineOf(schema: Schema): Engine {
  const known = byObject.get(schema);
  if (known !== undefined) return known;
  const text = JSON.stringify(schema);
  const engine = byText.get(text) ?? new Engine(schema);
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
