/**
 * Tiny builders for the structural OpenAPI v3 schemas of a CustomResourceDefinition. A schema is a plain object in
 * exactly the form that Kubernetes reads, plus two keys for the generator of static types (`typeName`, `tsType`),
 * which the CRD printer leaves out.
 *
 * The idea: nothing here knows a kind, and a kind's file reads like the table of its fields.
 * The invariant: every list and string has an upper bound, else the API server cannot bound the cost of CEL rules.
 */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One entry of `x-kubernetes-validations`. */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
}

export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly default?: Json;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
  /** Name of the static type that the generator prints for this schema. */
  readonly typeName?: string;
  /** Static type to print instead of the one that follows from the schema, e.g. a union that CEL enforces. */
  readonly tsType?: string;
}

/** Longest DNS subdomain; the bound of names unless a field says less. */
export const MAX_NAME_CHARS = 253;
/** Bound of texts for people: messages, reasons given in requests. */
export const MAX_MESSAGE_CHARS = 4096;

export function text(description: string, extra: Schema = {}): Schema {
  return { type: "string", description, maxLength: MAX_NAME_CHARS, ...extra };
}

export function message(description: string): Schema {
  return text(description, { maxLength: MAX_MESSAGE_CHARS });
}

/** A point in time; informational: no rule compares two machines' clocks. */
export function time(description: string): Schema {
  return { type: "string", format: "date-time", description, maxLength: 64 };
}

export function integer(description: string, minimum: number, maximum: number, extra: Schema = {}): Schema {
  return { type: "integer", format: "int32", description, minimum, maximum, ...extra };
}

/** Counters that only rise: epochs, generations, byte counts. */
export function counter(description: string, extra: Schema = {}): Schema {
  return { type: "integer", format: "int64", description, minimum: 0, ...extra };
}

export function flag(description: string): Schema {
  return { type: "boolean", description };
}

export function choice(description: string, values: readonly string[], extra: Schema = {}): Schema {
  return { type: "string", description, enum: values, ...extra };
}

export interface ObjectOptions<Name extends string> {
  readonly required?: readonly Name[];
  readonly rules?: readonly ValidationRule[];
  readonly typeName?: string;
  /** Default to `{}`, so that the defaults of the fields apply when the object is omitted. */
  readonly defaulted?: boolean;
}

export function object<P extends Readonly<Record<string, Schema>>>(
  description: string,
  properties: P,
  options: ObjectOptions<keyof P & string> = {},
): Schema {
  return {
    type: "object",
    description,
    ...(options.defaulted === true ? { default: {} } : {}),
    ...(options.required === undefined ? {} : { required: options.required }),
    properties,
    ...(options.rules === undefined ? {} : { "x-kubernetes-validations": options.rules }),
    ...(options.typeName === undefined ? {} : { typeName: options.typeName }),
  };
}

/** A list whose entries are identified by `key`: two writers can own different entries. */
export function listMap(description: string, key: string, maxItems: number, items: Schema, extra: Schema = {}): Schema {
  return {
    type: "array",
    description,
    maxItems,
    items,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": [key],
    ...extra,
  };
}

/** A list with one writer, replaced as a whole. */
export function list(description: string, maxItems: number, items: Schema, extra: Schema = {}): Schema {
  return { type: "array", description, maxItems, items, "x-kubernetes-list-type": "atomic", ...extra };
}

/** Adds rules to a schema, after those it has. */
export function withRules(schema: Schema, ...rules: readonly ValidationRule[]): Schema {
  return { ...schema, "x-kubernetes-validations": [...(schema["x-kubernetes-validations"] ?? []), ...rules] };
}

/** The field cannot change once it is set. An optional field needs `keepsPresence` at its parent as well. */
export function immutable(schema: Schema): Schema {
  return withRules(schema, { rule: "self == oldSelf", message: "cannot be changed after creation" });
}

/** Rule for the parent of optional immutable fields: they can be neither added nor removed later. */
export function keepsPresence(...fields: readonly string[]): readonly ValidationRule[] {
  return fields.map((field) => ({
    rule: `has(self.${field}) == has(oldSelf.${field})`,
    message: `${field} can be neither added nor removed after creation`,
  }));
}
