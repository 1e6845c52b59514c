/**
 * One budget of cloud calls per region and identity, shared by everybody who uses it, and one common pause when the
 * cloud throttles. Reads and writes have separate budgets, as in EC2 (EC2 user guide, "Request throttling": token buckets
 * per account and region; 100 tokens and 20 per second for filtered reads, 50 and 5 for changes), so that a crowd of
 * monitors never delays the route of a failover.
 * The invariant: within any span of t seconds at most `capacity + t * refillPerSecond` calls pass.
 */
import type { Clock } from "../lib/clock.ts";
import { sleep } from "../lib/clock.ts";
import { jittered } from "../lib/random.ts";
import type { Random } from "../lib/random.ts";
import { CloudError } from "./errors.ts";

export interface BucketLimit {
  /** Calls that may pass at once. */
  readonly capacity: number;
  readonly refillPerSecond: number;
}

export type CallKind = "read" | "write";

export type CallLimits = Readonly<Record<CallKind, BucketLimit>>;

/** EC2's published figures (see the header). */
export const EC2_CALL_LIMITS: CallLimits = {
  read: { capacity: 100, refillPerSecond: 20 },
  write: { capacity: 50, refillPerSecond: 5 },
};

/** The pause after the first throttled answer, and the longest one, in ms; doubled in between. */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5_000;
const PAUSE_SPREAD = 0.25;

interface Bucket {
  tokens: number;
  filledAtMs: number;
  pausedUntilMs: number;
  nextPauseMs: number;
}

export class CallLimiter {
  readonly #limits: CallLimits;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #buckets: Readonly<Record<CallKind, Bucket>>;

  constructor(limits: CallLimits, modules: { readonly clock: Clock; readonly random: Random }) {
    this.#limits = limits;
    this.#clock = modules.clock;
    this.#random = modules.random;
    const full = (kind: CallKind): Bucket => ({
      tokens: limits[kind].capacity,
      filledAtMs: this.#clock.monotonicMs(),
      pausedUntilMs: Number.NEGATIVE_INFINITY,
      nextPauseMs: FIRST_PAUSE_MS,
    });
    this.#buckets = { read: full("read"), write: full("write") };
  }

  /** Resolves when the call may be sent; throws `Throttled` at once when that would take longer than `patienceMs`. */
  async admit(kind: CallKind, action: string, patienceMs: number): Promise<void> {
    const waitMs = this.#reserve(kind, patienceMs, 0);
    if (waitMs === undefined) {
      throw new CloudError(
        { code: "Throttled", action },
        `${action} was not sent: the call budget of this region and identity is used up for longer than ${patienceMs} ms`,
      );
    }
    if (waitMs > 0) await sleep(this.#clock, waitMs);
  }

  /** For calls that can wait for a quiet moment and must never make others wait: at once, out of the better half. */
  admitSpare(kind: CallKind, action: string): void {
    if (this.#reserve(kind, 0, this.#limits[kind].capacity / 2) !== undefined) return;
    throw new CloudError(
      { code: "Throttled", action },
      `${action} was not sent: half of the call budget of this region and identity is kept for what cannot wait`,
    );
  }

  /** The cloud throttled a call: nobody sends one of this kind for a while. */
  throttled(kind: CallKind): void {
    const bucket = this.#buckets[kind];
    const nowMs = this.#clock.monotonicMs();
    // Several calls under way at once are throttled by the same shortage: one pause for all of them.
    if (nowMs < bucket.pausedUntilMs) return;
    bucket.pausedUntilMs = nowMs + jittered(this.#random, bucket.nextPauseMs, PAUSE_SPREAD);
    bucket.nextPauseMs = Math.min(MAX_PAUSE_MS, bucket.nextPauseMs * 2);
  }

  answered(kind: CallKind): void {
    this.#buckets[kind].nextPauseMs = FIRST_PAUSE_MS;
  }

  /** Takes a token above `keep`, possibly one that is refilled only later; undefined when that is later than `patienceMs`. */
  #reserve(kind: CallKind, patienceMs: number, keep: number): number | undefined {
    const bucket = this.#buckets[kind];
    const { capacity, refillPerSecond } = this.#limits[kind];
    const nowMs = this.#clock.monotonicMs();
    bucket.tokens = Math.min(capacity, bucket.tokens + ((nowMs - bucket.filledAtMs) / 1_000) * refillPerSecond);
    bucket.filledAtMs = nowMs;
    const missing = 1 + keep - bucket.tokens;
    const refillMs = missing <= 0 ? 0 : (missing / refillPerSecond) * 1_000;
    const waitMs = Math.max(refillMs, bucket.pausedUntilMs - nowMs, 0);
    if (waitMs > patienceMs) return undefined;
    bucket.tokens -= 1;
    return waitMs;
  }
}
