/** What both kinds of records say and how often they try, wherever the record lies. */
import { parseDurationMs } from "../../lib/duration.ts";
import type { DnsObject } from "./seen.ts";

export const DNS_WORDING = {
  beingWritten: "the record is being written",
  notWritten: "the record is not written yet",
  beingVerified: "the record is being verified",
  whileStopped: ({ spec }: DnsObject): string =>
    spec.whenStopped === "Delete"
      ? "a record of ours is deleted"
      : "the record stays as it is: clients may still reach the last address",
  oneWrite: "record",
  passed: (): undefined => undefined,
} as const;

export function dnsWriteRetry({ spec }: DnsObject): { readonly intervalMs: number; readonly attempts: number } {
  return { intervalMs: parseDurationMs(spec.write.retryInterval) ?? 2_000, attempts: spec.write.attempts };
}
