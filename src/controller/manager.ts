/**
 * The life of a controller process:
 *
 *   informers start ──> caches synced ──> standby: stands for election with warm caches
 *                                              │ elected
 *                                              v
 *                                         leader: loops run ──> right lost ──> onLost: the process must exit
 *                                              │ stop
 *                                              v
 *                              loops stop ──> Lease released ──> informers stop
 *
 * Order is what matters here. Nobody leads before its caches are complete (it would decide on half the truth), loops
 * have ended before the Lease is given away, and a process that lost its right never runs loops again.
 */
import { type Clock, sleep } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Check } from "./health-server.ts";
import type { Loop } from "./reconcile-loop.ts";

/** What the manager needs of an informer, whatever its kind. */
export interface WarmCache {
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  start(): void;
  stop(): Promise<void>;
}

/** What the manager needs of an election. */
export interface Election {
  start(): void;
  isLeader(): boolean;
  stop(release: boolean): Promise<void>;
}

/** Called by the election: wire them as its `onElected` and `onDeposed`. */
export interface ElectionListener {
  onElected(): void;
  onDeposed(reason: string): void;
}

export interface ManagerOptions {
  /** Longest wait for the loops to end. If they do not, the Lease is left to expire instead of being released. */
  readonly drainTimeoutMs: number;
}

export interface ManagerModules {
  readonly caches: readonly WarmCache[];
  readonly loops: readonly Loop[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Makes the election, once, with the manager as its listener. */
  readonly election: (listener: ElectionListener) => Election;
  /** Anything a leader must know from reads over time, begun while still a standby: the caches are complete. */
  readonly onStandby?: () => void;
  /** The right is lost: exit the process at once, without cleaning up. Called at most once. */
  readonly onLost: (reason: string) => void;
}

export class Manager {
  readonly #options: ManagerOptions;
  readonly #modules: ManagerModules;
  readonly #election: Election;
  #state: "New" | "Syncing" | "Standby" | "Leading" | "Lost" | "Stopping" = "New";
  #stopped: Promise<void> | undefined;

  constructor(options: ManagerOptions, modules: ManagerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#election = modules.election({ onElected: () => this.#lead(), onDeposed: (reason) => this.#lose(reason) });
  }

  /** Resolves when this process stands for election; the rest happens by itself. */
  async start(): Promise<void> {
    if (this.#state !== "New") return;
    this.#state = "Syncing";
    for (const cache of this.#modules.caches) cache.start();
    await Promise.all(this.#modules.caches.map((cache) => cache.synced));
    if (this.#isStopping()) return;
    this.#state = "Standby";
    this.#modules.log.info("caches are complete, standing for election");
    this.#modules.onStandby?.();
    this.#election.start();
  }

  /** Ends everything in order. Idempotent; safe in every state. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  isLeader(): boolean {
    return this.#election.isLeader();
  }

  /** Ready means useful: caches complete and not about to end. A standby is ready. */
  readonly ready: Check = () => {
    switch (this.#state) {
      case "New":
      case "Syncing":
        return `waiting for ${this.#modules.caches.filter((cache) => !cache.hasSynced).length} caches`;
      case "Lost":
        return "leadership was lost";
      case "Stopping":
        return "stopping";
      case "Standby":
      case "Leading":
        return undefined;
    }
  };

  /** Healthy unless a restart would help. */
  readonly healthy: Check = () => (this.#state === "Lost" ? "leadership was lost" : undefined);

  #lead(): void {
    if (this.#state !== "Standby") return;
    this.#state = "Leading";
    for (const loop of this.#modules.loops) loop.start();
  }

  #lose(reason: string): void {
    if (this.#state === "Stopping") return;
    this.#state = "Lost";
    // Not awaited: the fence already forbids every write, and the process ends now.
    for (const loop of this.#modules.loops) void loop.stop();
    this.#modules.onLost(reason);
  }

  async #stop(): Promise<void> {
    const { loops, caches, log, clock } = this.#modules;
    const wasStarted = this.#state !== "New" && this.#state !== "Syncing";
    this.#state = "Stopping";
    log.info("stopping");
    const drained = new AbortController();
    const draining = Promise.all(loops.map((loop) => loop.stop())).then(() => drained.abort());
    const { drainTimeoutMs } = this.#options;
    await Promise.race([draining, sleep(clock, drainTimeoutMs, drained.signal)]);
    const hasEnded = drained.signal.aborted;
    // A write that is still on its way is ours only while the Lease is: then the Lease is left to expire.
    if (!hasEnded) log.warn("work did not end in time, the Lease is not released", { drainTimeoutMs });
    if (wasStarted) await this.#election.stop(hasEnded);
    await Promise.all(caches.map((cache) => cache.stop()));
  }

  #isStopping(): boolean {
    return this.#state === "Stopping";
  }
}
