/**
 * Asks isolation targets round by round and tells those who follow them when the verdict changes. Groups that name the
 * same targets with the same timings share one watch: a thousand groups behind one target ask it once per interval.
 *
 * Runs whether or not the member is active and whatever its session is: it only looks. What follows is decided elsewhere.
 */
import type { Isolation, IsolationReport } from "../../api/generated/types.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { type IsolationProbe, targetText } from "./port.ts";
import { beginRound, endRound, isRoundDue, type RoundsState, startRounds, timingsOf, verdictOf } from "./rounds.ts";

export interface IsolationModules {
  readonly probe: IsolationProbe;
  readonly clock: Clock;
  readonly log: Logger;
}

type Listener = (verdict: IsolationReport) => void;

export class IsolationWatch {
  readonly #modules: IsolationModules;
  readonly #watched = new Map<string, Watched>();

  constructor(modules: IsolationModules) {
    this.#modules = modules;
  }

  /** Calls `listener` after the first round, and then whenever the verdict changes; at once where it is known already. */
  follow(isolation: Isolation, listener: Listener): () => void {
    const key = JSON.stringify(isolation);
    const watched = this.#watched.get(key) ?? new Watched(isolation, this.#modules);
    this.#watched.set(key, watched);
    watched.add(listener);
    return () => {
      if (watched.remove(listener)) this.#watched.delete(key);
    };
  }
}

/** One group's place at the watch: follows what the group's spec names, also when that changes. */
export class IsolationFollower {
  readonly #watch: IsolationWatch;
  readonly #tell: (verdict: IsolationReport | undefined) => void;
  #followed = "";
  #stop: () => void = () => undefined;

  /** `tell` with undefined: the group names no targets (any more). */
  constructor(watch: IsolationWatch, tell: (verdict: IsolationReport | undefined) => void) {
    this.#watch = watch;
    this.#tell = tell;
  }

  want(isolation: Isolation | undefined): void {
    const wanted = isolation === undefined ? "" : JSON.stringify(isolation);
    if (wanted === this.#followed) return;
    this.#stop();
    this.#stop = () => undefined;
    // What the former targets said says nothing about these.
    if (this.#followed !== "") this.#tell(isolation === undefined ? undefined : "NotChecked");
    this.#followed = wanted;
    if (isolation !== undefined) this.#stop = this.#watch.follow(isolation, this.#tell);
  }

  close(): void {
    this.#stop();
    this.#stop = () => undefined;
  }
}

class Watched {
  readonly #isolation: Isolation;
  readonly #modules: IsolationModules;
  readonly #listeners = new Set<Listener>();
  readonly #ending = new AbortController();
  #state: RoundsState;
  #verdict: IsolationReport | undefined;
  #troubles = "";
  #timer: Timer | undefined;

  constructor(isolation: Isolation, modules: IsolationModules) {
    this.#isolation = isolation;
    this.#modules = modules;
    this.#state = startRounds(isolation.targets.length, modules.clock.monotonicMs());
    this.#schedule();
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
    if (this.#verdict !== undefined) listener(this.#verdict);
  }

  /** True: nobody follows any more, and it has ended. */
  remove(listener: Listener): boolean {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return false;
    this.#ending.abort();
    this.#timer?.cancel();
    return true;
  }

  #schedule(): void {
    const waitMs = Math.max(0, this.#state.nextAtMs - this.#modules.clock.monotonicMs());
    this.#timer = this.#modules.clock.setTimer(waitMs, () => void this.#round());
  }

  async #round(): Promise<void> {
    const { clock, probe } = this.#modules;
    if (!isRoundDue(this.#state, clock.monotonicMs())) return this.#schedule();
    const timings = timingsOf(this.#isolation);
    this.#state = beginRound(this.#state, timings, clock.monotonicMs());
    const { signal } = this.#ending;
    const asked = this.#isolation.targets.map((target) => probe.ask(target, timings.timeoutMs, signal));
    const answers = await Promise.all(asked);
    if (signal.aborted) return;
    this.#state = endRound(this.#state, timings, answers);
    this.#schedule();
    this.#tell();
  }

  #tell(): void {
    const verdict = verdictOf(this.#state);
    this.#note(verdict);
    if (verdict === this.#verdict) return;
    this.#verdict = verdict;
    for (const listener of this.#listeners) listener(verdict);
  }

  /** Once per change: a target that stays away is not news. */
  #note(verdict: IsolationReport): void {
    const troubles = this.#state.targets.flatMap(({ known, message }, index) => {
      const target = this.#isolation.targets[index];
      return known === "reached" || message === undefined || target === undefined
        ? []
        : [`${targetText(target)}: ${message}`];
    });
    const text = `${verdict} ${troubles.join("; ")}`;
    if (text === this.#troubles) return;
    this.#troubles = text;
    const isGood = verdict === "Reached" && troubles.length === 0;
    this.#modules.log[isGood ? "info" : "warn"]("isolation targets", { verdict, troubles });
  }
}
