/** Ed25519 (RFC 8032) for peers' datagrams: one key pair per life of the guard, its public half in the session Lease. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";

export interface Signer {
  /** SPKI, DER, base64. */
  readonly publicKey: string;
  sign(bytes: Uint8Array): Uint8Array;
}

/** Keeps a signature from meaning anything in another protocol. */
const CONTEXT = Buffer.from("understudy-peer-v1\0");

export function newSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    sign: (bytes) => sign(null, Buffer.concat([CONTEXT, bytes]), privateKey),
  };
}

export interface Verifier {
  /** False also when `publicKey` is no key. */
  verify(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean;
}

const MAX_KEYS = 256;

/** Parsed keys are kept: parsing costs more than verifying. */
export function newVerifier(): Verifier {
  const keys = new Map<string, KeyObject | undefined>();
  return {
    verify: (publicKey, bytes, signature) => {
      if (!keys.has(publicKey)) {
        if (keys.size >= MAX_KEYS) keys.clear();
        keys.set(publicKey, parsedKey(publicKey));
      }
      const key = keys.get(publicKey);
      return key !== undefined && verify(null, Buffer.concat([CONTEXT, bytes]), key, signature);
    },
  };
}

function parsedKey(publicKey: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), type: "spki", format: "der" });
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined; // a Lease may carry anything
  }
}
