/**
 * Self-signed certificates, made at start and kept in memory: X.509 v3 (RFC 5280), for a loopback endpoint ECDSA P-256 with
 * SHA-256 (RFC 5758), for a service principal RSA (RFC 8017), which is what the client assertions of Microsoft Entra ID are
 * signed with. Only for the virtual cloud: clients are told to trust exactly this one.
 */
import { generateKeyPairSync, type KeyPairKeyObjectResult, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

export interface SelfSigned {
  /** PEM. */
  readonly key: string;
  /** PEM; also what a client has to trust. */
  readonly cert: string;
}

/** Object identifiers, encoded. */
const ECDSA_WITH_SHA256 = Buffer.from("2a8648ce3d040302", "hex");
const RSA_WITH_SHA256 = Buffer.from("2a864886f70d01010b", "hex");
const COMMON_NAME = Buffer.from("550403", "hex");
const SUBJECT_ALT_NAME = Buffer.from("551d11", "hex");
const BASIC_CONSTRAINTS = Buffer.from("551d13", "hex");

const SEQUENCE = 0x30;
const DAY_MS = 86_400_000;

/** Good from yesterday for a year, as the machine's clock says it. */
export function selfSigned(host: string, nowMs: number): SelfSigned {
  const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return certified(pair, der(SEQUENCE, der(0x06, ECDSA_WITH_SHA256)), host, nowMs);
}

/** Of a service principal named `name`; good as long as the other. */
export function principalCertificate(name: string, nowMs: number): SelfSigned {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const noParameters = der(0x05);
  return certified(pair, der(SEQUENCE, der(0x06, RSA_WITH_SHA256), noParameters), name, nowMs);
}

function certified(
  { publicKey, privateKey }: KeyPairKeyObjectResult,
  algorithm: Buffer,
  host: string,
  nowMs: number,
): SelfSigned {
  const name = der(SEQUENCE, der(0x31, der(SEQUENCE, der(0x06, COMMON_NAME), der(0x0c, Buffer.from("virtual cloud")))));
  const toBeSigned = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    der(SEQUENCE, time(nowMs - DAY_MS), time(nowMs + 365 * DAY_MS)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(SEQUENCE, extension(SUBJECT_ALT_NAME, altNames(host)), extension(BASIC_CONSTRAINTS, IS_AUTHORITY))),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(0x03, Buffer.from([0]), signature));
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert: pem("CERTIFICATE", certificate) };
}

const IS_AUTHORITY = der(SEQUENCE, der(0x01, Buffer.from([0xff])));

function altNames(host: string): Buffer {
  const address = Buffer.from(host.split(".").map(Number));
  return der(SEQUENCE, isIPv4(host) ? der(0x87, address) : der(0x82, Buffer.from(host)));
}

function extension(id: Buffer, value: Buffer): Buffer {
  return der(SEQUENCE, der(0x06, id), der(0x04, value));
}

/** GeneralizedTime would only be needed from 2050. */
function time(ms: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14)}Z`));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
