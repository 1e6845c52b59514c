/**
 * Which commands were started and not proven stopped, for the next life of the worker: a service that another manager
 * runs (systemd) is found by nobody's look at processes, and the API server may be out of reach when it must be stopped.
 *
 * Written before a start, removed after a proven stop. It need not survive a boot: nothing of ours does.
 */
import type { CommandPlan } from "../worker/part-plan.ts";

export interface JournalEntry {
  /** Unique per node: group and part. */
  readonly key: string;
  readonly plan: CommandPlan;
  readonly environment: Readonly<Record<string, string>>;
}

export interface CommandJournal {
  entries(): readonly JournalEntry[];
  /** Replaces an entry of the same key. When it returns, the next life would find it. Throws when it cannot be written. */
  add(entry: JournalEntry): void;
  remove(key: string): void;
}

export function journalKey(environment: Readonly<Record<string, string>>, part: string): string {
  return `${environment["UNDERSTUDY_NAMESPACE"] ?? ""}/${environment["UNDERSTUDY_GROUP"] ?? ""}/${part}`;
}

/** What was read from a journal's file, as far as it makes sense; the rest was not written by this program. */
export function readEntries(value: unknown): JournalEntry[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isEntry);
}

function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== "object" || value === null) return false;
  const { key, plan, environment } = value as Partial<Record<keyof JournalEntry, unknown>>;
  if (typeof key !== "string" || typeof plan !== "object" || plan === null || typeof environment !== "object")
    return false;
  const { kind, stop, start } = plan as Partial<CommandPlan>;
  const isArgv = (words: unknown): boolean => Array.isArray(words) && words.every((word) => typeof word === "string");
  return kind === "command" && isArgv(stop) && isArgv(start);
}
