/**
 * A plan in the making: the status as it should become, and what is to be done. Made and used within one call of
 * `plan`; each concern reads what was seen and edits the draft, in a fixed order.
 */
import { type Instant } from "../../lib/clock.ts";
import { type Holder, holderOf } from "./holder.ts";
import { openMove, type Seen } from "./seen.ts";
import type { Step } from "./steps.ts";
import type { ControllerStatus, HistoryEntry } from "./types.ts";

const MAX_HISTORY = 16;

export interface Draft {
  readonly seen: Seen;
  readonly now: Instant;
  /** Replaced when a person vouches for its end (force-promote). */
  holder: Holder;
  /** The status that the controller wants. */
  readonly status: ControllerStatus;
  /** What must happen before the status is written, in order. */
  readonly before: Step[];
  /** Events and metrics, after the status is written. */
  readonly after: Step[];
  /** Delays in milliseconds; the shortest counts. */
  readonly lookAgainMs: number[];
  /** What keeps the group from being granted, for the conditions. */
  blocked: Blocked | undefined;
  /** A person chose who takes the group; `holder` says why that may be. */
  force: Force | undefined;
  /** Proof is awaited that this member is off. */
  fencing: { readonly node: string; readonly message: string } | undefined;
}

export interface Force {
  readonly choice: { readonly node: string; readonly session: string };
  /** For the history: the request as it was made, and on what it rests. */
  readonly message: string;
  readonly requestedBy?: string;
}

export interface Blocked {
  readonly reason: "NoCandidate" | "Blocked" | "Held" | "Paused";
  readonly stalled?:
    | "FenceUnproven"
    | "AttemptsExhausted"
    | "UncleanStop"
    | "TwoActiveSeen"
    | "NoMemberFound"
    | "ResourceNotFound"
    | "ClaimedElsewhere"
    | "CyclicDependency"
    | "TimingsConflict";
  readonly message: string;
}

export function newDraft(seen: Seen, now: Instant): Draft {
  const { reports: _agents, ...own } = seen.group.status ?? {};
  return {
    seen,
    now,
    holder: holderOf(seen),
    status: { ...own },
    before: [],
    after: [],
    lookAgainMs: [],
    blocked: undefined,
    force: undefined,
    fencing: undefined,
  };
}

export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** Puts `entry` in front; the oldest beyond the limit are forgotten. */
export function addHistory(draft: Draft, entry: HistoryEntry): void {
  draft.status.history = [entry, ...(draft.status.history ?? [])].slice(0, MAX_HISTORY);
}

export function replaceEntry(draft: Draft, old: HistoryEntry, entry: HistoryEntry): void {
  draft.status.history = (draft.status.history ?? []).map((known) => (known === old ? entry : known));
}

/** The move under way did not reach Ready. */
export function closeAsFailed(draft: Draft, why: string): void {
  const open = openMove(draft.status.history);
  if (open === undefined) return;
  const closed: HistoryEntry = {
    ...open,
    finishedAt: isoTime(draft.now.wallMs),
    result: "Failed",
    message: open.message ?? why,
  };
  replaceEntry(draft, open, closed);
  draft.after.push({ do: "CountMove", move: closed });
}

export function tell(draft: Draft, type: "Normal" | "Warning", reason: string, message: string): void {
  draft.after.push({ do: "Tell", type, reason, message });
}

/** Whether failures only lead to reports now: by the spec, by a `pause`, or by the installation. */
export function isPaused(draft: Draft): boolean {
  const { group, settings } = draft.seen;
  return group.spec.failover.mode === "Paused" || settings.isRecoveryPaused || pauseLeftMs(draft) > 0;
}

export function pauseLeftMs(draft: Draft): number {
  const until = draft.status.pausedUntil;
  return until === undefined ? 0 : Math.max(0, Date.parse(until) - draft.now.wallMs);
}

/** Whether the group moves by itself. */
export function movesByItself(draft: Draft): boolean {
  return draft.seen.group.spec.failover.mode === "Automatic" && !isPaused(draft);
}
