/**
 * One watch across the simulated network: events arrive in order, later or not at all; a cut silences it, and it breaks
 * with the server, on demand, or when it was silent for too long on the client's clock.
 */
import type { KubeObject, WatchEvent, WatchOptions } from "../../../src/kube/ports.ts";
import { isStatusBody, refusal } from "../../../src/kube/rest-errors.ts";
import type { Timer } from "../../../src/lib/clock.ts";
import type { Resource } from "../../../src/sandbox/apiserver/resource.ts";
import type { Matches } from "../../../src/sandbox/apiserver/selectors.ts";
import type { WireEvent } from "../../../src/sandbox/apiserver/watch.ts";
import { shared } from "./frozen.ts";
import { API, Network } from "./network.ts";
import { lost, type SimKubeModules } from "./kube-modules.ts";

export class SimWatch {
  readonly #what: string;
  readonly #options: WatchOptions;
  readonly #modules: SimKubeModules;
  readonly #events: WireEvent[] = [];
  #isEnded = false;
  #broken: Error | undefined;
  #wake: (() => void) | undefined;
  #stop: (() => void) | undefined;
  /** No event overtakes the one before it. */
  #lastArrivalMs = 0;
  #idle: Timer | undefined;
  #lastHeardMs = 0;
  #isClosed = false;

  constructor(what: string, options: WatchOptions, modules: SimKubeModules) {
    this.#what = what;
    this.#options = options;
    this.#modules = modules;
  }

  /** Runs at the server. */
  open(resource: Resource, matches: Matches | undefined): void {
    const { server, process } = this.#modules;
    const { namespace, resourceVersion, timeoutSeconds, signal } = this.#options;
    if (this.#isClosed || process.isDead) return;
    const session = server.core.watch(
      { resource, namespace, matches, resourceVersion, timeoutSeconds, allowBookmarks: true },
      {
        event: (event) => this.#carry(() => this.#events.push(event)),
        end: () => this.#carry(() => (this.#isEnded = true)),
      },
    );
    const breaker = (client: string | undefined): void => {
      if (client !== undefined && client !== process.machine.name) return;
      this.#stop?.();
      process.deliver(() => {
        this.#broken = lost(this.#what, "connection broken", false);
        this.#wake?.();
      });
    };
    server.breakers.add(breaker);
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stop = () => {
      server.core.cancelWatch(session);
      server.breakers.delete(breaker);
      signal.removeEventListener("abort", onAbort);
    };
    process.onDeath.push(this.#stop);
  }

  close(): void {
    this.#isClosed = true;
    this.#idle?.cancel();
    this.#stop?.();
  }

  /** Undefined when the watch has ended. */
  async next(): Promise<WatchEvent<KubeObject> | undefined> {
    this.#armIdle();
    for (;;) {
      if (this.#options.signal.aborted) return undefined;
      if (this.#broken !== undefined) throw this.#broken;
      const event = this.#events.shift();
      if (event !== undefined) return this.#toEvent(event);
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = () => {
          this.#wake = undefined;
          resolve();
        };
      });
    }
  }

  #carry(apply: () => void): void {
    const { network, process } = this.#modules;
    const site = process.machine.name;
    const { scheduler } = process;
    const { delayMs } = network.qualityOf(site);
    const atMs = scheduler.nowMs + delayMs * (0.25 + 1.75 * this.#modules.random.next());
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs);
    const arrive = (): void =>
      process.deliver(() => {
        this.#lastHeardMs = process.monotonicMs();
        apply();
        this.#wake?.();
      });
    // A connection repeats what a cut swallowed: it comes later, in order.
    const watches = Network.watchesOf(site);
    scheduler.at(this.#lastArrivalMs, () =>
      network.whenHealed(API, watches, () => network.whenHealed(API, site, arrive)),
    );
  }

  #armIdle(): void {
    if (this.#idle !== undefined) return;
    const { process } = this.#modules;
    const { idleTimeoutMs } = this.#options;
    this.#lastHeardMs = process.monotonicMs();
    const look = (): void => {
      const silentMs = process.monotonicMs() - this.#lastHeardMs;
      if (silentMs < idleTimeoutMs) {
        this.#idle = process.setTimer(idleTimeoutMs - silentMs, look);
        return;
      }
      this.#broken = lost(this.#what, `silent for ${idleTimeoutMs} ms`, true);
      this.#wake?.();
    };
    this.#idle = process.setTimer(idleTimeoutMs, look);
  }

  #toEvent(event: WireEvent): WatchEvent<KubeObject> {
    if (event.type === "BOOKMARK") {
      const { resourceVersion = "" } = shared<KubeObject>(event.object).metadata;
      return { type: "BOOKMARK", resourceVersion };
    }
    if (event.type !== "ERROR") return { type: event.type, object: shared<KubeObject>(event.object) };
    const status = isStatusBody(event.object) ? event.object : undefined;
    throw refusal(this.#what, status?.code ?? 500, status);
  }
}
