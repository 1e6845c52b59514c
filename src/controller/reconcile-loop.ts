/**
 * The one loop that runs every kind's reconciler:
 *
 *   key ──> observe ──> plan ──> act, act, act ... ──> key again, until a plan has no steps
 *             │            each behind the fence
 *             └─ gone: forget
 *
 * A plan is made from one observation and never trusted for long: after its steps the key is looked at again, and the
 * first step that fails ends the round. So a crash between any two steps, here or in the process, is the same thing as
 * a slow round (that is what makes "apply k steps, observe, plan again, for every k" a sufficient test of a plan).
 *
 * Independent keys run at the same time, one key never twice. One key whose every look fails backs off by itself and
 * leaves the others alone.
 *
 * Must never act without asking the fence first, and never survive a broken invariant: that ends the process.
 */
import { assert, InvariantBroken } from "../lib/assert.ts";
import type { Backoff } from "../lib/backoff.ts";
import { type Clock, readInstant } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import { ALL_RULES, type SafetyRules } from "../lib/safety-rules.ts";
import { isKubeError, keyText, type ObjectKey } from "../kube/ports.ts";
import { Deposed, type Fence, MAX_STEPS_PER_PLAN, type Plan, type Reconciler } from "./contract.ts";
import { WorkQueue } from "./work-queue.ts";

export interface ReconcileLoopOptions {
  /** Keys reconciled at the same time, >= 1. */
  readonly concurrency?: number;
  readonly backoff?: Backoff;
  /** Rounds with steps, one right after the other, after which a key is slowed down: its plan does not converge. */
  readonly maxEagerRounds?: number;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
}

export interface ReconcileLoopModules {
  readonly fence: Fence;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What the manager needs of a loop, whatever its kind. */
export interface Loop {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
}

const CONCURRENCY = 8;
const BACKOFF: Backoff = { baseMs: 50, maxMs: 10_000 };
const MAX_EAGER_ROUNDS = 32;

/** For the simulator: as if the fence were not asked again after an await. */
const UNCHECKED: Fence = { assertLeader: () => undefined };

type Result = "ok" | "error" | "deposed";

export class ReconcileLoop<Seen, Step> implements Loop {
  readonly name: string;
  readonly #reconciler: Reconciler<Seen, Step>;
  readonly #modules: ReconcileLoopModules;
  readonly #maxEagerRounds: number;
  readonly #queue: WorkQueue;
  readonly #rules: SafetyRules;
  readonly #eagerRounds = new Map<string, number>();
  #isDeposed = false;

  constructor(reconciler: Reconciler<Seen, Step>, options: ReconcileLoopOptions, modules: ReconcileLoopModules) {
    this.name = reconciler.name;
    this.#reconciler = reconciler;
    this.#modules = { ...modules, log: modules.log.child({ reconciler: reconciler.name }) };
    this.#rules = options.rules ?? ALL_RULES;
    this.#maxEagerRounds = options.maxEagerRounds ?? MAX_EAGER_ROUNDS;
    const { concurrency = CONCURRENCY, backoff = BACKOFF } = options;
    const work = async (key: ObjectKey): Promise<void> => await this.#work(key);
    this.#queue = new WorkQueue({ name: reconciler.name, concurrency, backoff }, { ...modules, work });
  }

  /** Look at `key` soon. Keys enqueued before `start` are kept. */
  enqueue(key: ObjectKey): void {
    this.#queue.add(key);
  }

  /** Look at `key` after `delayMs` at the latest. */
  enqueueAfter(key: ObjectKey, delayMs: number): void {
    this.#queue.addAfter(key, delayMs);
  }

  start(): void {
    this.#queue.start();
  }

  /** Resolves when the rounds under way have ended; each is bounded by the deadlines of its calls. */
  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  async #work(key: ObjectKey): Promise<void> {
    const { clock, metrics } = this.#modules;
    const startMs = clock.monotonicMs();
    const result = this.#isDeposed ? "deposed" : await this.#round(key);
    const labels = { kind: this.name };
    metrics.count("understudy_reconcile_total", { ...labels, result });
    metrics.observe("understudy_reconcile_duration_seconds", (clock.monotonicMs() - startMs) / 1_000, labels);
  }

  async #round(key: ObjectKey): Promise<Result> {
    try {
      this.#modules.fence.assertLeader();
      const fence = this.#rules.recheckAfterAwait ? this.#modules.fence : UNCHECKED;
      const seen = await this.#reconciler.observe(key);
      if (seen === undefined) {
        this.#forget(key);
        return "ok";
      }
      const plan = this.#reconciler.plan(seen, readInstant(this.#modules.clock));
      assert(plan.steps.length <= MAX_STEPS_PER_PLAN, `a plan has at most ${MAX_STEPS_PER_PLAN} steps`);
      for (const step of plan.steps) {
        fence.assertLeader();
        await this.#reconciler.act(key, step, fence);
      }
      this.#goOn(key, plan);
      return "ok";
    } catch (thrown) {
      return this.#failed(key, thrown);
    }
  }

  #goOn(key: ObjectKey, plan: Plan<Step>): void {
    const text = keyText(key);
    if (plan.requeueAfterMs !== undefined) this.#queue.addAfter(key, plan.requeueAfterMs);
    if (plan.steps.length === 0) {
      this.#forget(key);
      return;
    }
    const rounds = (this.#eagerRounds.get(text) ?? 0) + 1;
    this.#eagerRounds.set(text, rounds);
    if (rounds <= this.#maxEagerRounds) {
      this.#queue.forget(key);
      this.#queue.add(key);
      return;
    }
    const delayMs = this.#queue.retry(key);
    this.#modules.log.warn("plan does not converge", {
      object: text,
      rounds,
      retryInMs: Math.round(delayMs),
      steps: plan.steps,
    });
  }

  #failed(key: ObjectKey, thrown: unknown): Result {
    if (thrown instanceof InvariantBroken) throw thrown;
    if (thrown instanceof Deposed) {
      // No retry: the right is gone for good, and the process ends.
      this.#isDeposed = true;
      return "deposed";
    }
    const delayMs = this.#queue.retry(key);
    const fields = { object: keyText(key), error: messageOf(thrown), retryInMs: Math.round(delayMs) };
    // Losing a compare-and-set means only that the observation was old.
    if (isKubeError(thrown, "Conflict")) this.#modules.log.debug("reconcile met a newer version", fields);
    else
      this.#modules.log.warn(
        "reconcile failed",
        isOperatingError(thrown) ? fields : { ...fields, stack: stackOf(thrown) },
      );
    return "error";
  }

  #forget(key: ObjectKey): void {
    this.#eagerRounds.delete(keyText(key));
    this.#queue.forget(key);
  }
}

/** Expected errors carry a code; anything else is a mistake of ours and needs its stack to be found. */
function isOperatingError(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown;
}

function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack : undefined;
}
