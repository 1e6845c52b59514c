/**
 * Leases behind `KubeApi`, with the faults that matter to their holder: a reply that is lost, a write that is carried
 * out late, a server that does not answer. One fault is taken per request, in order; without one a request succeeds.
 */
import {
  type KubeApi,
  KubeError,
  type KubeObject,
  type ObjectKey,
  type ObjectList,
  type ResourceType,
} from "../../src/kube/ports.ts";
import type { Clock } from "../../src/lib/clock.ts";

export type LeaseFault =
  | "ok"
  /** Carried out; the caller hears nothing until its deadline. */
  | "lostReply"
  /** Hangs until the deadline; `carryOutLate()` carries it out at any time later. */
  | "late"
  | "unreachable"
  | "hang";

export interface SentRequest {
  readonly verb: "get" | "create" | "replace";
  readonly object?: KubeObject;
}

export class FakeLeaseApi implements KubeApi {
  readonly #clock: Clock;
  readonly #objects = new Map<string, KubeObject>();
  readonly #late: (() => void)[] = [];
  readonly sent: SentRequest[] = [];
  /** Taken one per request. */
  readonly faults: LeaseFault[] = [];
  /** In force for every request while set. */
  standing: LeaseFault | undefined;
  /** Requests about these Leases hang. */
  readonly hanging = new Set<string>();
  #version = 100;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stored<T extends KubeObject>(name: string): T | undefined {
    const found = this.#objects.get(name);
    return found === undefined ? undefined : (structuredClone(found) as T);
  }

  /** A write by someone else, without precondition. */
  put(object: KubeObject): void {
    this.#store(object);
  }

  remove(name: string): void {
    this.#objects.delete(name);
  }

  get hasLate(): boolean {
    return this.#late.length > 0;
  }

  /** Carries out the oldest delayed write; false when its precondition failed by now. */
  carryOutLate(): boolean {
    const run = this.#late.shift();
    if (run === undefined) throw new Error("no delayed write");
    try {
      run();
      return true;
    } catch (thrown) {
      if (thrown instanceof KubeError) return false;
      throw thrown;
    }
  }

  async get<T extends KubeObject>(
    _type: ResourceType,
    key: ObjectKey,
    options?: { timeoutMs?: number },
  ): Promise<T | undefined> {
    this.sent.push({ verb: "get" });
    return await this.#exchange(key.name, options, () => this.stored<T>(key.name));
  }

  async create<T extends KubeObject>(_type: ResourceType, object: T, options?: { timeoutMs?: number }): Promise<T> {
    this.sent.push({ verb: "create", object: structuredClone(object) });
    return await this.#exchange(object.metadata.name, options, () => {
      if (this.#objects.has(object.metadata.name)) throw refused("AlreadyExists");
      return this.#store(object) as T;
    });
  }

  async replace<T extends KubeObject>(_type: ResourceType, object: T, options?: { timeoutMs?: number }): Promise<T> {
    this.sent.push({ verb: "replace", object: structuredClone(object) });
    return await this.#exchange(object.metadata.name, options, () => {
      const found = this.#objects.get(object.metadata.name);
      if (found === undefined) throw refused("NotFound");
      if (found.metadata.resourceVersion !== object.metadata.resourceVersion) throw refused("Conflict");
      return this.#store(object) as T;
    });
  }

  list<T extends KubeObject>(): Promise<ObjectList<T>> {
    return Promise.reject(new Error("not used by the guard"));
  }

  watch(): never {
    throw new Error("not used by the guard");
  }

  patch<T extends KubeObject>(): Promise<T> {
    return Promise.reject(new Error("not used by the guard"));
  }

  delete(): Promise<void> {
    return Promise.reject(new Error("not used by the guard"));
  }

  #store(object: KubeObject): KubeObject {
    const stored = structuredClone(object);
    stored.metadata.resourceVersion = String(++this.#version);
    this.#objects.set(stored.metadata.name, stored);
    return structuredClone(stored);
  }

  async #exchange<R>(name: string, options: { timeoutMs?: number } | undefined, carryOut: () => R): Promise<R> {
    const fault = this.hanging.has(name) ? "hang" : this.#nextFault();
    await Promise.resolve();
    switch (fault) {
      case "ok":
        return carryOut();
      case "unreachable":
        throw new KubeError({ code: "Unreachable" }, "connection refused");
      case "lostReply":
        carryOut();
        break;
      case "late":
        this.#late.push(carryOut);
        break;
      case "hang":
        break;
      default:
        throw new Error(`unknown fault ${String(fault)}`);
    }
    await new Promise<void>((resolve) => this.#clock.setTimer(options?.timeoutMs ?? 1_000, resolve));
    throw new KubeError({ code: "ResultUnknown" }, "no answer within the deadline");
  }

  #nextFault(): LeaseFault {
    return this.standing ?? this.faults.shift() ?? "ok";
  }
}

function refused(code: "AlreadyExists" | "NotFound" | "Conflict"): KubeError {
  return new KubeError({ code, status: code === "NotFound" ? 404 : 409, reason: code }, code);
}
