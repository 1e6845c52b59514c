/**
 * Runs the election machine (`lease-election.ts`) against the API server: carries out its effects one at a time, tells
 * it what came of them, and keeps its timer. All reasoning about safety is in the machine; this file must never decide.
 *
 * What it adds is the fence: `isLeader` is computed from both clocks at the moment of the question, so that a process
 * that was paused for an hour is not the leader in its very first instruction afterwards.
 */
import { LEASE, type Lease } from "../api/session-lease.ts";
import { type Clock, readInstant, type Timer } from "../lib/clock.ts";
import { assert, unreachable } from "../lib/assert.ts";
import { messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import { isKubeError, type KubeApi } from "../kube/ports.ts";
import { Deposed, type Fence } from "./contract.ts";
import {
  brokenElectionRelations,
  type ElectionConfig,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionState,
  INITIAL_ELECTION,
  isLeader,
  step,
} from "./lease-election.ts";

export interface LeaderElectionModules {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly onElected: () => void;
  /** The process must end: it is called at most once, when leadership is lost without having been given up. */
  readonly onDeposed: (reason: string) => void;
}

export class LeaderElection implements Fence {
  readonly #config: ElectionConfig;
  readonly #modules: LeaderElectionModules;
  readonly #ended = Promise.withResolvers<void>();
  #state: ElectionState = INITIAL_ELECTION;
  #timer: Timer | undefined;
  #isStarted = false;

  /** Throws when the timings break a relation that safety rests on. */
  constructor(config: ElectionConfig, modules: LeaderElectionModules) {
    const broken = brokenElectionRelations(config);
    assert(broken.length === 0, `leader election timings: ${broken.join("; ")}`);
    this.#config = config;
    this.#modules = modules;
  }

  /** Begins to stand for election. Idempotent. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#modules.metrics.set("understudy_leader", 0);
    this.#feed({ type: "Timer" });
  }

  /** Whether this process may write as leader, now. */
  isLeader(): boolean {
    return isLeader(this.#state, readInstant(this.#modules.clock), this.#config);
  }

  assertLeader(): void {
    if (!this.isLeader()) throw new Deposed("this process does not hold the leader's right");
  }

  /**
   * Ends the right, and with `release` gives the Lease back so that another replica need not wait: only after all work
   * has ended. Without it the Lease is left to expire under work that may still be on its way.
   */
  async stop(release: boolean): Promise<void> {
    if (!this.#isStarted) return;
    this.#feed({ type: "Stop", release });
    await this.#ended.promise;
  }

  #feed(event: ElectionEvent): void {
    const { clock, random } = this.#modules;
    this.#timer?.cancel();
    const { state, effects } = step(
      this.#state,
      event,
      { now: readInstant(clock), nonce: random.uuid() },
      this.#config,
    );
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (this.#state !== state || state.phase === "Ended") return;
    const delayMs = Math.max(0, state.wakeAtMs - clock.monotonicMs());
    this.#timer = clock.setTimer(delayMs, () => this.#feed({ type: "Timer" }));
  }

  #carryOut(effect: ElectionEffect): void {
    const { log, metrics, onElected, onDeposed } = this.#modules;
    switch (effect.type) {
      case "Read":
        this.#answer(this.#read());
        return;
      case "Write":
        this.#answer(this.#write(effect.lease));
        return;
      case "Elected":
        metrics.set("understudy_leader", 1);
        log.info("elected leader", { lease: this.#config.name, identity: this.#config.identity });
        onElected();
        return;
      case "Deposed":
        log.error("leadership lost", {
          lease: this.#config.name,
          identity: this.#config.identity,
          reason: effect.reason,
        });
        onDeposed(effect.reason);
        return;
      case "Ended":
        metrics.set("understudy_leader", 0);
        this.#ended.resolve();
        return;
      default:
        unreachable(effect);
    }
  }

  /** Feeds what came of a request; a rejection is a broken invariant and must end the process. */
  #answer(outcome: Promise<ElectionEvent>): void {
    void outcome.then((event) => this.#feed(event));
  }

  async #read(): Promise<ElectionEvent> {
    const { namespace, name, requestTimeoutMs: timeoutMs } = this.#config;
    try {
      return { type: "Read", lease: await this.#modules.api.get<Lease>(LEASE, { namespace, name }, { timeoutMs }) };
    } catch (thrown) {
      if (!isKubeError(thrown)) throw thrown;
      this.#modules.log.warn("reading the leader Lease failed", { lease: name, error: thrown.message });
      return { type: "ReadFailed" };
    }
  }

  async #write(lease: Lease): Promise<ElectionEvent> {
    const { api, log } = this.#modules;
    const options = { timeoutMs: this.#config.requestTimeoutMs };
    try {
      const isNew = lease.metadata.resourceVersion === undefined;
      return {
        type: "Written",
        lease: await (isNew ? api.create(LEASE, lease, options) : api.replace(LEASE, lease, options)),
      };
    } catch (thrown) {
      if (!isKubeError(thrown)) throw thrown;
      log.warn("writing the leader Lease failed", { lease: lease.metadata.name, error: messageOf(thrown) });
      switch (thrown.code) {
        case "Conflict":
        case "AlreadyExists":
        case "NotFound":
        case "Gone":
          return { type: "Refused" };
        case "Invalid":
        case "Forbidden":
        case "Unauthorized":
        case "TooManyRequests":
        case "Unreachable":
          return { type: "NotWritten" };
        case "Malformed":
        case "ResultUnknown":
          return { type: "WriteUnknown" };
        default:
          return unreachable(thrown.code);
      }
    }
  }
}
