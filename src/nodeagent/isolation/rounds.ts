/**
 * When to ask isolation targets and what the answers mean. Pure.
 *
 *   start ─> round ─interval─> round ...      a round asks every target once
 *
 *   target:  unknown ──answer──> reached ──lost `retries` + 1 rounds in a row──> lost ──answer──> reached
 *
 * Invariant: nobody is `Lost` by what could not be asked, and not before every target was lost often enough in a row.
 */
import type { Isolation, IsolationReport } from "../../api/generated/types.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { TargetAnswer } from "./port.ts";

export interface RoundTimings {
  /** From the start of a round to the start of the next, in milliseconds. */
  readonly intervalMs: number;
  /** Deadline of one request, in milliseconds; at most the interval. */
  readonly timeoutMs: number;
  /** Further lost rounds before a target counts as lost. */
  readonly retries: number;
}

export interface TargetState {
  readonly known: "unknown" | "reached" | "lost";
  /** Rounds lost in a row. */
  readonly lostRounds: number;
  /** Why the last request was not answered. */
  readonly message: string | undefined;
}

export interface RoundsState {
  /** Start of the next round on the monotonic clock. */
  readonly nextAtMs: number;
  readonly isRunning: boolean;
  readonly targets: readonly TargetState[];
}

const DEFAULT_INTERVAL_MS = 5_000;
const DEFAULT_TIMEOUT_MS = 2_000;

export function timingsOf(isolation: Isolation): RoundTimings {
  const intervalMs = parseDurationMs(isolation.interval) ?? DEFAULT_INTERVAL_MS;
  const timeoutMs = parseDurationMs(isolation.timeout) ?? DEFAULT_TIMEOUT_MS;
  return { intervalMs, timeoutMs: Math.min(timeoutMs, intervalMs), retries: isolation.retries };
}

/** The first round is due at once. */
export function startRounds(targets: number, nowMs: number): RoundsState {
  const unknown: TargetState = { known: "unknown", lostRounds: 0, message: undefined };
  return { nextAtMs: nowMs, isRunning: false, targets: Array.from({ length: targets }, () => unknown) };
}

export function isRoundDue(state: RoundsState, nowMs: number): boolean {
  return !state.isRunning && state.nextAtMs <= nowMs;
}

export function beginRound(state: RoundsState, timings: RoundTimings, nowMs: number): RoundsState {
  return { ...state, isRunning: true, nextAtMs: nowMs + timings.intervalMs };
}

/** `answers` in the order of the targets. A round that outlasted the interval is followed by the next at once. */
export function endRound(state: RoundsState, timings: RoundTimings, answers: readonly TargetAnswer[]): RoundsState {
  const targets = state.targets.map((target, index) => {
    const answer = answers[index];
    return answer === undefined ? target : afterAnswer(target, answer, timings.retries);
  });
  return { ...state, isRunning: false, targets };
}

function afterAnswer(target: TargetState, answer: TargetAnswer, retries: number): TargetState {
  switch (answer.result) {
    case "reached":
      return { known: "reached", lostRounds: 0, message: undefined };
    case "lost": {
      const lostRounds = target.lostRounds + 1;
      return { known: lostRounds > retries ? "lost" : target.known, lostRounds, message: answer.message };
    }
    case "unreadable":
      // Neither a lost round nor the end of a row of them.
      return { ...target, known: "unknown", message: answer.message };
  }
}

export function verdictOf({ targets }: RoundsState): IsolationReport {
  if (targets.some(({ known }) => known === "reached")) return "Reached";
  return targets.length > 0 && targets.every(({ known }) => known === "lost") ? "Lost" : "NotChecked";
}
