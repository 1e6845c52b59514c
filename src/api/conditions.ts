/**
 * Conditions in the Kubernetes and kstatus way. Pure: the caller gives the time.
 *
 * - `lastTransitionTime` changes only when `status` changes.
 * - `Reconciling`, `Stalled` and `Paused` exist only while they are True.
 * - The result holds exactly the conditions that are wanted: what is not named goes away.
 */
import type { Condition } from "./generated/types.ts";
import type { KindName } from "./kinds.ts";
import { remedyOf, type ConditionType, type Reason } from "./reasons.ts";

/** A condition as a plan wants it, before times are known. */
export interface WantedCondition {
  readonly type: string;
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
}

/** kstatus: their absence means that all is well. */
const ONLY_WHILE_TRUE: ReadonlySet<string> = new Set(["Reconciling", "Stalled", "Paused"]);

/** Longest message that the schema admits. */
const MAX_MESSAGE_CHARS = 32_768;

/** A condition of `kind`; the compiler refuses reasons that the table of reasons does not have. */
export function wanted<K extends KindName, C extends ConditionType<K>>(
  _kind: K,
  type: C,
  status: Condition["status"],
  reason: Reason<K, C>,
  message: string,
): WantedCondition {
  return { type, status, reason, message };
}

/** As `wanted`, with the remedy of the table of reasons at the end of the message. */
export function wantedWithRemedy<K extends KindName, C extends ConditionType<K>>(
  kind: K,
  type: C,
  status: Condition["status"],
  reason: Reason<K, C>,
  fact: string,
): WantedCondition {
  const remedy = remedyOf(kind, type, reason);
  const message = remedy === "" ? fact : `${fact.replace(/[.;]?\s*$/, "")}. ${remedy}`;
  return wanted(kind, type, status, reason, message);
}

/** The conditions to write: those of `wantedOnes`, with the transition times that follow from `previous`. */
export function setConditions(
  previous: readonly Condition[] | undefined,
  wantedOnes: readonly WantedCondition[],
  generation: number,
  nowIso: string,
): Condition[] {
  return wantedOnes
    .filter(({ type, status }) => status === "True" || !ONLY_WHILE_TRUE.has(type))
    .map(({ type, status, reason, message }) => {
      const before = previous?.find((condition) => condition.type === type);
      return {
        type,
        status,
        observedGeneration: generation,
        lastTransitionTime: before?.status === status ? before.lastTransitionTime : nowIso,
        reason,
        message: message.slice(0, MAX_MESSAGE_CHARS),
      };
    });
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}
