/**
 * From what the Azure SDK throws to `CloudError`. Sources: Azure Resource Manager's error codes ("Common errors"), the
 * status codes of its API, and the error names of the identity library. What is not certainly an answer proves nothing.
 */
import { messageOf } from "../../lib/errors.ts";
import { CloudError, type CloudErrorCode } from "../errors.ts";

/** The part of an SDK exception that is read; every field may be missing. */
interface Thrown {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly statusCode?: unknown;
  readonly details?: { readonly error?: { readonly code?: unknown } };
  readonly response?: { readonly headers?: { get?: (name: string) => string | undefined } };
}

const NOT_CONNECTED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ETIMEDOUT",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

const BY_STATUS: Readonly<Record<number, CloudErrorCode>> = {
  401: "CredentialsRejected",
  403: "NotAuthorized",
  404: "NotFound",
  408: "CallFailed",
  // Another operation on the same machine is under way, or the state does not allow this one: it may pass.
  409: "CallFailed",
  412: "CallFailed",
  429: "Throttled",
};

/** Cut while waiting: the call may or may not have been carried out. */
const CUT: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

/** OAuth 2.0 error codes (RFC 6749, 5.2) that say no to the client itself. */
const REFUSED_CLIENT = /^(invalid_client|unauthorized_client|invalid_grant|invalid_request|invalid_scope)\b/;

/** Whether a read may be sent again at once: a kept-alive connection was closed by the other end. */
export function isCutConnection(thrown: unknown): boolean {
  return socketCodesOf(Object(thrown)).some((code) => CUT.has(code));
}

export function toCloudError(action: string, thrown: unknown): CloudError {
  if (thrown instanceof CloudError) return thrown;
  const fields: Thrown = Object(thrown);
  const provider = fields.details?.error?.code ?? fields.code;
  const requestId = fields.response?.headers?.get?.("x-ms-request-id");
  const detail = {
    code: codeOf(fields),
    action,
    ...(typeof provider === "string" ? { providerCode: provider } : {}),
    ...(requestId === undefined ? {} : { requestId }),
  };
  const [text = ""] = messageOf(thrown).split("\n");
  const named = typeof provider === "string" && !text.includes(provider) ? `${provider}: ` : "";
  return new CloudError(detail, `Azure ${action} failed: ${named}${text}`, thrown);
}

function codeOf(fields: Thrown): CloudErrorCode {
  const name = String(fields.name);
  if (name === "AbortError") return "CallTimeout";
  const socketCodes = socketCodesOf(fields);
  if (socketCodes.some((code) => NOT_CONNECTED.has(code))) return "EndpointUnreachable";
  const status = Number(fields.statusCode);
  if (name === "CredentialUnavailableError") return "CredentialsMissing";
  if (name === "AuthenticationError") return status >= 400 && status < 500 ? "CredentialsRejected" : "CallFailed";
  if (name === "AuthenticationRequiredError")
    return REFUSED_CLIENT.test(String(fields.message)) ? "CredentialsRejected" : "CallFailed";
  if (!Number.isInteger(status) || status >= 500 || status < 400) return "CallFailed";
  return BY_STATUS[status] ?? "InvalidRequest";
}

/** Codes along the chain of causes; the SDK wraps a socket's error. */
function socketCodesOf(fields: Thrown): string[] {
  const codes: string[] = [];
  let next: Thrown | undefined = fields;
  for (let depth = 0; depth < 5 && next !== undefined; depth++) {
    codes.push(String(next.code));
    next = next.cause === undefined ? undefined : Object(next.cause);
  }
  return codes;
}
