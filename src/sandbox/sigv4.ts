/**
 * Signature Version 4 as the server checks it (IAM user guide, "Create a signed AWS API request"): known access key,
 * right service, and the signature over exactly what arrived. The clock is not checked: the sandbox may freeze it.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Allowance } from "./policy.ts";

/** A key and what it may do. */
export interface AccessKey extends Allowance {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface SignedBy {
  readonly key: AccessKey;
  readonly region: string;
}

export type SignatureFault = "Missing" | "Malformed" | "UnknownKey" | "Wrong";

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/;

/** Who signed the request for `service`, or why nobody did; each service has errors of its own for that. */
export function signerOf(
  request: SignedRequest,
  keys: readonly AccessKey[],
  service: string,
): SignedBy | SignatureFault {
  const authorization = headerText(request, "authorization");
  if (authorization === "") return "Missing";
  const match = AUTHORIZATION.exec(authorization);
  if (match === null) return "Malformed";
  const [, accessKeyId = "", date = "", region = "", signedService = "", signedHeaders = "", signature = ""] = match;
  const key = keys.find((candidate) => candidate.accessKeyId === accessKeyId);
  if (key === undefined || signedService !== service) return "UnknownKey";
  const scope = `${date}/${region}/${service}/aws4_request`;
  const canonical = canonicalRequest(request, signedHeaders.split(";"));
  const toSign = ["AWS4-HMAC-SHA256", headerText(request, "x-amz-date"), scope, sha256(canonical)].join("\n");
  const signingKey = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${key.secretAccessKey}`,
  );
  if (!timingSafeEqual(hmac(signingKey, toSign), Buffer.from(signature, "hex"))) return "Wrong";
  return { key, region };
}

function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[]): string {
  const [path = "/", query = ""] = request.url.split("?");
  const headers = signedHeaders
    .map((name) => `${name}:${headerText(request, name).trim().replace(/\s+/g, " ")}\n`)
    .join("");
  const canonicalQuery = query.split("&").sort().join("&");
  return [request.method, path, canonicalQuery, headers, signedHeaders.join(";"), sha256(request.body)].join("\n");
}

function headerText(request: SignedRequest, name: string): string {
  const value = request.headers[name];
  if (value === undefined) return "";
  return typeof value === "string" ? value : value.join(",");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
