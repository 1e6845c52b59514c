/**
 * Feeds the session observer: one consistent list of the session Leases every renew interval, and one timer that fires
 * exactly when a verdict changes by time alone, so that a session is revoked when it may be and not at the next poll.
 *
 * A standby replica reads as well. Leader and active member often run on the same VM: when it dies, the count of
 * rho*L+M must not begin only when the next leader is elected. What counts are this process's own unbroken reads,
 * whoever leads meanwhile; to end a session the compare-and-set and the leader's right are needed all the same.
 *
 * One list at a time, so that reads arrive in the order in which they were sent; an answer that comes after its
 * deadline is never used. Must never do: decide anything; read from a cache.
 */
import { LEASE, SESSION_LABEL, type Lease } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import type { KubeApi } from "../../kube/ports.ts";
import { type Clock, readInstant, type Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import { SessionObserver, type SessionView } from "./session-observer.ts";

export interface SessionPollerOptions {
  /** The installation's namespace, in which the session Leases live. */
  readonly namespace: string;
  readonly timings: Timings;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
}

export interface SessionPollerModules {
  readonly kube: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the reconcilers need of it. */
export interface Sessions {
  view(node: string): SessionView;
  /** Nodes that have or had a session Lease, sorted. */
  nodes(): string[];
  /** The answer to a write, or to a consistent read, of one session Lease. */
  answered(lease: Lease): void;
  /** Reads again at once: after a compare-and-set that lost. */
  refresh(): void;
}

export class SessionPoller implements Sessions {
  readonly #options: SessionPollerOptions;
  readonly #modules: SessionPollerModules;
  #observer: SessionObserver;
  #listeners: ((nodes: readonly string[]) => void)[] = [];
  #verdicts = new Map<string, string>();
  #pollTimer: Timer | undefined;
  #verdictTimer: Timer | undefined;
  #stop: AbortController | undefined;
  #isRefreshWanted = false;

  constructor(options: SessionPollerOptions, modules: SessionPollerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#observer = new SessionObserver(options);
  }

  /** `listener` gets the nodes whose verdict changed. */
  onChange(listener: (nodes: readonly string[]) => void): void {
    this.#listeners.push(listener);
  }

  /** Counts from zero: what was seen before a `stop` counts for nothing. */
  start(): void {
    if (this.#stop !== undefined) return;
    this.#observer = new SessionObserver(this.#options);
    this.#verdicts = new Map();
    this.#stop = new AbortController();
    this.#isRefreshWanted = false;
    void this.#poll(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#pollTimer?.cancel();
    this.#pollTimer = undefined;
    this.#verdictTimer?.cancel();
  }

  view(node: string): SessionView {
    return this.#observer.view(node, readInstant(this.#modules.clock));
  }

  nodes(): string[] {
    return this.#observer.nodes();
  }

  answered(lease: Lease): void {
    this.#observer.answered(lease, readInstant(this.#modules.clock));
    this.#publish();
  }

  refresh(): void {
    if (this.#stop === undefined) return;
    if (this.#pollTimer === undefined) {
      this.#isRefreshWanted = true;
      return;
    }
    this.#pollTimer.cancel();
    void this.#poll(this.#stop.signal);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { kube, clock, log } = this.#modules;
    const { renewIntervalMs, requestTimeoutMs } = this.#options.timings;
    const sentMs = clock.monotonicMs();
    this.#pollTimer = undefined;
    try {
      const list = await kube.list<Lease>(LEASE, {
        namespace: this.#options.namespace,
        labelSelector: SESSION_LABEL,
        timeoutMs: requestTimeoutMs,
        signal,
      });
      if (signal.aborted) return;
      const arrival = readInstant(clock);
      if (arrival.monotonicMs - sentMs <= requestTimeoutMs) this.#observer.read(list.items, arrival, sentMs);
    } catch (error) {
      if (signal.aborted) return;
      log.warn("Session Leases could not be read", { error: messageOf(error) });
    }
    this.#publish();
    const delayMs = this.#isRefreshWanted ? 0 : Math.max(0, sentMs + renewIntervalMs - clock.monotonicMs());
    this.#isRefreshWanted = false;
    this.#pollTimer = clock.setTimer(delayMs, () => void this.#poll(signal));
  }

  /** Tells who listens which verdicts changed, and sets the timer for the next change that time alone brings. */
  #publish(): void {
    if (this.#stop === undefined) return;
    const { clock } = this.#modules;
    const now = readInstant(clock);
    const changed: string[] = [];
    for (const node of this.#observer.nodes()) {
      const { verdict, facts } = this.#observer.view(node, now);
      const signature = JSON.stringify([
        verdict.state,
        "session" in verdict ? verdict.session : "",
        "reason" in verdict ? verdict.reason : "",
        facts,
      ]);
      if (this.#verdicts.get(node) === signature) continue;
      this.#verdicts.set(node, signature);
      changed.push(node);
    }
    this.#verdictTimer?.cancel();
    const nextMs = this.#observer.nextChangeAtMs(now);
    if (nextMs !== undefined)
      this.#verdictTimer = clock.setTimer(Math.max(1, nextMs - now.monotonicMs), () => this.#publish());
    if (changed.length > 0) for (const listener of this.#listeners) listener(changed);
  }
}
