/**
 * Keeps Events readable and cheap, as client-go does: the same thing said again raises a count, many similar things
 * about one object are folded into one Event, and an object that will not stop is silenced for a while. All memory is
 * bounded; forgetting only means that a count starts again.
 *
 * Source: https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go
 */

export type EventType = "Normal" | "Warning";

/** What somebody said about an object. */
export interface Saying {
  /** Identifies the object: kind, namespace, name and uid. */
  readonly about: string;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

/** One Event object as it should be now. */
export interface Aggregate {
  /** Distinguishes the Event objects about one object; fresh when `count` is 1. */
  readonly id: string;
  readonly message: string;
  readonly count: number;
  readonly firstWallMs: number;
  readonly lastWallMs: number;
}

/** Different messages of one reason about one object before they are folded, and the time in which they must come. */
const FOLD_AFTER = 10;
const FOLD_WINDOW_MS = 600_000;
export const FOLDED_PREFIX = "(combined from similar events): ";
/** Events about one object: so many at once, then one per refill. */
const BURST = 25;
const REFILL_MS = 60_000;
/** Repetitions of an Event count on for so long; afterwards the same thing is news again. */
const REPEAT_WINDOW_MS = 600_000;
const MAX_ENTRIES = 4_096;

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

interface Similar {
  readonly messages: ReadonlySet<string>;
  readonly lastMs: number;
}

export class EventAggregation {
  readonly #aggregates = new BoundedMap<Aggregate & { readonly lastMs: number }>(MAX_ENTRIES);
  readonly #similar = new BoundedMap<Similar>(MAX_ENTRIES);
  readonly #buckets = new BoundedMap<Bucket>(MAX_ENTRIES);

  /** The Event to write, or undefined when this object has said too much. `id` is used if the Event is a new one. */
  add(
    saying: Saying,
    id: string,
    now: { readonly monotonicMs: number; readonly wallMs: number },
  ): Aggregate | undefined {
    if (!this.#takeToken(saying.about, now.monotonicMs)) return undefined;
    const group = `${saying.about}|${saying.type}|${saying.reason}`;
    const isFolded = this.#isFolded(group, saying.message, now.monotonicMs);
    const key = isFolded ? group : `${group}|${saying.message}`;
    const known = this.#aggregates.get(key);
    const isRepeat = known !== undefined && now.monotonicMs - known.lastMs < REPEAT_WINDOW_MS;
    const next = {
      id: isRepeat ? known.id : id,
      message: isFolded ? `${FOLDED_PREFIX}${saying.message}` : saying.message,
      count: isRepeat ? known.count + 1 : 1,
      firstWallMs: isRepeat ? known.firstWallMs : now.wallMs,
      lastWallMs: now.wallMs,
      lastMs: now.monotonicMs,
    };
    this.#aggregates.set(key, next);
    return next;
  }

  #isFolded(group: string, message: string, nowMs: number): boolean {
    const known = this.#similar.get(group);
    const isRecent = known !== undefined && nowMs - known.lastMs < FOLD_WINDOW_MS;
    const messages = new Set(isRecent ? known.messages : []);
    const isNew = !messages.has(message);
    if (isNew && messages.size < FOLD_AFTER) messages.add(message);
    this.#similar.set(group, { messages, lastMs: nowMs });
    return isNew && !messages.has(message);
  }

  #takeToken(about: string, nowMs: number): boolean {
    const known = this.#buckets.get(about) ?? { tokens: BURST, atMs: nowMs };
    const tokens = Math.min(BURST, known.tokens + (nowMs - known.atMs) / REFILL_MS);
    this.#buckets.set(about, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }
}

/** A map that forgets what was set longest ago. */
class BoundedMap<Value> {
  readonly #max: number;
  readonly #entries = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
  }
}
