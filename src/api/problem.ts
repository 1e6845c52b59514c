/**
 * What validation finds, in one form for both readers: a person (`understudy validate`: path, found, expected) and
 * a Kubernetes client (`status.details.causes`).
 */

/** Reasons of `metav1.StatusCause` that validation of custom resources gives. */
export type CauseReason =
  | "FieldValueRequired"
  | "FieldValueTypeInvalid"
  | "FieldValueNotSupported"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "FieldValueDuplicate"
  | "FieldValueInvalid";

export interface Problem {
  /** As Kubernetes writes it: `spec.resources[0].kind`. Empty: the whole object. */
  readonly path: string;
  /** What stands there, shortened; `nothing` when it is missing. */
  readonly found: string;
  /** What should stand there. */
  readonly expected: string;
  /** The sentence that the API server gives, without path and value. */
  readonly message: string;
  readonly source: "schema" | "cel";
  /** The value as the API server prints it: the type for rules and type errors, the count for lists, JSON otherwise. */
  readonly badValue: string;
  readonly reason: CauseReason;
}

const MAX_FOUND_CHARS = 60;

/** A value for a person: JSON, shortened. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return json.length <= MAX_FOUND_CHARS ? json : `${json.slice(0, MAX_FOUND_CHARS - 3)}...`;
}

/** The name of a value's type in messages of the API server. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

/** One cause of a `Status` with reason `Invalid`. */
export interface StatusCause {
  readonly reason: CauseReason;
  readonly message: string;
  readonly field: string;
}

/** The cause that a real API server would give for `problem` (field.Error of k8s.io/apimachinery). */
export function causeOf(problem: Problem): StatusCause {
  return { reason: problem.reason, message: detailOf(problem), field: problem.path === "" ? "<nil>" : problem.path };
}

function detailOf({ reason, badValue, message }: Problem): string {
  switch (reason) {
    case "FieldValueRequired":
      return "Required value";
    case "FieldValueNotSupported":
      return `Unsupported value: ${badValue}: ${message}`;
    case "FieldValueTooLong":
      return `Too long: ${message}`;
    case "FieldValueTooMany":
      return `Too many: ${badValue}: ${message}`;
    case "FieldValueDuplicate":
      return `Duplicate value: ${badValue}`;
    case "FieldValueTypeInvalid":
    case "FieldValueInvalid":
      return `Invalid value: ${badValue}: ${message}`;
  }
}

/** The message of the `Status`: `AwsVirtualIP.understudy.dev "x" is invalid: spec.address: Required value`. */
export function invalidMessage(kind: string, group: string, name: string, problems: readonly Problem[]): string {
  const details = problems.map(causeOf).map(({ field, message }) => `${field}: ${message}`);
  const list = details.length === 1 ? (details[0] ?? "") : `[${details.join(", ")}]`;
  return `${kind}.${group} "${name}" is invalid: ${list}`;
}
