/**
 * Refusals of the API server: a `Status` object with a machine-readable reason. Texts follow the real server's, because
 * people and clients (kubectl retries on some of them) read them.
 *
 * Source: k8s.io/apimachinery/pkg/api/errors, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
 */
import type { JsonObject } from "./json.ts";

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  body(): JsonObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

/** What an error names: a resource (`leases`) of a group. */
export interface Named {
  readonly group: string;
  readonly plural: string;
}

function qualified(of: Named): string {
  return of.group === "" ? of.plural : `${of.plural}.${of.group}`;
}

function details(of: Named, name: string): StatusDetails {
  return { name, ...(of.group === "" ? {} : { group: of.group }), kind: of.plural };
}

export function notFound(of: Named, name: string): StatusError {
  return new StatusError(404, "NotFound", `${qualified(of)} "${name}" not found`, details(of, name));
}

/** The URL names nothing the server knows. */
export function noSuchPath(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}

export function alreadyExists(of: Named, name: string): StatusError {
  return new StatusError(409, "AlreadyExists", `${qualified(of)} "${name}" already exists`, details(of, name));
}

export function conflict(of: Named, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, details(of, name));
}

export const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

export function applyConflict(causes: readonly StatusCause[], message: string): StatusError {
  return new StatusError(409, "Conflict", message, { causes });
}

/** `kind` with its group, as `FailoverGroup.understudy.dev`. */
export function invalid(
  of: { group: string; kind: string },
  name: string,
  causes: readonly StatusCause[],
): StatusError {
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const kind = of.group === "" ? of.kind : `${of.kind}.${of.group}`;
  return new StatusError(422, "Invalid", `${kind} "${name}" is invalid: ${list}`, {
    name,
    ...(of.group === "" ? {} : { group: of.group }),
    kind: of.kind,
    causes,
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

export function forbidden(of: Named, name: string, why: string): StatusError {
  return new StatusError(403, "Forbidden", `${qualified(of)} "${name}" is forbidden: ${why}`, details(of, name));
}

export function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}

export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

export function notAcceptable(message: string): StatusError {
  return new StatusError(406, "NotAcceptable", message);
}

export function unsupportedMediaType(message: string): StatusError {
  return new StatusError(415, "UnsupportedMediaType", message);
}

/** The asked resourceVersion is older than the history that is kept. */
export function expired(message: string): StatusError {
  return new StatusError(410, "Expired", message);
}

/** What the real server did not expect to fail: 500 without a reason. */
export function unclassified(message: string): StatusError {
  return new StatusError(500, "", message);
}

export function internalError(message: string): StatusError {
  return new StatusError(500, "InternalError", `Internal error occurred: ${message}`);
}
