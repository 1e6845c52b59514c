/**
 * A queue of object keys with workers. A key in the queue says "look again" and nothing else, so ten reasons to look
 * are one entry, and a key that is worked on right now is noted and looked at once more afterwards.
 *
 *              add                        worker free
 *   (absent) ───────> waiting ──────────────────────────> working ──> (absent)
 *      ^                ^  timer of addAfter / retry         │ add while working
 *      └── delayed ─────┘                                    └──> working, dirty ──> waiting
 *
 * Invariants: at most one worker per key, at most `concurrency` workers; one timer per key, always the earliest asked
 * for (looking too early is harmless, too late is not). Must never drop a key: a full queue is a broken invariant,
 * since keys are names of objects and those are bounded where they are cached.
 */
import { assert } from "../lib/assert.ts";
import { type Backoff, backoffDelayMs } from "../lib/backoff.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import { keyText, type ObjectKey } from "../kube/ports.ts";

export interface WorkQueueOptions {
  /** Label of its metrics. */
  readonly name: string;
  /** Keys worked on at the same time, >= 1. */
  readonly concurrency: number;
  /** Delay after failures of one key in a row. */
  readonly backoff: Backoff;
  /** Most keys known at any time, in whatever state. */
  readonly maxKeys?: number;
}

export interface WorkQueueModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Works on one key. Handles its own operating errors: a rejection is a broken invariant and ends the process. */
  readonly work: (key: ObjectKey) => Promise<void>;
}

const MAX_KEYS = 100_000;

interface Delayed {
  readonly atMs: number;
  readonly timer: Timer;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #modules: WorkQueueModules;
  /** In order of arrival. */
  readonly #waiting = new Map<string, ObjectKey>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  #state: "New" | "Running" | "Stopped" = "New";

  constructor(options: WorkQueueOptions, modules: WorkQueueModules) {
    assert(options.concurrency >= 1, "a queue has at least one worker");
    this.#options = options;
    this.#modules = modules;
  }

  /** Keys waiting for a worker. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Begins to work; keys added before are kept. */
  start(): void {
    if (this.#state !== "New") return;
    this.#state = "Running";
    this.#dispatch();
  }

  /** Look at `key` as soon as a worker is free. */
  add(key: ObjectKey): void {
    if (this.#state === "Stopped") return;
    const text = keyText(key);
    if (this.#working.has(text)) this.#dirty.add(text);
    else this.#waiting.set(text, this.#waiting.get(text) ?? key);
    assert(
      this.#waiting.size + this.#delayed.size <= this.#maxKeys(),
      `the queue ${this.#options.name} holds at most ${this.#maxKeys()} keys`,
    );
    this.#dispatch();
  }

  /** Look at `key` not later than after `delayMs` (>= 0). */
  addAfter(key: ObjectKey, delayMs: number): void {
    if (this.#state === "Stopped") return;
    const text = keyText(key);
    const atMs = this.#modules.clock.monotonicMs() + delayMs;
    const earlier = this.#delayed.get(text);
    if (earlier !== undefined && earlier.atMs <= atMs) return;
    earlier?.timer.cancel();
    const timer = this.#modules.clock.setTimer(delayMs, () => {
      this.#delayed.delete(text);
      this.add(key);
    });
    this.#delayed.set(text, { atMs, timer });
  }

  /** Look at `key` again after a delay that grows with each failure in a row; returns the delay in milliseconds. */
  retry(key: ObjectKey): number {
    const text = keyText(key);
    const failures = (this.#failures.get(text) ?? 0) + 1;
    this.#failures.set(text, failures);
    const delayMs = backoffDelayMs(this.#options.backoff, failures, this.#modules.random);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key's work succeeded: its next failure is the first again. */
  forget(key: ObjectKey): void {
    this.#failures.delete(keyText(key));
  }

  /** Takes no more keys, starts no more work, and resolves when the work under way has ended. */
  async stop(): Promise<void> {
    this.#state = "Stopped";
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#dirty.clear();
    this.#failures.clear();
    this.#showDepth();
    await Promise.all(this.#working.values());
  }

  #maxKeys(): number {
    return this.#options.maxKeys ?? MAX_KEYS;
  }

  #dispatch(): void {
    for (const [text, key] of this.#waiting) {
      if (this.#state !== "Running" || this.#working.size >= this.#options.concurrency) break;
      this.#waiting.delete(text);
      this.#working.set(text, this.#workOn(text, key));
    }
    this.#showDepth();
  }

  async #workOn(text: string, key: ObjectKey): Promise<void> {
    // The caller must have noted this work before any of it happens.
    await Promise.resolve();
    await this.#modules.work(key);
    this.#working.delete(text);
    if (this.#dirty.delete(text)) this.add(key);
    else this.#dispatch();
  }

  #showDepth(): void {
    this.#modules.metrics.set("understudy_work_queue_depth", this.#waiting.size, { queue: this.#options.name });
  }
}
