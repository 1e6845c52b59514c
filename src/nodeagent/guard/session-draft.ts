/** What the session machine is told, what it asks for, and the one way to change its state. */
import type { Lease, NodeFacts } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import type { Instant } from "../../lib/clock.ts";
import type { TakeDownCause } from "../guard-protocol.ts";
import type { SessionState } from "./session-state.ts";

/** How a request to the API server ended. */
export type Answer =
  | { readonly kind: "read"; readonly lease: Lease | undefined }
  | { readonly kind: "written"; readonly lease: Lease }
  /** Refused because the Lease is not what the write expected: surely not written. */
  | { readonly kind: "conflict" }
  /** Surely not written, or not read. */
  | { readonly kind: "notDone" }
  /** A write that may have been, or may yet be, carried out. */
  | { readonly kind: "unknown" };

export type SessionEvent =
  | { readonly type: "started" }
  | { readonly type: "tick" }
  | { readonly type: "answered"; readonly requestId: number; readonly answer: Answer }
  /** Something may be active from now on (told before it is), or nothing is (told after it is proven). */
  | { readonly type: "activity"; readonly isBusy: boolean }
  | { readonly type: "takeDownWanted"; readonly cause: TakeDownCause }
  | { readonly type: "downProven" }
  | { readonly type: "stopWanted" }
  /** Every member that had to be asked answered the ask sent at `askedAt`. */
  | { readonly type: "promiseRound"; readonly askedAt: Instant }
  /** This machine stood still for so long, unseen by its clocks: everything it remembers is that much older. */
  | { readonly type: "pauseFound"; readonly pauseMs: number }
  | { readonly type: "timingsChanged"; readonly timings: Timings }
  /** Published with the next renewal. */
  | { readonly type: "factsChanged"; readonly facts: NodeFacts };

export type SessionEffect =
  | { readonly type: "read"; readonly requestId: number; readonly timeoutMs: number }
  | {
      readonly type: "create" | "replace";
      readonly requestId: number;
      readonly timeoutMs: number;
      readonly lease: Lease;
    }
  | { readonly type: "takeDown"; readonly cause: TakeDownCause; readonly budgetMs: number }
  /** Cut what is left by force, again and again until it is proven. */
  | { readonly type: "hardCut"; readonly cause: TakeDownCause }
  | { readonly type: "session"; readonly session: string | undefined }
  /** The right was prolonged: the only moment at which the watchdog may be petted. */
  | { readonly type: "prolonged"; readonly base: Instant }
  | { readonly type: "renewal"; readonly outcome: "ok" | "resolved" | "unknown" | "lost" }
  | { readonly type: "stopped"; readonly isReleased: boolean };

/** One step under way. */
export interface Draft {
  state: SessionState;
  readonly effects: SessionEffect[];
  readonly now: Instant;
}

export function isPlannedStop(state: SessionState): boolean {
  return state.takeDown?.cause === "shutdown" && !state.takeDown.isCut;
}

export function pause(draft: Draft, pauseMs: number): void {
  change(draft, { next: { since: draft.now, pauseMs } });
}

type Changes = { readonly [Key in keyof SessionState]?: SessionState[Key] | undefined };

/** The only place that makes a new state; undefined removes an optional field. */
export function change(draft: Draft, changes: Changes): void {
  const merged = { ...draft.state, ...changes };
  const defined = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  draft.state = defined as unknown as SessionState;
}
