/** The shape of an entry in the table of reasons. */

export interface ReasonText {
  /** Status of the condition when it has this reason. */
  readonly status: "True" | "False" | "Unknown";
  readonly meaning: string;
  /** What usually leads there. Omitted where there is nothing to find out. */
  readonly cause?: string;
  /** What to do. `Nothing` for states that pass by themselves or are as wanted. */
  readonly remedy: string;
  /** Numbers under which the guides of the products that people come from list the same fault. */
  readonly codes?: readonly string[];
}

/** Reason -> text, per condition type. */
export type ConditionReasons = Readonly<Record<string, Readonly<Record<string, ReasonText>>>>;

export function good(meaning: string): ReasonText {
  return { status: "True", meaning, remedy: "Nothing." };
}

/** On its way: passes by itself. */
export function passing(status: ReasonText["status"], meaning: string): ReasonText {
  return { status, meaning, remedy: "Nothing; it passes by itself. If it does not, see the other conditions." };
}

export function bad(meaning: string, cause: string, remedy: string, ...codes: readonly string[]): ReasonText {
  return { status: "False", meaning, cause, remedy, ...(codes.length === 0 ? {} : { codes }) };
}

export function unknown(meaning: string, cause: string, remedy: string): ReasonText {
  return { status: "Unknown", meaning, cause, remedy };
}

/** Stalled is True when something is wrong. */
export function stalled(meaning: string, cause: string, remedy: string): ReasonText {
  return { status: "True", meaning, cause, remedy };
}
