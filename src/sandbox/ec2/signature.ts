/**
 * Signature Version 4 as the server checks it (IAM user guide, "Create a signed AWS API request"): known access key,
 * right service, and the signature over exactly what arrived. The clock is not checked: the sandbox may freeze it.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Allowance } from "../policy.ts";
import { Ec2Error } from "./ports.ts";

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

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/;

/** Who signed the request; AuthFailure (401) when the key is unknown or the signature is not the key's. */
export function verifySignature(request: SignedRequest, keys: readonly AccessKey[]): SignedBy {
  const authorization = headerText(request, "authorization");
  if (authorization === "") {
    throw new Ec2Error("MissingAuthenticationToken", "The request must contain a valid AWS access key ID", 403);
  }
  const match = AUTHORIZATION.exec(authorization);
  if (match === null)
    throw new Ec2Error("AuthFailure", "Authorization header or parameters are not formatted correctly.", 401);
  const [, accessKeyId = "", date = "", region = "", service = "", signedHeaders = "", signature = ""] = match;
  const key = keys.find((candidate) => candidate.accessKeyId === accessKeyId);
  if (key === undefined || service !== "ec2") throw authFailure();
  const scope = `${date}/${region}/${service}/aws4_request`;
  const canonical = canonicalRequest(request, signedHeaders.split(";"));
  const toSign = ["AWS4-HMAC-SHA256", headerText(request, "x-amz-date"), scope, sha256(canonical)].join("\n");
  const signingKey = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${key.secretAccessKey}`,
  );
  if (!timingSafeEqual(hmac(signingKey, toSign), Buffer.from(signature, "hex"))) throw authFailure();
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

function authFailure(): Ec2Error {
  return new Ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
