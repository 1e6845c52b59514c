/**
 * Our engine against answers recorded from the validation code of a real API server
 * (test/golden/validation/README.md says how).
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFINITIONS } from "../../src/api/definitions.ts";
import { rootSchema } from "../../src/api/kind-definition.ts";
import type { KindName } from "../../src/api/kinds.ts";
import { causeOf, type StatusCause } from "../../src/api/problem.ts";
import { compileSchema, type CompiledSchema } from "../../src/api/schema-validation.ts";

interface RecordedCase {
  readonly name: string;
  readonly object: { readonly kind: KindName };
  readonly old?: object;
  readonly causes: readonly StatusCause[];
}

const path = new URL("../golden/validation/cases.json", import.meta.url);
const cases = JSON.parse(readFileSync(path, "utf8")) as RecordedCase[];
const compiled = new Map<KindName, CompiledSchema>();

function causesOf({ object, old }: RecordedCase): StatusCause[] {
  const schema = compiled.get(object.kind) ?? compileSchema(rootSchema(DEFINITIONS[object.kind]));
  compiled.set(object.kind, schema);
  const before = old === undefined ? undefined : schema.applyDefaults(old);
  return schema.validate(schema.applyDefaults(object), before).map(causeOf);
}

/** Reasons after which the API server does not look at rules at all; we look at those that can still be evaluated. */
const BLOCKING: ReadonlySet<string> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

const texts = (causes: readonly StatusCause[]): string[] =>
  causes.map(({ field, reason, message }) => `${field}: ${reason}: ${message}`).sort();

describe("validation answers as a real API server", () => {
  it("has cases of both answers", () => {
    expect(cases.filter(({ causes }) => causes.length === 0).length).toBeGreaterThan(20);
    expect(cases.filter(({ causes }) => causes.length > 0).length).toBeGreaterThan(50);
  });

  it.each(cases.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    const ours = texts(causesOf(one));
    // A rule that fails over a value which is known to be malformed says nothing new; we leave it out.
    const theirs = texts(one.causes.filter(({ message }) => !message.includes(" evaluating rule: ")));
    if (one.causes.some(({ reason }) => BLOCKING.has(reason))) expect(ours).toEqual(expect.arrayContaining(theirs));
    else expect(ours).toEqual(theirs);
  });
});
