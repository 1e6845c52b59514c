/**
 * Runs the promise machine over the peers' channel: what it must know of the guard is read afresh for every step, what
 * it wants durable is written before it is told that it is.
 */
import type { Timings } from "../../api/timings.ts";
import type { Clock, Instant, Timer } from "../../lib/clock.ts";
import { readInstant } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { DenyReason, GrantRef, MemberPromise } from "../guard-protocol.ts";
import { mayBecome, stepPromises } from "./promise-machine.ts";
import { parsePromiseMessage, promiseText } from "./promise-messages.ts";
import {
  initialPromises,
  isPromised,
  memberPromise,
  type PromiseContext,
  type PromiseEffect,
  type PromiseEvent,
  type PromiseRecord,
  type PromiseState,
} from "./promise-state.ts";
import type { PromiseStore } from "./promise-store.ts";

export interface PromisesHost {
  /** Read afresh at every call. */
  context(): PromiseContext;
  send(node: string, payload: string): void;
  sendToAll(payload: string): void;
  roundComplete(askedAt: Instant): void;
  report(groupUid: string, promise: MemberPromise): void;
}

export interface PromisesModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: PromiseStore;
}

export type PromisesOptions = Pick<PromiseState, "node" | "lifeId" | "timings" | "rules"> & {
  readonly records: readonly PromiseRecord[];
  /** How long this node activates nothing, since it may have promised before its machine booted. */
  readonly bootWaitMs: number;
};

export class Promises {
  readonly #modules: PromisesModules;
  readonly #host: PromisesHost;
  #state: PromiseState;
  #timer: Timer | undefined;
  #writes: Promise<void> = Promise.resolve();

  constructor(options: PromisesOptions, modules: PromisesModules, host: PromisesHost) {
    this.#modules = modules;
    this.#host = host;
    this.#state = initialPromises(options, readInstant(modules.clock));
  }

  /** Begins to look at deadlines; `close` ends it. */
  start(): void {
    const { renewIntervalMs } = this.#state.timings;
    this.#timer = this.#modules.clock.setTimer(renewIntervalMs / 3, () => {
      this.#dispatch({ type: "tick" });
      this.start();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }

  isPromised(groupUid: string): boolean {
    return isPromised(this.#state, groupUid, readInstant(this.#modules.clock));
  }

  /** A peer that speaks under a new session has proven everything of its former one down (A2). */
  heard(node: string, session: string): void {
    const isOver = [...this.#state.given.values()].some(
      (given) => given.node === node && given.state === "Open" && given.session !== session,
    );
    if (isOver) this.#dispatch({ type: "newSession", node, session });
  }

  received(node: string, senderSession: string, payload: string): void {
    const message = parsePromiseMessage(payload);
    if (message === undefined) return this.#modules.log.warn("peer sent no promise message", { peer: node });
    this.#dispatch({ type: "received", node, senderSession, message });
  }

  /** Undefined: these members are asked from now on. */
  mustAsk(grant: GrantRef, members: readonly string[]): DenyReason | undefined {
    const context = this.#host.context();
    const isActive = context.active.some(({ groupUid, epoch }) => groupUid === grant.groupUid && epoch === grant.epoch);
    const set = { groupUid: grant.groupUid, epoch: grant.epoch, members };
    if (!isActive || !mayBecome(this.#state, set, context)) return "no-right";
    this.#dispatch({ type: "mustAsk", set });
    return undefined;
  }

  changeTimings(timings: Timings): void {
    this.#dispatch({ type: "timings", timings });
  }

  down(grant: GrantRef): void {
    this.#dispatch({ type: "down", grant });
  }

  /** When this machine asked what, its clock cannot say any more. */
  pauseFound(): void {
    this.#dispatch({ type: "pauseFound" });
  }

  /** A new worker knows none of them. */
  reportAll(): void {
    for (const given of this.#state.given.values()) this.#host.report(given.groupUid, memberPromise(given));
  }

  #dispatch(event: PromiseEvent): void {
    const { state, effects } = stepPromises(this.#state, event, this.#host.context(), readInstant(this.#modules.clock));
    this.#state = state;
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: PromiseEffect): void {
    switch (effect.type) {
      case "send":
        return this.#host.send(effect.node, promiseText(effect.message));
      case "sendToAll":
        return this.#host.sendToAll(promiseText(effect.message));
      case "store":
        this.#writes = this.#writes.then(() => this.#write(effect.storeId, effect.records));
        return;
      case "roundComplete":
        return this.#host.roundComplete(effect.askedAt);
      case "report":
        this.#modules.log.info("promise changed", { groupUid: effect.groupUid, ...effect.promise });
        return this.#host.report(effect.groupUid, effect.promise);
    }
  }

  async #write(storeId: number, records: readonly PromiseRecord[]): Promise<void> {
    let isDurable = true;
    try {
      await this.#modules.store.write(records);
    } catch (thrown) {
      isDurable = false;
      this.#modules.log.error("promises cannot be recorded", { error: messageOf(thrown) });
    }
    this.#dispatch({ type: "stored", storeId, isDurable });
  }
}
