/**
 * `KubeApi` over HTTP. One small adapter for controller, CLI and agent: no client library, no generated models.
 *
 * Every request ends within its deadline; every failure is one of `KubeErrorDetail`, and a write that may have been
 * carried out is always `ResultUnknown`. It must never retry a write, except after 401: a request without valid
 * credentials has no effect.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import type { Clock } from "../lib/clock.ts";
import { assert, unreachable } from "../lib/assert.ts";
import { type Metrics, noMetrics } from "../lib/metrics.ts";
import {
  type HttpAnswer,
  type HttpRequest,
  HttpTransport,
  type KubeConnection,
  TransportError,
} from "./http-transport.ts";
import {
  type CallOptions,
  KubeError,
  type KubeApi,
  type KubeObject,
  keyText,
  type ListOptions,
  type ObjectKey,
  type ObjectList,
  type Patch,
  type ResourceType,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from "./ports.ts";
import { parseStatusBody, refusal } from "./rest-errors.ts";
import { apiVersionOf, collectionPath, objectPath, type Query, queryText } from "./rest-path.ts";
import { readWatch } from "./rest-watch.ts";

export interface RestKubeOptions {
  readonly connection: KubeConnection;
  /** Default deadline of a request, milliseconds > 0. */
  readonly timeoutMs: number;
  /** Owner of fields in writes that name no other. */
  readonly fieldManager: string;
  readonly userAgent?: string;
  /** Longest answer accepted, in bytes. */
  readonly maxBodyBytes?: number;
}

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
/** etcd stores at most 1.5 MiB per object by default; a watch line may carry it escaped. */
const MAX_WATCH_LINE_BYTES = 8 * 1024 * 1024;
/** Objects per page of a list; also what kubectl asks for. */
const PAGE_SIZE = 500;
const MAX_PAGES = 1_000;
const MAX_REFUSAL_BYTES = 64 * 1024;

type Verb = "get" | "list" | "watch" | "create" | "replace" | "patch" | "delete";

interface RawList<T extends KubeObject> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

export class RestKubeApi implements KubeApi {
  readonly #options: RestKubeOptions;
  readonly #transport: HttpTransport;
  readonly #clock: Clock;
  readonly #metrics: Metrics;

  constructor(options: RestKubeOptions, modules: { readonly clock: Clock; readonly metrics?: Metrics }) {
    assert(options.timeoutMs > 0, "the default deadline of a request is above zero");
    this.#options = options;
    this.#clock = modules.clock;
    this.#metrics = modules.metrics ?? noMetrics;
    const { connection, userAgent = "understudy" } = options;
    this.#transport = new HttpTransport({ connection, userAgent }, modules);
  }

  async get<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    const what = `get ${type.plural} ${keyText(key)}`;
    const answer = await this.#send("get", what, { method: "GET", path: objectPath(type, key) }, options);
    // A plain 404 (unknown kind, wrong path, a proxy) does not say that the object is gone: it must stay an error.
    if (answer.status === 404 && parseStatusBody(answer.body)?.reason === "NotFound") return undefined;
    return parsed<T>(what, answer);
  }

  async list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ObjectList<T>> {
    const what = `list ${type.plural}`;
    const identity = { apiVersion: apiVersionOf(type), kind: type.kind };
    const items: T[] = [];
    let next: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { labelSelector, fieldSelector } = options;
      const query: Query = { labelSelector, fieldSelector, limit: String(PAGE_SIZE), continue: next };
      const path = collectionPath(type, options.namespace) + queryText(query);
      const list = parsed<RawList<T>>(what, await this.#send("list", what, { method: "GET", path }, options));
      // Items of a list carry neither apiVersion nor kind on a real server.
      for (const item of list.items ?? []) items.push({ ...identity, ...item });
      next = list.metadata?.continue;
      if (next !== undefined && next !== "") continue;
      const resourceVersion = list.metadata?.resourceVersion;
      if (resourceVersion === undefined)
        throw new KubeError({ code: "Malformed" }, `${what}: the list has no resourceVersion`);
      return { resourceVersion, items };
    }
    throw new KubeError({ code: "Malformed" }, `${what}: more than ${MAX_PAGES} pages`);
  }

  async *watch<T extends KubeObject>(type: ResourceType, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const what = `watch ${type.plural}`;
    const query: Query = {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(Math.max(1, Math.round(options.timeoutSeconds))),
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    };
    const path = collectionPath(type, options.namespace) + queryText(query);
    if (options.signal.aborted) return;
    try {
      const timeoutMs = Math.min(this.#options.timeoutMs, options.idleTimeoutMs);
      const limits = { timeoutMs, maxBodyBytes: MAX_REFUSAL_BYTES, signal: options.signal };
      const open = async () => await this.#transport.stream({ method: "GET", path }, limits);
      const answer = await this.#measured("watch", what, async () => await this.#authorized(open));
      if (!("chunks" in answer)) throw refusalOf(what, answer);
      const reading = {
        idleTimeoutMs: options.idleTimeoutMs,
        signal: options.signal,
        maxLineBytes: MAX_WATCH_LINE_BYTES,
      };
      yield* readWatch<T>(what, answer.chunks, reading, this.#clock);
    } catch (thrown) {
      if (options.signal.aborted) return;
      throw thrown;
    }
  }

  async create<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    const path = collectionPath(type, key.namespace) + this.#writeQuery(options);
    return await this.#write<T>("create", type, key, { method: "POST", path, body: bodyOf(type, object) }, options);
  }

  async replace<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    const path = objectPath(type, key, options.subresource) + this.#writeQuery(options);
    return await this.#write<T>("replace", type, key, { method: "PUT", path, body: bodyOf(type, object) }, options);
  }

  async patch<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    const fieldManager = patch.fieldManager ?? options.fieldManager;
    const force = patch.type === "apply" && patch.force ? "true" : undefined;
    const write = fieldManager === undefined ? options : { ...options, fieldManager };
    const path = objectPath(type, key, options.subresource) + this.#writeQuery(write, { force });
    const request: HttpRequest = {
      method: "PATCH",
      path,
      contentType: patchContentType(patch),
      body: patchBody(type, patch),
    };
    return await this.#write<T>("patch", type, key, request, options);
  }

  async delete(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions & { readonly uid?: string; readonly resourceVersion?: string } = {},
  ): Promise<void> {
    const { uid, resourceVersion } = options;
    const body = JSON.stringify({
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy: "Background",
      preconditions: { uid, resourceVersion },
    });
    await this.#write("delete", type, key, { method: "DELETE", path: objectPath(type, key), body }, options);
  }

  /** Closes all connections. */
  close(): void {
    this.#transport.close();
  }

  #writeQuery(options: WriteOptions, more: Query = {}): string {
    const fieldManager = options.fieldManager ?? this.#options.fieldManager;
    return queryText({ fieldManager, dryRun: options.dryRun === true ? "All" : undefined, ...more });
  }

  async #write<T>(
    verb: Verb,
    type: ResourceType,
    key: ObjectKey,
    request: HttpRequest,
    options: CallOptions,
  ): Promise<T> {
    const what = `${verb} ${type.plural} ${keyText(key)}`;
    return parsed<T>(what, await this.#send(verb, what, request, options));
  }

  async #send(verb: Verb, what: string, request: HttpRequest, options: CallOptions): Promise<HttpAnswer> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs;
    const maxBodyBytes = this.#options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
    const limits = { timeoutMs, maxBodyBytes, signal: options.signal };
    return await this.#measured(
      verb,
      what,
      async () => await this.#authorized(() => this.#transport.exchange(request, limits)),
    );
  }

  /** Tries once more with a fresh token after 401: nothing was done under the old one. */
  async #authorized<A extends { readonly status: number }>(attempt: () => Promise<A>): Promise<A> {
    const answer = await attempt();
    const { tokenRejected } = this.#options.connection;
    if (answer.status !== 401 || tokenRejected === undefined) return answer;
    tokenRejected();
    return await attempt();
  }

  async #measured<A extends { readonly status: number }>(verb: Verb, what: string, call: () => Promise<A>): Promise<A> {
    const startMs = this.#clock.monotonicMs();
    let outcome = "ok";
    try {
      const answer = await call();
      if (answer.status >= 300) outcome = String(answer.status);
      return answer;
    } catch (thrown) {
      const error = thrown instanceof TransportError ? unanswered(what, thrown) : thrown;
      outcome = error instanceof KubeError ? error.code : "Crashed";
      throw error;
    } finally {
      const seconds = (this.#clock.monotonicMs() - startMs) / 1_000;
      this.#metrics.observe("understudy_kube_request_duration_seconds", seconds, { verb, outcome });
    }
  }
}

function unanswered(what: string, error: TransportError): KubeError {
  const { detail } = error;
  switch (detail.code) {
    case "NotSent":
      return new KubeError({ code: "Unreachable" }, `${what}: not sent: ${error.message}`, error);
    case "Lost":
      return new KubeError(
        { code: "ResultUnknown", timedOut: detail.timedOut },
        `${what}: result unknown: ${error.message}`,
        error,
      );
    case "TooLarge":
      return new KubeError({ code: "Malformed" }, `${what}: ${error.message}`, error);
    default:
      return unreachable(detail);
  }
}

function parsed<T>(what: string, answer: HttpAnswer): T {
  if (answer.status >= 300) throw refusalOf(what, answer);
  try {
    // The one place where an answer gets its type: the server has validated it against the kind's schema.
    return JSON.parse(answer.body) as T;
  } catch (thrown) {
    throw new KubeError({ code: "Malformed" }, `${what}: ${answer.status} with a body that is not JSON`, thrown);
  }
}

function refusalOf(what: string, answer: HttpAnswer): KubeError {
  return refusal(what, answer.status, parseStatusBody(answer.body), answer.headers["retry-after"]);
}

function bodyOf(type: ResourceType, object: KubeObject): string {
  return JSON.stringify({ ...object, apiVersion: apiVersionOf(type), kind: type.kind });
}

function patchBody(type: ResourceType, patch: Patch): string {
  return patch.type === "apply" ? bodyOf(type, patch.body) : JSON.stringify(patch.body);
}

function patchContentType(patch: Patch): string {
  switch (patch.type) {
    case "apply":
      return "application/apply-patch+yaml"; // JSON is YAML; servers before 1.35 know no JSON form of apply
    case "merge":
      return "application/merge-patch+json";
    case "json":
      return "application/json-patch+json";
    default:
      return unreachable(patch);
  }
}
