/**
 * One thing on the host that can be brought up, read and taken down. Parts do what they are told and say what they
 * found; when and in which order is the group machine's business.
 */
import type { Holding } from "../guard-protocol.ts";
import type { Reading } from "../monitor/schedule.ts";
import type { StepOutcome } from "./group-state.ts";

export interface StepContext {
  /** Aborted when the step should end as soon as it can; its outcome is then a failure. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string>>;
  /** Notes with the guard what it must remove when it cuts hard. False: not allowed, do not bring it up. */
  hold(holding: Holding): Promise<boolean>;
  released(holding: Holding): void;
}

export interface StopContext extends StepContext {
  /** How long the stop may take, in milliseconds. */
  readonly budgetMs: number;
  /** The right is ending: whatever does not stop is killed within the budget. */
  readonly isUrgent: boolean;
  /** Connections to the group's addresses have been cut already. */
  readonly isCut: boolean;
}

export interface LocalPart {
  /** What a start would have to note with the guard, as far as it is known beforehand. Never throws. */
  holdings(): Promise<readonly Holding[]>;
  /** Idempotent. A failure says nothing about what is up: a stop follows. Never throws. */
  start(context: StepContext): Promise<StepOutcome>;
  /** Repeatable. `ok` only when a look afterwards proves it down. Never throws. */
  stop(context: StopContext): Promise<StepOutcome>;
  /** Leaves what is up to itself: nothing of it is ours any more. Never throws. */
  leaveBehind(context: StepContext): Promise<void>;
  /** Reads only. Never throws. */
  check(context: StepContext, timeoutMs: number): Promise<Reading>;
}

export const DONE: StepOutcome = { ok: true };

export function failed(reason: string, message: string): StepOutcome {
  return { ok: false, reason, message };
}

export const GUARD_REFUSED = failed("ActivationFailed", "the guard of this node does not allow it now");
