/** The keys of a Secret for Azure (API.md 0). */
import type { SecretKeys } from "../../cloud/fencing-ports.ts";

const NAMES = ["tenantId", "clientId", "clientCertificate", "clientSecret"];

/** `tenantId`, `clientId` and `clientCertificate` (PEM with key) or `clientSecret`; an array: what is missing. */
export function azureKeysOf(valueAt: (key: string) => string | undefined): SecretKeys | readonly string[] {
  const keys: SecretKeys = Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = valueAt(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const absent = ["tenantId", "clientId"].filter((name) => keys[name] === undefined);
  const hasProof = keys["clientCertificate"] !== undefined || keys["clientSecret"] !== undefined;
  const missing = hasProof ? absent : [...absent, "clientCertificate or clientSecret"];
  return missing.length === 0 ? keys : missing;
}
