/**
 * What the SDK throws, as `CloudError`. Codes of the EC2 API reference ("Error codes for the Amazon EC2 API"), of the
 * Route 53 API reference ("Errors" of each action, "Common errors") and of Node's sockets; everything unknown below 500
 * is an `InvalidRequest`, everything else a `CallFailed`.
 */
import { messageOf } from "../../lib/errors.ts";
import { CloudError } from "../errors.ts";
import type { CloudErrorCode } from "../errors.ts";

/** The part of an SDK exception that is read; every field may be missing. */
interface Thrown {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const BY_PROVIDER_CODE: Readonly<Record<string, CloudErrorCode>> = {
  UnauthorizedOperation: "NotAuthorized",
  AccessDenied: "NotAuthorized",
  AccessDeniedException: "NotAuthorized",
  Blocked: "NotAuthorized",
  OptInRequired: "CredentialsRejected",
  AuthFailure: "CredentialsRejected",
  ExpiredToken: "CredentialsRejected",
  IncompleteSignature: "CredentialsRejected",
  InvalidClientTokenId: "CredentialsRejected",
  MissingAuthenticationToken: "CredentialsRejected",
  PendingVerification: "CredentialsRejected",
  RequestExpired: "CredentialsRejected",
  SignatureDoesNotMatch: "CredentialsRejected",
  UnrecognizedClientException: "CredentialsRejected",
  RequestLimitExceeded: "Throttled",
  RequestThrottled: "Throttled",
  Throttling: "Throttled",
  ThrottlingException: "Throttled",
  PriorRequestNotComplete: "Throttled",
  EC2ThrottledException: "Throttled",
  NoSuchHostedZone: "NotFound",
  NoSuchChange: "NotFound",
  CredentialsProviderError: "CredentialsMissing",
  TimeoutError: "CallTimeout",
  AbortError: "CallTimeout",
};

/** The connection was never made: the call was not carried out. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ETIMEDOUT",
]);

/** Cut while waiting: the call may or may not have been carried out. */
const CUT: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** Whatever was thrown, as an object whose fields can be asked for. */
function fieldsOf(thrown: unknown): Thrown {
  return Object(thrown);
}

/** A dry run that is allowed is reported as this error (EC2 API reference, DryRun). */
export function isAllowedDryRun(thrown: unknown): boolean {
  return fieldsOf(thrown).name === "DryRunOperation";
}

/** Whether a read may be sent again at once: a kept-alive connection was closed by the other end. */
export function isCutConnection(thrown: unknown): boolean {
  return CUT.has(String(fieldsOf(thrown).code));
}

/** `service`: as people call it, for the message. */
export function toCloudError(action: string, thrown: unknown, service = "EC2"): CloudError {
  if (thrown instanceof CloudError) return thrown;
  const { name, $metadata } = fieldsOf(thrown);
  const providerCode = typeof name === "string" && name !== "Error" ? { providerCode: name } : {};
  const requestId = $metadata?.requestId === undefined ? {} : { requestId: $metadata.requestId };
  const code = codeOf(fieldsOf(thrown));
  const named = providerCode.providerCode === undefined ? "" : `${providerCode.providerCode}: `;
  return new CloudError(
    { code, action, ...providerCode, ...requestId },
    `${service} ${action} failed: ${named}${messageOf(thrown)}`,
    thrown,
  );
}

function codeOf(thrown: Thrown): CloudErrorCode {
  const name = String(thrown.name);
  const socketCode = String(thrown.code ?? fieldsOf(thrown.cause).code);
  const status = thrown.$metadata?.httpStatusCode;
  if (NOT_CONNECTED.has(socketCode)) return "EndpointUnreachable";
  if (CUT.has(socketCode)) return "CallFailed";
  // The SDK gives "no connection in time" and "no answer in time" the same name; only the first has this text.
  if (name === "TimeoutError" && String(thrown.message).includes("establish a connection"))
    return "EndpointUnreachable";
  const known = BY_PROVIDER_CODE[name];
  if (known !== undefined) return known;
  if (name.endsWith(".NotFound")) return "NotFound";
  if (status === undefined || status >= 500 || status < 400) return "CallFailed";
  if (status === 429) return "Throttled";
  return status === 401 || status === 403 ? "CredentialsRejected" : "InvalidRequest";
}
