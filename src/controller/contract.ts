/**
 * What every kind's reconciler implements, and nothing about any kind (cert-manager's shape: gather, ordered pure
 * checks, one apply). One generic loop (`reconcile-loop.ts`) runs them all:
 *
 *   key -> observe (reads only) -> plan (pure, total, sorted) -> act step by step, each behind the fence
 *
 * Level, not edge: a key says only "look again". Missing every event may cost time, never correctness.
 */
import type { ObjectKey } from "../kube/ports.ts";
import type { Instant } from "../lib/clock.ts";

export interface Plan<Step> {
  /** At most `MAX_STEPS_PER_PLAN`; carried out in order. Steps that may run at once are one step that says so. */
  readonly steps: readonly Step[];
  /** Look again after so long even if nothing happens. */
  readonly requeueAfterMs?: number;
}

export const MAX_STEPS_PER_PLAN = 64;

/** What an act may rely on. Checked immediately before every outside write, again after every await (DESIGN 4.5). */
export interface Fence {
  /** Throws `Deposed` unless this process still holds the leader's right. */
  assertLeader(): void;
}

export class Deposed extends Error {
  override readonly name = "Deposed";
}

export interface Reconciler<Seen, Step> {
  /** Names the queue and the metrics. */
  readonly name: string;
  /** Reads only; "could not read X" is a value in Seen. Undefined: the object is gone and nothing is left to do. */
  observe(key: ObjectKey): Promise<Seen | undefined>;
  /** Pure and total: same input, same plan. */
  plan(seen: Seen, now: Instant): Plan<Step>;
  /** One idempotent write. Carries the epoch where it has an effect outside the API server. */
  act(key: ObjectKey, step: Step, fence: Fence): Promise<void>;
}
