/** When the certificate of a service principal ends. */
import { X509Certificate } from "node:crypto";

/** Milliseconds since 1970 of the first certificate in a PEM; undefined when there is none that can be read. */
export function certificateEndsAtMs(pem: string): number | undefined {
  const [certificate] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(pem) ?? [];
  if (certificate === undefined) return undefined;
  try {
    return new X509Certificate(certificate).validToDate.getTime();
  } catch {
    // Not a certificate: the call that uses it says so.
    return undefined;
  }
}
