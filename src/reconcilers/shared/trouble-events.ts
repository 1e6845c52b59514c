/** Which changes of a resource's conditions people are told about by Events: trouble that begins or changes. Pure. */
import type { Condition } from "../../api/generated/types.ts";

export interface Trouble {
  readonly reason: string;
  readonly message: string;
}

/** Ready is False on the way to somewhere, or because nobody wants it True. */
const QUIET_REASONS: readonly string[] = ["Inactive", "NotInGroup", "Activating", "Deactivating"];

/** What is bad now and was not, or for another reason; what could not be read is no trouble of the object. */
export function newTroubles(
  before: readonly Condition[] | undefined,
  after: readonly Condition[] | undefined,
): readonly Trouble[] {
  return (after ?? []).flatMap(({ type, status, reason, message }) => {
    const last = before?.find((condition) => condition.type === type);
    const isNews = last?.status !== status || last.reason !== reason;
    return isNews && isTrouble(type, status, reason) ? [{ reason, message }] : [];
  });
}

function isTrouble(type: string, status: Condition["status"], reason: string): boolean {
  if (type === "Stalled") return status === "True";
  if (type === "PreflightOK") return status === "False";
  return type === "Ready" && status === "False" && !QUIET_REASONS.includes(reason);
}
