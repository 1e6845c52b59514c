/**
 * `KubeApi` as one process has it in a simulated world: every request and every answer crosses the network, deadlines run
 * on the process's own clock, and a request may be carried out long after the process gave up or died.
 */
import {
  type CallOptions,
  isKubeError,
  type KubeApi,
  KubeError,
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
} from "../../../src/kube/ports.ts";
import { MIRROR_DISK } from "../../../src/api/kinds.ts";
import { LEASE } from "../../../src/api/session-lease.ts";
import { parseStatusBody, refusal } from "../../../src/kube/rest-errors.ts";
import type { Random } from "../../../src/lib/random.ts";
import type { Target, WriteContext } from "../../../src/sandbox/apiserver/requests.ts";
import { apiVersionOf, type Resource } from "../../../src/sandbox/apiserver/resource.ts";
import { type Matches, parseFieldSelector, parseLabelSelector } from "../../../src/sandbox/apiserver/selectors.ts";
import { StatusError } from "../../../src/sandbox/apiserver/status-error.ts";
import { storeKey } from "../../../src/sandbox/apiserver/store.ts";
import { shared } from "./frozen.ts";
import { LEADER_LEASE } from "../names.ts";
import { API } from "./network.ts";
import { lost, type ServedWrite, type SimKubeModules } from "./kube-modules.ts";
import { SimWatch } from "./sim-watch.ts";

export interface SimKubeOptions {
  readonly timeoutMs: number;
  readonly fieldManager: string;
}

const EVENTS = "events";

type Verb = "get" | "list" | "watch" | ServedWrite["verb"];

export class SimKube implements KubeApi {
  readonly #options: SimKubeOptions;
  readonly #modules: SimKubeModules;

  constructor(options: SimKubeOptions, modules: SimKubeModules) {
    this.#options = options;
    this.#modules = modules;
  }

  async get<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    const { core } = this.#modules.server;
    try {
      return await this.#call<T>("get", type, key, options, () => {
        if (type.plural !== LEASE.plural) return core.get(this.#target(type, key));
        const lease = core.store.get(this.#modules.server.leases.storage, storeKey(key.namespace, key.name));
        return lease ?? core.get(this.#target(type, key));
      });
    } catch (thrown) {
      if (isKubeError(thrown, "NotFound")) return undefined;
      throw thrown;
    }
  }

  async list<T extends KubeObject>(type: ResourceType, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { server, random } = this.#modules;
    const key = { namespace: options.namespace ?? "", name: "" };
    return await this.#call("list", type, key, options, () => {
      const resource = this.#resource(type);
      // What judges sessions is consistent by contract; a cache may be filled from an older state.
      const isStale = server.staleChance > 0 && type.plural !== LEASE.plural && random.next() < server.staleChance;
      const versionsBehind = isStale ? Math.floor(random.next() * 60) : undefined;
      const matches = selectorOf(resource, options);
      const page = server.core.list({ resource, namespace: options.namespace, matches, versionsBehind });
      return { resourceVersion: page.resourceVersion, items: page.items };
    });
  }

  async *watch<T extends KubeObject>(type: ResourceType, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    if (options.signal.aborted) return;
    const key = { namespace: options.namespace ?? "", name: "" };
    const watch = new SimWatch(`watch ${type.plural}`, options, this.#modules);
    try {
      const timeoutMs = Math.min(this.#options.timeoutMs, options.idleTimeoutMs);
      await this.#call("watch", type, key, { timeoutMs, signal: options.signal }, () => {
        const resource = this.#resource(type);
        watch.open(resource, selectorOf(resource, options));
        return {};
      });
      for (;;) {
        const event = await watch.next();
        if (event === undefined) return;
        yield event as WatchEvent<T>;
      }
    } catch (thrown) {
      if (options.signal.aborted) return;
      throw thrown;
    } finally {
      watch.close();
    }
  }

  async create<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const { server } = this.#modules;
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    return await this.#call<T>("create", type, key, options, () => {
      if (type.plural === LEASE.plural) return server.createLease(key.namespace, object);
      if (type.plural === EVENTS) return server.takeEvent(object);
      return server.core.create(this.#resource(type), key.namespace, bodyOf(type, object), this.#context(options));
    });
  }

  async replace<T extends KubeObject>(type: ResourceType, object: T, options: WriteOptions = {}): Promise<T> {
    const { server } = this.#modules;
    const key = { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
    return await this.#call<T>("update", type, key, options, () =>
      type.plural === LEASE.plural
        ? server.replaceLease(key.namespace, object)
        : server.core.update(this.#target(type, key, options), bodyOf(type, object), this.#context(options)),
    );
  }

  async patch<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    patch: Patch,
    options: WriteOptions = {},
  ): Promise<T> {
    const { server } = this.#modules;
    return await this.#call<T>("patch", type, key, options, () => {
      if (type.plural === EVENTS) return server.takeEvent({ metadata: key });
      const isStatus = patch.type === "apply" && options.subresource === "status";
      if (isStatus) return server.applyStatus(this.#resource(type), key, patch.body, patch.fieldManager);
      const request = patch.type === "apply" ? { ...patch, body: bodyOf(type, patch.body) } : patch;
      const context = this.#context(options, patch.fieldManager);
      return server.core.patch(this.#target(type, key, options), request, context);
    });
  }

  async delete(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions & { readonly uid?: string; readonly resourceVersion?: string } = {},
  ): Promise<void> {
    const { uid, resourceVersion } = options;
    await this.#call("delete", type, key, options, () =>
      this.#modules.server.core.delete(this.#target(type, key), { uid, resourceVersion }),
    );
  }

  #resource(type: ResourceType): Resource {
    const found = this.#modules.server.core.registry.find(type.group, type.version, type.plural);
    if (found === undefined) throw refusal(`unknown resource ${type.plural}`, 404, undefined);
    return found;
  }

  #target(type: ResourceType, key: ObjectKey, options: WriteOptions = {}): Target {
    return { resource: this.#resource(type), ...key, subresource: options.subresource ?? "" };
  }

  #context(options: WriteOptions, fieldManager = options.fieldManager): WriteContext {
    return { fieldManager: fieldManager ?? this.#options.fieldManager, fieldValidation: "Ignore" };
  }

  async #call<R>(verb: Verb, type: ResourceType, key: ObjectKey, options: CallOptions, run: () => unknown): Promise<R> {
    const { process } = this.#modules;
    const what = `${verb} ${type.plural} ${keyText(key)}`;
    if (options.signal?.aborted === true) throw new KubeError({ code: "Unreachable" }, `${what}: aborted`);
    return await new Promise<R>((resolve, reject) => {
      const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs;
      const end = (): void => {
        timer.cancel();
        options.signal?.removeEventListener("abort", onAbort);
      };
      const fail = (thrown: unknown): void => {
        end();
        reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      };
      const onAbort = (): void => fail(lost(what, "aborted", false));
      const timer = process.setTimer(timeoutMs, () => fail(lost(what, `no answer within ${timeoutMs} ms`, true)));
      options.signal?.addEventListener("abort", onAbort, { once: true });
      process.emit(() =>
        this.#send({ verb, type, key, what }, run, (answer) => {
          if ("thrown" in answer) return fail(answer.thrown);
          end();
          resolve(answer.result as R);
        }),
      );
    });
  }

  /** There and back; either way can be lost. */
  #send(
    request: { readonly verb: Verb; readonly type: ResourceType; readonly key: ObjectKey; readonly what: string },
    run: () => unknown,
    settle: (answer: { readonly result: unknown } | { readonly thrown: unknown }) => void,
  ): void {
    const { network, process, server, onWrite } = this.#modules;
    const { verb, type, key, what } = request;
    const site = process.machine.name;
    const detour = type.plural === MIRROR_DISK.plural && verb === "patch" ? network.diskDetours.get(site) : undefined;
    const usual = network.qualityOf(site);
    const quality = detour === undefined ? usual : { ...usual, ...detour, lateChance: 1 };
    const sentMs = process.scheduler.nowMs;
    if (server.condition === "refuses") {
      const thrown = new KubeError({ code: "Unreachable" }, `${what}: connection refused`);
      process.scheduler.after(0.3, () => process.deliver(() => settle({ thrown })));
      return;
    }
    if (type.plural === LEASE.plural && key.name !== LEADER_LEASE && network.leaseless.has(site)) return;
    network.carry(site, API, quality, () => {
      if (server.condition !== "up") return;
      const answer = this.#serve(what, run);
      if ("result" in answer && verb !== "get" && verb !== "list" && verb !== "watch")
        onWrite?.({ process, verb, type, key, sentMs, result: answer.result });
      network.carry(API, site, usual, () => process.deliver(() => settle(answer)));
    });
  }

  #serve(what: string, run: () => unknown): { readonly result: unknown } | { readonly thrown: unknown } {
    const { server, random } = this.#modules;
    try {
      if (server.refusalChance > 0 && random.next() < server.refusalChance) throw injected(random);
      return { result: shared(run()) };
    } catch (thrown) {
      if (!(thrown instanceof StatusError)) return { thrown };
      return { thrown: refusal(what, thrown.code, parseStatusBody(JSON.stringify(thrown.body()))) };
    }
  }
}

function injected(random: Random): StatusError {
  const found = [
    [429, "TooManyRequests"],
    [500, "InternalError"],
    [503, "ServiceUnavailable"],
  ] as const;
  const [status, reason] = found[Math.floor(random.next() * found.length)] ?? [500, "InternalError"];
  return new StatusError(status, reason, `injected fault: ${reason}`);
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
