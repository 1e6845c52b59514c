/** CredentialValid: whether the certificate with which machines are stopped still works, and for how long. Pure. */
import type { WantedCondition } from "../../api/conditions.ts";
import { certificateVerdict } from "../shared/credential-valid.ts";
import { type Draft, tell } from "./draft.ts";
import { fact } from "./plan-ready.ts";
import type { Seen } from "./seen.ts";

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
  const { status, reason, message } = certificateVerdict(endsAtMs, nowMs, "spec.fencing.credentials");
  return fact("CredentialValid", status, reason, message);
}
