/**
 * One watch: replay from a version, then live changes, bookmarks and the end after `timeoutSeconds`. It pushes into a
 * sink and knows no transport.
 *
 * Invariant: a sink sees every change after its version exactly once and in order, or gets an ERROR event with 410.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import type { ApiObject, JsonObject } from "./json.ts";
import { apiVersionOf, view, type Resource } from "./resource.ts";
import type { Matches } from "./selectors.ts";
import { expired, type StatusError } from "./status-error.ts";
import type { Change, Store } from "./store.ts";

export type WireEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: ApiObject }
  | { readonly type: "BOOKMARK"; readonly object: JsonObject }
  | { readonly type: "ERROR"; readonly object: JsonObject };

export interface WatchSink {
  event(event: WireEvent): void;
  /** Called once, after the last event; not called after `cancel`. */
  end(): void;
}

export interface WatchRequest {
  readonly resource: Resource;
  readonly namespace?: string | undefined;
  readonly matches?: Matches | undefined;
  /** Undefined or "0": start with the present state as ADDED events. */
  readonly resourceVersion?: string | undefined;
  readonly sendInitialEvents?: boolean | undefined;
  readonly allowBookmarks?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
}

export interface WatchTimings {
  /** Between two bookmarks, in milliseconds; a real server takes about a minute. */
  readonly bookmarkIntervalMs: number;
  /** When the request names no timeout, in seconds; a real server takes 30 to 60 minutes. */
  readonly defaultTimeoutSeconds: number;
}

/** The last bookmark comes so long before the end, as on a real server. */
const LAST_BOOKMARK_MS = 2_000;
/** Longest timeout that is believed, in seconds. */
const MAX_TIMEOUT_SECONDS = 86_400;

export class WatchSession {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #request: WatchRequest;
  readonly #sink: WatchSink;
  readonly #timers: Timer[] = [];
  #unlisten: (() => void) | undefined;
  #ended = false;
  #startVersion = 0;

  constructor(store: Store, clock: Clock, request: WatchRequest, sink: WatchSink) {
    this.#store = store;
    this.#clock = clock;
    this.#request = request;
    this.#sink = sink;
  }

  start(timings: WatchTimings): void {
    this.#startVersion = this.#store.version;
    const failure = this.#replay();
    if (failure !== undefined) {
      this.fail(failure);
      return;
    }
    this.#unlisten = this.#store.listen((change) => this.#onChange(change));
    this.#startTimers(timings);
  }

  cancel(): void {
    this.#ended = true;
    this.#unlisten?.();
    for (const timer of this.#timers) timer.cancel();
  }

  /** Sends an ERROR event and ends. */
  fail(error: StatusError): void {
    if (this.#ended) return;
    this.#sink.event({ type: "ERROR", object: error.body() });
    this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.cancel();
    this.#sink.end();
  }

  #replay(): StatusError | undefined {
    const { resource, resourceVersion, sendInitialEvents, allowBookmarks } = this.#request;
    const wantsState = resourceVersion === undefined || resourceVersion === "" || resourceVersion === "0";
    if (sendInitialEvents === true || (wantsState && sendInitialEvents !== false)) {
      for (const stored of this.#store.list(resource.storage)) {
        if (this.#selects(stored)) this.#sink.event({ type: "ADDED", object: view(resource, stored) });
      }
      if (sendInitialEvents === true && allowBookmarks === true)
        this.#bookmark({ "k8s.io/initial-events-end": "true" });
      return undefined;
    }
    if (wantsState) return undefined;
    const version = Number(resourceVersion);
    const missed = Number.isSafeInteger(version) ? this.#store.changesAfter(version) : undefined;
    if (missed === undefined) {
      return expired(`too old resource version: ${resourceVersion} (${this.#store.historyStart})`);
    }
    for (const change of missed) this.#onChange(change);
    return undefined;
  }

  #selects(stored: ApiObject): boolean {
    const { namespace, matches, resource } = this.#request;
    if (namespace !== undefined && stored.metadata.namespace !== namespace) return false;
    return matches === undefined || matches(view(resource, stored));
  }

  /** A change into the selection is an addition, one out of it a deletion with the last state that was selected. */
  #onChange(change: Change): void {
    const { resource } = this.#request;
    if (change.storage !== resource.storage || this.#ended) return;
    const was = change.previous !== undefined && this.#selects(change.previous);
    const is = change.type !== "DELETED" && this.#selects(change.object);
    if (is) this.#sink.event({ type: was ? "MODIFIED" : "ADDED", object: view(resource, change.object) });
    else if (was && change.previous !== undefined) {
      const metadata = { ...change.previous.metadata, resourceVersion: String(change.version) };
      this.#sink.event({ type: "DELETED", object: view(resource, { ...change.previous, metadata }) });
    }
  }

  #startTimers(timings: WatchTimings): void {
    const seconds = Math.min(this.#request.timeoutSeconds ?? timings.defaultTimeoutSeconds, MAX_TIMEOUT_SECONDS);
    const lifeMs = seconds * 1000;
    this.#timers.push(this.#clock.setTimer(lifeMs, () => this.end()));
    if (this.#request.allowBookmarks !== true) return;
    if (lifeMs > LAST_BOOKMARK_MS) {
      this.#timers.push(this.#clock.setTimer(lifeMs - LAST_BOOKMARK_MS, () => this.#bookmarkIfNews()));
    }
    this.#bookmarkEvery(timings.bookmarkIntervalMs);
  }

  #bookmarkEvery(intervalMs: number): void {
    const timer = this.#clock.setTimer(intervalMs, () => {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      this.#bookmarkIfNews();
      if (!this.#ended) this.#bookmarkEvery(intervalMs);
    });
    this.#timers.push(timer);
  }

  /** As on a real server, nothing but silence comes while nothing has happened since the start. */
  #bookmarkIfNews(): void {
    if (this.#store.version > this.#startVersion) this.#bookmark();
  }

  #bookmark(annotations?: Record<string, string>): void {
    if (this.#ended) return;
    const { resource } = this.#request;
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null };
    this.#sink.event({
      type: "BOOKMARK",
      object: {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        metadata: annotations === undefined ? metadata : { ...metadata, annotations },
      },
    });
  }
}
