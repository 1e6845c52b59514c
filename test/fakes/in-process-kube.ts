/**
 * `KubeApi` straight on the embedded API server's core: no HTTP, no real time. Semantics (apply, conflicts, watches,
 * validation by our own CRDs) and error codes are those of the real path, so that controllers and guards can be tested
 * under a `FakeClock`, with faults on demand:
 *
 *   const kube = InProcessKube.create({ clock });
 *   kube.faults.add({ match: { verbs: ["patch"], resource: "leases" }, action: { kind: "lose-reply" }, times: 1 });
 *
 * `sibling` gives a second client of the same server, e.g. one per agent; faults can match its `userAgent`.
 */
import { crdOf } from "../../src/api/crd.ts";
import { DEFINITIONS } from "../../src/api/definitions.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Random } from "../../src/lib/random.ts";
import {
  KubeError,
  isKubeError,
  keyText,
  type CallOptions,
  type KubeApi,
  type KubeObject,
  type ListOptions,
  type ObjectKey,
  type ObjectList,
  type Patch,
  type ResourceType,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from "../../src/kube/ports.ts";
import { isStatusBody, parseStatusBody, refusal } from "../../src/kube/rest-errors.ts";
import { ApiServerCore } from "../../src/sandbox/apiserver/core.ts";
import { Faults, type FaultPlan, type RequestFacts, type Verb } from "../../src/sandbox/apiserver/faults.ts";
import type { Target, WriteContext } from "../../src/sandbox/apiserver/requests.ts";
import { apiVersionOf, type Resource } from "../../src/sandbox/apiserver/resource.ts";
import { parseFieldSelector, parseLabelSelector, type Matches } from "../../src/sandbox/apiserver/selectors.ts";
import { StatusError } from "../../src/sandbox/apiserver/status-error.ts";
import type { WireEvent } from "../../src/sandbox/apiserver/watch.ts";
import { seededRandom } from "./seeded-random.ts";

export interface InProcessKubeOptions {
  /** Deadline of a request that names none, in milliseconds. */
  readonly timeoutMs?: number;
  readonly fieldManager?: string;
  /** What fault rules can match. */
  readonly userAgent?: string;
}

export interface InProcessServerOptions extends InProcessKubeOptions {
  readonly clock: Clock;
  readonly random?: Random;
  /** Install the project's own CRDs; true when absent. */
  readonly installCrds?: boolean;
  /** Changes kept for watches that resume. */
  readonly historyLimit?: number;
}

interface Server {
  readonly core: ApiServerCore;
  readonly faults: Faults;
  readonly clock: Clock;
  /** Running watches, to be dropped on demand. */
  readonly watches: Set<EventQueue>;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** Events a watch may fall behind before it is cut. */
const MAX_QUEUED_EVENTS = 10_000;

export class InProcessKube implements KubeApi {
  readonly core: ApiServerCore;
  readonly faults: Faults;
  readonly #server: Server;
  readonly #options: InProcessKubeOptions;

  constructor(server: Server, options: InProcessKubeOptions = {}) {
    this.#server = server;
    this.core = server.core;
    this.faults = server.faults;
    this.#options = options;
  }

  /** A fresh server with the project's CRDs; namespaces come into being when something is created in them. */
  static create(options: InProcessServerOptions): InProcessKube {
    const { clock, random = seededRandom(1), historyLimit } = options;
    const core = new ApiServerCore({
      clock,
      random,
      autoCreateNamespaces: true,
      ...(historyLimit === undefined ? {} : { historyLimit }),
    });
    if (options.installCrds !== false) installCrds(core);
    return new InProcessKube({ core, clock, faults: new Faults(random), watches: new Set() }, options);
  }

  /** Another client of the same server. */
  sibling(options: InProcessKubeOptions): InProcessKube {
    return new InProcessKube(this.#server, { ...this.#options, ...options });
  }

  /** Breaks every running watch, as a broken connection does; those of one `userAgent` when given. */
  dropWatches(userAgent?: string): void {
    for (const queue of this.#server.watches) {
      if (userAgent === undefined || queue.facts.userAgent.startsWith(userAgent)) queue.break();
    }
  }

  async get<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.#call("get", type, key, options, () => copyOut<T>(this.core.get(this.#target(type, key))));
    } catch (thrown) {
      // An unknown kind has no reason: it must stay an error.
      if (isKubeError(thrown, "NotFound") && "reason" in thrown.detail && thrown.detail.reason !== "") return undefined;
      throw thrown;
    }
  }

  async list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ObjectList<T>> {
    const key = { namespace: options.namespace ?? "", name: "" };
    return await this.#call("list", type, key, options, ({ versionsBehind }) => {
      const resource = this.#resource(type);
      const matches = selectorOf(resource, options);
      const page = this.core.list({ resource, namespace: options.namespace, matches, versionsBehind });
      return { resourceVersion: page.resourceVersion, items: page.items.map((item) => copyOut<T>(item)) };
    });
  }

  async *watch<T extends KubeObject>(type: ResourceType, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const what = `watch ${type.plural}`;
    const key = { namespace: options.namespace ?? "", name: "" };
    if (options.signal.aborted) return;
    const queue = new EventQueue(what, this.#facts("watch", type, key, ""), options, this.#server);
    try {
      const call = { timeoutMs: Math.min(this.#timeoutMs(options), options.idleTimeoutMs), signal: options.signal };
      await this.#call("watch", type, key, call, () => queue.open(this.#resource(type)));
      for (;;) {
        const event = await queue.next();
        if (event === undefined) return;
        yield toWatchEvent<T>(what, event);
      }
    } catch (thrown) {
      if (options.signal.aborted) return;
      throw thrown;
    } finally {
      queue.close();
    }
  }

  async create<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    return await this.#call("create", type, key, options, () => {
      const context = this.#context(options, options.fieldManager);
      return copyOut<T>(this.core.create(this.#resource(type), key.namespace, bodyOf(type, object), context));
    });
  }

  async replace<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    return await this.#call("update", type, key, options, () => {
      const context = this.#context(options, options.fieldManager);
      return copyOut<T>(this.core.update(this.#target(type, key, options), bodyOf(type, object), context));
    });
  }

  async patch<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    return await this.#call("patch", type, key, options, () => {
      const context = this.#context(options, patch.fieldManager ?? options.fieldManager);
      const request = patch.type === "apply" ? { ...patch, body: bodyOf(type, patch.body) } : patch;
      return copyOut<T>(this.core.patch(this.#target(type, key, options), request, context));
    });
  }

  async delete(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions & { readonly uid?: string; readonly resourceVersion?: string } = {},
  ): Promise<void> {
    const { uid, resourceVersion } = options;
    await this.#call("delete", type, key, options, () => {
      this.core.delete(this.#target(type, key), { uid, resourceVersion });
    });
  }

  #resource(type: ResourceType): Resource {
    const found = this.core.registry.find(type.group, type.version, type.plural);
    // Not a Status: a client must not read "no such kind" as "no such object".
    if (found === undefined)
      throw refusal(`unknown resource ${type.plural}.${type.group}/${type.version}`, 404, undefined);
    return found;
  }

  #target(type: ResourceType, key: ObjectKey, options: WriteOptions = {}): Target {
    return { resource: this.#resource(type), ...key, subresource: options.subresource ?? "" };
  }

  #context(options: WriteOptions, fieldManager: string | undefined): WriteContext {
    return {
      fieldManager: fieldManager ?? this.#options.fieldManager,
      dryRun: options.dryRun === true,
      user: { name: this.#options.userAgent ?? "in-process", groups: [] },
    };
  }

  #facts(verb: Verb, type: ResourceType, key: ObjectKey, subresource: string): RequestFacts {
    const userAgent = this.#options.userAgent ?? "in-process";
    return { verb, group: type.group, resource: type.plural, ...key, subresource, user: userAgent, userAgent };
  }

  #timeoutMs(options: CallOptions): number {
    return options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** Carries out `run` as the faults say. What is delayed past the deadline still happens, as on a real network. */
  async #call<R>(
    verb: Verb,
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions & { readonly subresource?: string },
    run: (plan: FaultPlan) => R,
  ): Promise<R> {
    const what = `${verb} ${type.plural} ${keyText(key)}`;
    if (options.signal?.aborted === true) throw new KubeError({ code: "Unreachable" }, `${what}: aborted`);
    const plan = this.faults.decide(this.#facts(verb, type, key, options.subresource ?? ""));
    if (plan.cut) throw lost(what, "connection cut", false);
    const answer = this.#answer(plan, () => {
      if (plan.refusal !== undefined) throw plan.refusal;
      const result = run(plan);
      if (plan.loseReply) throw lost(what, "reply lost", false);
      return result;
    });
    try {
      return await this.#withinDeadline(what, answer, options);
    } catch (thrown) {
      throw thrown instanceof StatusError ? asKubeError(what, thrown) : thrown;
    }
  }

  #answer<R>(plan: FaultPlan, run: () => R): Promise<R> {
    const { clock } = this.#server;
    return new Promise<R>((resolve, reject) => {
      const go = (): void => {
        try {
          resolve(run());
        } catch (thrown) {
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      };
      const start = (): void => {
        if (plan.delayMs > 0) clock.setTimer(plan.delayMs, go);
        else queueMicrotask(go);
      };
      if (plan.thawed === undefined) start();
      else void plan.thawed.then(start);
    });
  }

  async #withinDeadline<R>(what: string, answer: Promise<R>, options: CallOptions): Promise<R> {
    const timeoutMs = this.#timeoutMs(options);
    return await new Promise<R>((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        options.signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        end();
        reject(lost(what, "aborted", false));
      };
      const timer = this.#server.clock.setTimer(timeoutMs, () => {
        end();
        reject(lost(what, `no answer within ${timeoutMs} ms`, true));
      });
      options.signal?.addEventListener("abort", onAbort, { once: true });
      answer.then(resolve, reject).finally(end);
    });
  }
}

/** The project's CRDs, as `kubectl apply -f crds/` would install them. */
export function installCrds(core: ApiServerCore): void {
  const resource = core.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions");
  if (resource === undefined) throw new Error("the server does not serve CRDs");
  for (const definition of Object.values(DEFINITIONS)) core.create(resource, "", crdOf(definition));
}

function selectorOf(
  resource: Resource,
  options: { labelSelector?: string; fieldSelector?: string },
): Matches | undefined {
  const labels = parseLabelSelector(options.labelSelector);
  const fields = parseFieldSelector(options.fieldSelector, resource.selectable);
  if (labels === undefined && fields === undefined) return undefined;
  return (object) => (labels?.(object) ?? true) && (fields?.(object) ?? true);
}

function bodyOf(type: ResourceType, object: KubeObject): KubeObject {
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
}

/** The one place where an answer gets its type, as in the REST client. */
function copyOut<T>(object: unknown): T {
  return structuredClone(object) as T;
}

function asKubeError(what: string, error: StatusError): KubeError {
  return refusal(what, error.code, parseStatusBody(JSON.stringify(error.body())));
}

function lost(what: string, why: string, timedOut: boolean): KubeError {
  return new KubeError({ code: "ResultUnknown", timedOut }, `${what}: result unknown: ${why}`);
}

function toWatchEvent<T extends KubeObject>(what: string, event: WireEvent): WatchEvent<T> {
  if (event.type === "BOOKMARK") {
    const { resourceVersion = "" } = copyOut<KubeObject>(event.object).metadata;
    return { type: "BOOKMARK", resourceVersion };
  }
  if (event.type !== "ERROR") return { type: event.type, object: copyOut<T>(event.object) };
  const status = isStatusBody(event.object) ? event.object : undefined;
  throw refusal(what, status?.code ?? 500, status);
}

/** Between the server's pushing and the client's pulling; judges silence and breaks on demand. */
class EventQueue {
  readonly facts: RequestFacts;
  readonly #what: string;
  readonly #options: WatchOptions;
  readonly #server: Server;
  readonly #events: WireEvent[] = [];
  #ended = false;
  #broken: KubeError | undefined;
  #wake: (() => void) | undefined;
  #stop: (() => void) | undefined;

  constructor(what: string, facts: RequestFacts, options: WatchOptions, server: Server) {
    this.#what = what;
    this.facts = facts;
    this.#options = options;
    this.#server = server;
  }

  open(resource: Resource): void {
    const { namespace, resourceVersion, timeoutSeconds } = this.#options;
    const matches = selectorOf(resource, this.#options);
    const session = this.#server.core.watch(
      { resource, namespace, matches, resourceVersion, timeoutSeconds, allowBookmarks: true },
      {
        event: (event) => this.#push(event),
        end: () => {
          this.#ended = true;
          this.#wake?.();
        },
      },
    );
    const unlisten = this.#server.faults.onChange(() => this.#wake?.());
    const onAbort = (): void => this.#wake?.();
    this.#options.signal.addEventListener("abort", onAbort, { once: true });
    this.#stop = () => {
      this.#server.core.cancelWatch(session);
      unlisten();
      this.#options.signal.removeEventListener("abort", onAbort);
    };
    this.#server.watches.add(this);
  }

  close(): void {
    this.#server.watches.delete(this);
    this.#stop?.();
  }

  break(): void {
    this.#broken = lost(this.#what, "connection broken", false);
    this.#wake?.();
  }

  /** Undefined when the watch has ended. */
  async next(): Promise<WireEvent | undefined> {
    for (;;) {
      if (this.#options.signal.aborted) return undefined;
      if (this.#broken !== undefined) throw this.#broken;
      if (!this.#server.faults.isFrozen(this.facts)) {
        const event = this.#events.shift();
        if (event !== undefined) return event;
        if (this.#ended) return undefined;
      }
      await this.#wait();
    }
  }

  async #wait(): Promise<void> {
    const { idleTimeoutMs } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = this.#server.clock.setTimer(idleTimeoutMs, () => {
        this.#broken = lost(this.#what, `silent for ${idleTimeoutMs} ms`, true);
        this.#wake?.();
      });
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #push(event: WireEvent): void {
    if (this.#events.length >= MAX_QUEUED_EVENTS) this.break();
    else this.#events.push(event);
    this.#wake?.();
  }
}
