/**
 * Tells people what happened, as core/v1 Events: `kubectl describe` and `kubectl events` show those best, with their
 * counts. Telling is never allowed to matter: `record` returns at once, cannot fail, and what cannot be written in
 * time is dropped with a line in the log. The truth is in status and history, never in Events.
 *
 * One writer, one request at a time. While an Event waits, later counts of it overwrite earlier ones.
 */
import { type Clock, readInstant, sleep } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { isKubeError, type KubeApi, type KubeObject, type ResourceType } from "../kube/ports.ts";
import { type Aggregate, EventAggregation, type EventType } from "./event-aggregation.ts";

export const EVENT: ResourceType = { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true };

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/, in its older form. */
export interface KubeEvent extends KubeObject {
  readonly involvedObject: Readonly<Record<string, string>>;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly source: { readonly component: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

export interface EventRecorderOptions {
  /** Who says it, such as `understudy-controller`. */
  readonly component: string;
  /** Which replica. */
  readonly instance: string;
  /** Deadline of one write, milliseconds. */
  readonly timeoutMs?: number;
}

export interface EventRecorderModules {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const TIMEOUT_MS = 5_000;
const MAX_WAITING = 1_000;
const MAX_ATTEMPTS = 3;
const RETRY_AFTER_MS = 2_000;
/** The API server's limit on an Event's note. */
const MAX_MESSAGE = 1_024;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #modules: EventRecorderModules;
  readonly #aggregation = new EventAggregation();
  readonly #waiting = new Map<string, KubeEvent>();
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(options: EventRecorderOptions, modules: EventRecorderModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Queues an Event about `object`. `reason` is one CamelCase word of the reference table. */
  record(object: KubeObject, type: EventType, reason: string, message: string): void {
    const { clock, random, log } = this.#modules;
    if (this.#stopping.signal.aborted) return;
    const { uid = "", name, namespace = "" } = object.metadata;
    const about = `${object.kind ?? ""}/${namespace}/${name}/${uid}`;
    const said = { about, type, reason, message: message.slice(0, MAX_MESSAGE) };
    const aggregate = this.#aggregation.add(said, random.uuid().replaceAll("-", "").slice(0, 16), readInstant(clock));
    if (aggregate === undefined) {
      log.debug("too many events about one object", { about, reason });
      return;
    }
    const event = eventOf(object, type, reason, aggregate, this.#options);
    if (!this.#waiting.has(event.metadata.name) && this.#waiting.size >= MAX_WAITING) {
      log.warn("event dropped, too many are waiting", { about, reason });
      return;
    }
    this.#waiting.set(event.metadata.name, event);
    this.#writing ??= this.#writeAll();
  }

  /** The same as `record`. */
  tell(object: KubeObject, type: EventType, reason: string, message: string): void {
    this.record(object, type, reason, message);
  }

  /** Takes no more Events and waits at most `timeoutMs` for those that were queued. */
  async stop(timeoutMs: number): Promise<void> {
    const { clock } = this.#modules;
    const written = new AbortController();
    const writing = (this.#writing ?? Promise.resolve()).then(() => written.abort());
    await Promise.race([writing, sleep(clock, timeoutMs, written.signal)]);
    this.#stopping.abort();
    this.#waiting.clear();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What is said in one go becomes one write.
    await Promise.resolve();
    for (const name of this.#waiting.keys()) {
      const event = this.#waiting.get(name);
      this.#waiting.delete(name);
      if (event !== undefined) await this.#write(event);
    }
    this.#writing = undefined;
  }

  async #write(event: KubeEvent): Promise<void> {
    const { clock, log } = this.#modules;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS && !this.#stopping.signal.aborted; attempt++) {
      try {
        await this.#writeOnce(event);
        return;
      } catch (thrown) {
        if (!isKubeError(thrown)) throw thrown;
        const mayRetry =
          isKubeError(thrown, "Unreachable", "ResultUnknown", "TooManyRequests", "Conflict") && attempt < MAX_ATTEMPTS;
        if (mayRetry) await sleep(clock, RETRY_AFTER_MS, this.#stopping.signal);
        else {
          log.warn("event not written", {
            object: event.involvedObject["name"],
            reason: event.reason,
            error: thrown.message,
          });
          return;
        }
      }
    }
  }

  /** Either write may find that the other was the right one: after a lost reply, or when the Event has expired. */
  async #writeOnce(event: KubeEvent): Promise<void> {
    const isFirst = event.count === 1;
    try {
      await (isFirst ? this.#create(event) : this.#count(event));
    } catch (thrown) {
      if (isFirst && isKubeError(thrown, "AlreadyExists")) return;
      if (isFirst || !isKubeError(thrown, "NotFound")) throw thrown;
      await this.#create(event);
    }
  }

  async #create(event: KubeEvent): Promise<void> {
    await this.#modules.api.create(EVENT, event, this.#callOptions());
  }

  async #count(event: KubeEvent): Promise<void> {
    const { metadata, count, message, lastTimestamp } = event;
    const key = { namespace: metadata.namespace ?? "", name: metadata.name };
    await this.#modules.api.patch(
      EVENT,
      key,
      { type: "merge", body: { count, message, lastTimestamp } },
      this.#callOptions(),
    );
  }

  #callOptions(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS, signal: this.#stopping.signal };
  }
}

function eventOf(
  object: KubeObject,
  type: EventType,
  reason: string,
  aggregate: Aggregate,
  options: EventRecorderOptions,
): KubeEvent {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const involved = { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid, resourceVersion };
  return {
    // Events about objects without a namespace live in `default`.
    metadata: { name: `${name}.${aggregate.id}`, namespace: namespace ?? "default" },
    involvedObject: Object.fromEntries(
      Object.entries(involved).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    type,
    reason,
    message: aggregate.message,
    count: aggregate.count,
    firstTimestamp: secondsOf(aggregate.firstWallMs),
    lastTimestamp: secondsOf(aggregate.lastWallMs),
    source: { component: options.component },
    reportingComponent: options.component,
    reportingInstance: options.instance,
  };
}

/** metav1.Time: whole seconds, RFC 3339. */
function secondsOf(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}
