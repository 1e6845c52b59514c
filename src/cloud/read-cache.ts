/**
 * One cloud read for everybody who wants the same thing at about the same time.
 *
 * The idea: a reader says how old an answer may be, counted from when its call was SENT. An answer that is young enough,
 * or a call on its way that was sent late enough, is shared; else a new call is sent. A verify read after a write thus
 * names the moment of the write and never gets an answer from before it. Failures are shared for a moment, so that
 * a hundred readers of an unreachable cloud do not send a hundred calls.
 * Must never do: give an answer whose call was sent before `sentSinceMs`.
 */
import type { Clock } from "../lib/clock.ts";

export interface Read<V> {
  readonly value: V;
  /** When the call that brought it was sent, on the monotonic clock, in ms. */
  readonly sentAtMs: number;
}

/** How a reader wants to be answered. */
export interface ReadWish {
  /** The answer's call was sent at or after this moment of the monotonic clock, in ms. */
  readonly sentSinceMs: number;
  /** Deadline of a call, in ms. */
  readonly timeoutMs: number;
  /** The last good answer of any age will do when there is one. */
  readonly anyAge?: boolean;
}

interface Entry<V> {
  /** Minus infinity once invalidated. */
  sentAtMs: number;
  hasFailed: boolean;
  readonly outcome: Promise<V>;
  /** The last good answer for this key, possibly of an earlier call. */
  good: Read<V> | undefined;
}

/** For how long a failure is shared, in ms: long enough for a crowd, short enough for a retry. */
const FAILURE_MAX_AGE_MS = 500;
/** Most keys remembered, far above what is watched (forgetting what is still read would mean to read it every time); the oldest read is forgotten first. */
const MAX_KEYS = 20_000;

export class ReadCache<V> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<V>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `call` is used only when nothing sent at or after `sentSinceMs` is known or under way. Rejects as the call does. */
  async read(key: string, sentSinceMs: number, call: () => Promise<V>): Promise<Read<V>> {
    const known = this.#entries.get(key);
    const entry = known !== undefined && this.#isUsable(known, sentSinceMs) ? known : this.#send(key, call);
    const { sentAtMs } = entry;
    return { value: await entry.outcome, sentAtMs };
  }

  /** As `read`, as the wish says. */
  ask(key: string, wish: ReadWish, call: () => Promise<V>): Promise<Read<V>> {
    const known = wish.anyAge === true ? this.lastGood(key) : undefined;
    return known === undefined ? this.read(key, wish.sentSinceMs, call) : Promise.resolve(known);
  }

  /** An answer that came along with another call; an older one than what is known changes nothing. */
  put(key: string, value: V, sentAtMs: number): void {
    const known = this.#entries.get(key);
    if (known !== undefined && known.sentAtMs >= sentAtMs) return;
    this.#keep(key, { sentAtMs, hasFailed: false, outcome: Promise.resolve(value), good: { value, sentAtMs } });
  }

  /** The last answer that was no failure, of any age: for those who must act before they can ask. */
  lastGood(key: string): Read<V> | undefined {
    return this.#entries.get(key)?.good;
  }

  /** Every next reader sends a call, whatever it asks for; the last good answers stay known. */
  invalidateAll(): void {
    for (const entry of this.#entries.values()) entry.sentAtMs = Number.NEGATIVE_INFINITY;
  }

  #isUsable(entry: Entry<V>, sentSinceMs: number): boolean {
    const failuresSinceMs = this.#clock.monotonicMs() - FAILURE_MAX_AGE_MS;
    return entry.sentAtMs >= (entry.hasFailed ? Math.max(sentSinceMs, failuresSinceMs) : sentSinceMs);
  }

  #send(key: string, call: () => Promise<V>): Entry<V> {
    const sentAtMs = this.#clock.monotonicMs();
    const entry: Entry<V> = { sentAtMs, hasFailed: false, outcome: call(), good: this.lastGood(key) };
    // Whoever waits handles the failure; an entry that nobody waits for any more must not be an unhandled rejection.
    entry.outcome.then(
      (value) => (entry.good = { value, sentAtMs }),
      () => (entry.hasFailed = true),
    );
    this.#keep(key, entry);
    return entry;
  }

  #keep(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_KEYS && oldest !== undefined) this.#entries.delete(oldest);
  }
}
