/**
 * CredentialValid: whether the certificate with which a cloud is called still works, and for how long. The same for a
 * group's fencing credentials and for an object's own. Pure.
 */

export interface CertificateVerdict {
  readonly status: "True" | "False";
  readonly reason: "Valid" | "ExpiresSoon" | "Expired";
  readonly message: string;
}

const DAY_MS = 86_400_000;
/** Another sentence, and with it an Event, when so many days are left. */
const WARNINGS_DAYS = [1, 7, 30];

/** `field`: where the credentials are named, e.g. `spec.credentials`. Times in milliseconds since 1970. */
export function certificateVerdict(endsAtMs: number, nowMs: number, field: string): CertificateVerdict {
  const at = new Date(endsAtMs).toISOString();
  const leftMs = endsAtMs - nowMs;
  if (leftMs <= 0) return { status: "False", reason: "Expired", message: `the certificate of ${field} ended at ${at}` };
  const end = `the certificate of ${field} ends at ${at}`;
  const days = WARNINGS_DAYS.find((limit) => leftMs <= limit * DAY_MS);
  if (days === undefined) return { status: "True", reason: "Valid", message: end };
  const message = `${end}, in less than ${days === 1 ? "a day" : `${days} days`}`;
  return { status: "False", reason: "ExpiresSoon", message };
}

/** How long until the verdict may be another one, in ms; undefined: never. */
export function nextCertificateStepMs(endsAtMs: number, nowMs: number): number | undefined {
  const steps = [0, ...WARNINGS_DAYS].map((days) => endsAtMs - days * DAY_MS - nowMs).filter((ms) => ms > 0);
  return steps.length === 0 ? undefined : Math.min(...steps);
}
