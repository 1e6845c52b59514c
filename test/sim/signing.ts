/** Signatures that only look like some: who signs is what counts here, and real ones would take most of the time. */
import type { Signer, Verifier } from "../../src/nodeagent/heartbeat/signing.ts";

/** Length of an Ed25519 signature, which the datagrams' form expects. */
const SIGNATURE_BYTES = 64;

export function plainSigner(name: string): Signer {
  const publicKey = Buffer.from(name).toString("base64");
  return { publicKey, sign: () => signatureOf(publicKey) };
}

export const plainVerifier: Verifier = {
  verify: (publicKey, _bytes, signature) => Buffer.from(signature).equals(Buffer.from(signatureOf(publicKey))),
};

function signatureOf(publicKey: string): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  Buffer.from(publicKey).copy(signature, 0, 0, SIGNATURE_BYTES);
  return signature;
}
