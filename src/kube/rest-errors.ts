/**
 * What an answer of the API server, or its absence, says about a request. The distinction that safety rests on is
 * "nothing was written" against "may have been written": a write whose result is unknown must be resolved by
 * reading back, so every doubt ends in `ResultUnknown`, never in an error that claims nothing happened.
 *
 * Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#http-status-codes
 */
import { KubeError, type KubeErrorDetail } from "./ports.ts";

/** The body of an error answer, as far as we rely on it. */
export interface StatusBody {
  readonly kind: "Status";
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

type RefusedCode = Extract<KubeErrorDetail, { readonly reason: string }>["code"];

const REFUSED_BY_STATUS: Readonly<Record<number, RefusedCode>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  410: "Gone",
  429: "TooManyRequests",
};

/** Longest time that a server's Retry-After is believed, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/** The `Status` object in `text`, or undefined when it is something else (a proxy's page, an empty body). */
export function parseStatusBody(text: string): StatusBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isStatusBody(body) ? body : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

export function isStatusBody(body: unknown): body is StatusBody {
  return typeof body === "object" && body !== null && "kind" in body && body.kind === "Status";
}

/** The error for an answer with status >= 300. `what` names the request: verb, resource, object. */
export function refusal(what: string, status: number, body: StatusBody | undefined, retryAfter?: string): KubeError {
  const reason = body?.reason ?? "";
  const text = `${what}: ${status} ${reason}${body?.message === undefined ? "" : `: ${body.message}`}`;
  if (status >= 500 || status === 408) return new KubeError({ code: "ResultUnknown", status }, text);
  const code = codeOf(status, reason);
  const retryAfterMs = code === "TooManyRequests" ? retryAfterMsOf(body, retryAfter) : undefined;
  return new KubeError({ code, status, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }, text);
}

function codeOf(status: number, reason: string): RefusedCode {
  if (status === 409) return reason === "AlreadyExists" ? "AlreadyExists" : "Conflict";
  return REFUSED_BY_STATUS[status] ?? "Invalid";
}

/** Only the form in seconds: the API server sends no dates. */
function retryAfterMsOf(body: StatusBody | undefined, header: string | undefined): number | undefined {
  const seconds =
    header !== undefined && /^[0-9]{1,9}$/.test(header) ? Number(header) : body?.details?.retryAfterSeconds;
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS);
}
