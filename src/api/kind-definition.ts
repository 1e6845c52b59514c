/**
 * What a kind's file says about the kind: everything a CustomResourceDefinition, the static types and the reference
 * pages are printed from.
 */
import type { Kind } from "./kinds.ts";
import type { Schema, ValidationRule } from "./schema.ts";

export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "date" | "boolean" | "number";
  readonly jsonPath: string;
  readonly description: string;
  /** 0 (omitted): shown always; 1: with `-o wide`. */
  readonly priority?: 0 | 1;
}

export interface KindDefinition {
  readonly kind: Kind;
  readonly description: string;
  readonly spec: Schema;
  readonly status: Schema;
  /** Rules at the root: name length, transitions that involve status. */
  readonly rules: readonly ValidationRule[];
  readonly printerColumns: readonly PrinterColumn[];
}

/** The schema of a whole object of the kind. */
export function rootSchema(definition: KindDefinition): Schema {
  return {
    type: "object",
    description: definition.description,
    required: ["spec"],
    properties: {
      apiVersion: {
        type: "string",
        description: "Version of the API that this object is written in.",
      },
      kind: { type: "string", description: "Kind of this object." },
      metadata: { type: "object" },
      spec: definition.spec,
      status: definition.status,
    },
    "x-kubernetes-validations": definition.rules,
  };
}
