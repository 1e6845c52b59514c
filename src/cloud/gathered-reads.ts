/**
 * One cloud read for many things of the same sort, each asked for by its own key. What is asked while the calls that may
 * be under way are, goes into the next one, and a call takes along what was asked for lately and will be due soon: a
 * thousand watchers of one thing each cost a few calls per interval, not a thousand. Nobody waits while nothing is under way.
 * Must never do: give an answer whose call was sent before `sentSinceMs` (as `ReadCache`), or make one key's absence
 * another key's failure: `read` answers for the keys that exist.
 */
import type { Clock } from "../lib/clock.ts";
import { type Read, ReadCache, type ReadWish } from "./read-cache.ts";

export interface GatheredReadsOptions<V> {
  /** Keys that do not exist are left out of the answer. Rejects when nothing could be read. */
  readonly read: (keys: readonly string[], timeoutMs: number) => Promise<ReadonlyMap<string, V>>;
  /** What a key has that is not in the answer. */
  readonly absent: V;
  /** Most keys of one call. */
  readonly perCall: number;
}

/** A call that others can still join. */
interface Call<V> {
  readonly keys: Set<string>;
  /** The youngest answer that somebody in it insists on. */
  sentSinceMs: number;
  /** The earliest deadline of those in it. */
  endsAtMs: number;
  readonly answers: Promise<ReadonlyMap<string, V>>;
}

const MAX_UNDER_WAY = 2;
/** Whoever has not asked for so long, in ms, has gone away. */
const FORGOTTEN_AFTER_MS = 600_000;

export class GatheredReads<V> {
  readonly #options: GatheredReadsOptions<V>;
  readonly #clock: Clock;
  readonly #cache: ReadCache<V>;
  /** When each key was asked for last, and when the call behind its last answer was sent. */
  readonly #known = new Map<string, { askedAtMs: number; sentAtMs: number }>();
  #open: Call<V> | undefined;
  #underWay = 0;
  /** Those who wait for a call to end, each with a call to send. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: GatheredReadsOptions<V>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#cache = new ReadCache(clock);
  }

  ask(key: string, wish: ReadWish): Promise<Read<V>> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(key) ?? { askedAtMs: nowMs, sentAtMs: nowMs };
    known.askedAtMs = nowMs;
    this.#known.set(key, known);
    return this.#cache.ask(key, wish, () => this.#join(key, wish));
  }

  invalidateAll(): void {
    this.#cache.invalidateAll();
  }

  async #join(key: string, wish: ReadWish): Promise<V> {
    const open = this.#open;
    const call = open === undefined || open.keys.size >= this.#options.perCall ? this.#begin() : open;
    call.keys.add(key);
    call.sentSinceMs = Math.max(call.sentSinceMs, wish.sentSinceMs);
    call.endsAtMs = Math.min(call.endsAtMs, this.#clock.monotonicMs() + wish.timeoutMs);
    return (await call.answers).get(key) ?? this.#options.absent;
  }

  #begin(): Call<V> {
    const call: Call<V> = {
      keys: new Set(),
      sentSinceMs: Number.NEGATIVE_INFINITY,
      endsAtMs: Number.POSITIVE_INFINITY,
      answers: this.#turn().then(async () => {
        try {
          return await this.#send(call);
        } finally {
          this.#underWay--;
          this.#waiting.shift()?.();
        }
      }),
    };
    this.#open = call;
    return call;
  }

  /** Resolves when a call may be sent: at once, but after what asks in this very turn, or when another has ended. */
  async #turn(): Promise<void> {
    while (this.#underWay >= MAX_UNDER_WAY) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#underWay++;
    await Promise.resolve();
  }

  async #send(call: Call<V>): Promise<ReadonlyMap<string, V>> {
    if (this.#open === call) this.#open = undefined;
    const sentAtMs = this.#clock.monotonicMs();
    const company = this.#dueSoon(call, sentAtMs);
    const keys = [...call.keys, ...company];
    for (const key of keys) {
      const known = this.#known.get(key);
      if (known !== undefined) known.sentAtMs = sentAtMs;
    }
    const answers = await this.#options.read(keys, Math.max(0, call.endsAtMs - sentAtMs));
    for (const key of company) this.#cache.put(key, answers.get(key) ?? this.#options.absent, sentAtMs);
    return answers;
  }

  /** Keys whose answers are more than half as old as those in the call may be. */
  #dueSoon({ keys, sentSinceMs }: Call<V>, nowMs: number): string[] {
    const room = this.#options.perCall - keys.size;
    const due: string[] = [];
    for (const [key, { askedAtMs, sentAtMs }] of this.#known) {
      if (nowMs - askedAtMs > FORGOTTEN_AFTER_MS) this.#known.delete(key);
      else if (due.length < room && !keys.has(key) && sentAtMs < (nowMs + sentSinceMs) / 2) due.push(key);
    }
    return due;
  }
}
