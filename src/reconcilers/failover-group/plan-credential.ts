/** CredentialValid: whether the certificate with which machines are stopped still works, and for how long. Pure. */
import type { WantedCondition } from "../../api/conditions.ts";
import { type Draft, isoTime, tell } from "./draft.ts";
import { fact } from "./plan-ready.ts";
import type { Seen } from "./seen.ts";

const DAY_MS = 86_400_000;
/** An Event and another sentence when so many days are left. */
const WARNINGS_DAYS = [1, 7, 30];

/** End of the certificate in `fencing.credentials`, in milliseconds since 1970; undefined when there is none. */
export function certificateEnd(seen: Seen): number | undefined {
  return seen.members.find((member) => member.fenceCheck?.certificateEndsAtMs !== undefined)?.fenceCheck
    ?.certificateEndsAtMs;
}

/** Absent without a certificate. */
export function credentialOf(draft: Draft): WantedCondition[] {
  const endsAtMs = certificateEnd(draft.seen);
  if (endsAtMs === undefined) return [];
  const wanted = conditionOf(endsAtMs, draft.now.wallMs);
  const before = draft.seen.group.status?.conditions?.find(({ type }) => type === wanted.type);
  if (wanted.status === "False" && before?.message !== wanted.message)
    tell(draft, "Warning", wanted.reason, wanted.message);
  return [wanted];
}

function conditionOf(endsAtMs: number, nowMs: number): WantedCondition {
  const end = `the certificate of spec.fencing.credentials ends at ${isoTime(endsAtMs)}`;
  const leftMs = endsAtMs - nowMs;
  if (leftMs <= 0) return fact("CredentialValid", "False", "Expired", end.replace("ends", "ended"));
  const days = WARNINGS_DAYS.find((limit) => leftMs <= limit * DAY_MS);
  if (days === undefined) return fact("CredentialValid", "True", "Valid", end);
  return fact(
    "CredentialValid",
    "False",
    "ExpiresSoon",
    `${end}, in less than ${days === 1 ? "a day" : `${days} days`}`,
  );
}
