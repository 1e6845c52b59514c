/**
 * Runs the session machine: its clock, its one request to the API server, its next tick. Effects other than requests
 * go to the guard, synchronously and in order; what they cause is queued behind the event under way.
 *
 * Must never: interpret an answer (the machine does), or let an error of a write count as "not written" unless the API
 * server surely did nothing.
 */
import { LEASE, type Lease } from "../../api/session-lease.ts";
import { type KubeApi, KubeError, type KubeErrorDetail } from "../../kube/ports.ts";
import { type Clock, readInstant, type Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { LogFields, Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Answer, SessionEffect, SessionEvent } from "./session-draft.ts";
import { step } from "./session-machine.ts";
import { initialSession, nextTickMs, rightLeftMs, type SessionConfig, type SessionState } from "./session-state.ts";

type RequestEffect = Extract<SessionEffect, { type: "read" | "create" | "replace" }>;
export type GuardEffect = Exclude<SessionEffect, RequestEffect>;

export interface SessionDriverModules {
  readonly kube: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class SessionDriver {
  readonly #modules: SessionDriverModules;
  readonly #onEffect: (effect: GuardEffect) => void;
  readonly #queue: SessionEvent[] = [];
  #state: SessionState;
  #isStepping = false;
  #isFailing = false;
  #timer: Timer | undefined;

  constructor(config: SessionConfig, modules: SessionDriverModules, onEffect: (effect: GuardEffect) => void) {
    this.#modules = modules;
    this.#onEffect = onEffect;
    this.#state = initialSession(config, readInstant(modules.clock));
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Steps through `event`; events that effects cause are stepped through before it returns, in order. */
  dispatch(event: SessionEvent): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next);
    this.#isStepping = false;
    this.#schedule();
  }

  #step(event: SessionEvent): void {
    const { state, effects } = step(this.#state, event, readInstant(this.#modules.clock));
    this.#state = state;
    for (const effect of effects) {
      if (isRequest(effect)) this.#request(effect);
      else this.#onEffect(effect);
    }
  }

  #schedule(): void {
    const { clock, metrics } = this.#modules;
    this.#timer?.cancel();
    const now = readInstant(clock);
    metrics.set("understudy_session_remaining_seconds", rightLeftMs(this.#state, now) / 1_000);
    if (this.#state.phase === "Stopped") return;
    this.#timer = clock.setTimer(nextTickMs(this.#state, now), () => this.dispatch({ type: "tick" }));
  }

  /** A broken invariant inside `dispatch` is meant to end the process, as an unhandled rejection does. */
  #request(effect: RequestEffect): void {
    void this.#ask(effect).then((answer) => this.dispatch({ type: "answered", requestId: effect.requestId, answer }));
  }

  /** The first failure in a row is worth a warning; an outage would otherwise fill the log. */
  #failed(kind: string, fields: LogFields): void {
    const { log } = this.#modules;
    if (kind === "conflict" || this.#isFailing) return log.debug("session request failed", fields);
    this.#isFailing = true;
    return log.warn("session request failed", fields);
  }

  #worked(): void {
    if (this.#isFailing) this.#modules.log.info("session requests work again");
    this.#isFailing = false;
  }

  async #ask(effect: RequestEffect): Promise<Answer> {
    const { kube } = this.#modules;
    const { namespace, node: name } = this.#state.config;
    const options = { timeoutMs: effect.timeoutMs };
    try {
      if (effect.type === "read") {
        const lease = await kube.get<Lease>(LEASE, { namespace, name }, options);
        this.#worked();
        return { kind: "read", lease };
      }
      const write =
        effect.type === "create"
          ? kube.create(LEASE, effect.lease, options)
          : kube.replace(LEASE, effect.lease, options);
      const lease = await write;
      this.#worked();
      return lease.metadata.resourceVersion === undefined ? { kind: "unknown" } : { kind: "written", lease };
    } catch (thrown) {
      const kind = effect.type === "read" ? "notDone" : outcomeOfWrite(effect.type, thrown);
      this.#failed(kind, { verb: effect.type, kind, error: messageOf(thrown) });
      return { kind };
    }
  }
}

function isRequest(effect: SessionEffect): effect is RequestEffect {
  return effect.type === "read" || effect.type === "create" || effect.type === "replace";
}

/** What a failed write says about the Lease. Exhaustive, so that a new error code must be judged here. */
const OUTCOMES: Readonly<Record<KubeErrorDetail["code"], "conflict" | "notDone" | "unknown">> = {
  Conflict: "conflict",
  AlreadyExists: "conflict",
  NotFound: "conflict",
  Gone: "conflict",
  Invalid: "notDone",
  Forbidden: "notDone",
  Unauthorized: "notDone",
  TooManyRequests: "notDone",
  Unreachable: "notDone",
  ResultUnknown: "unknown",
  Malformed: "unknown",
};

export function outcomeOfWrite(verb: "create" | "replace", thrown: unknown): "conflict" | "notDone" | "unknown" {
  if (!(thrown instanceof KubeError)) return "unknown";
  // The Lease need not exist to be created: it is the namespace that does not.
  if (verb === "create" && thrown.code === "NotFound") return "notDone";
  return OUTCOMES[thrown.code];
}
