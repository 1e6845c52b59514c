/**
 * The guard: joins the session, the grants, the record of holdings, the watchdog and the worker. Every decision about
 * the right is taken synchronously, on a fresh reading of both clocks, and again after every await.
 *
 *   worker ──mayActivate──> noted, busy, watchdog armed ──right still there?──> allowed
 *   session ──takeDown──> worker ──down──> own look at the node ──nothing left?──> proven ─┐
 *                └────────hardCut, until nothing is left ───────────────────────> proven ──┴─> next session
 *
 * Must never: answer `allowed` without a right in force, a note of the grant and (where there is one) an armed watchdog;
 * believe a worker's `down` without a look of its own; pet the watchdog for any reason but a prolonged right.
 */
import type { NodeFacts } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import { unreachable } from "../../lib/assert.ts";
import { elapsedMs, type Instant, readInstant, sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { DenyReason, GrantRef, GuardToWorker, PeerRef, TakeDownCause, WorkerToGuard } from "../guard-protocol.ts";
import type { DelayWarnings } from "../delays/delays.ts";
import { Activity } from "./activity.ts";
import type { ActivationContext } from "./grants-machine.ts";
import type { HardCut } from "./hard-cut.ts";
import type { Holdings } from "./holdings.ts";
import { type GuardEffect, SessionDriver, type SessionDriverModules } from "./session-driver.ts";
import type { PromiseContext } from "./promise-state.ts";
import { FinalReboot, type Reboot } from "./reboot.ts";
import {
  restsOnSession,
  rulesOf,
  type SessionConfig,
  type SessionState,
  sessionInForce,
  sessionName,
  timingsInForce,
} from "./session-state.ts";
import type { Watchdog } from "./watchdog.ts";
import { workerMessage } from "./worker-messages.ts";
import { takeReadings } from "./worker-metrics.ts";
import type { Worker, WorkerFactory } from "./worker-port.ts";

export interface GuardOptions {
  readonly session: SessionConfig;
  /** Where a watchdog is demanded by name, nothing is activated without it. */
  readonly isWatchdogRequired: boolean;
}

export interface GuardModules extends SessionDriverModules {
  readonly workers: WorkerFactory;
  readonly holdings: Holdings;
  readonly hardCut: HardCut;
  readonly watchdog: Watchdog;
  readonly peers: GuardPeers;
  /** Absent: nobody is warned. */
  readonly delays?: DelayWarnings | undefined;
  /** Absent: this machine is never booted anew. */
  readonly reboot?: Reboot | undefined;
}

/** The part that talks to the guards of other nodes, as the guard needs it. */
export interface GuardPeers {
  setPeers(peers: readonly PeerRef[]): void;
  /** This life holds a session of this name from now on. */
  sessionHeld(session: string): void;
  /** Whether this node has promised another member not to activate the group. */
  isPromised(groupUid: string): boolean;
  /** Undefined: these are asked for promises from now on, while the grant is active. */
  mustAsk(grant: GrantRef, members: readonly string[]): DenyReason | undefined;
  /** Proven down here: never active here again under this grant. */
  down(grant: GrantRef): void;
  /** Deadlines of promises follow the session's. */
  changeTimings(timings: Timings): void;
  /** A new worker listens. */
  workerReady(): void;
}

/** Pause between attempts to bring down what does not go down, in milliseconds. */
const CUT_RETRY_MS = 100;
/** Pause before a lost worker is started again, in milliseconds; doubled up to the second value while it keeps dying. */
const RESTART_MS: readonly [number, number] = [250, 15_000];
/** A worker that lived so long dies for a new reason, in milliseconds. */
const STEADY_MS = 60_000;

/** The worker of this moment. */
interface Link {
  readonly worker: Worker;
  readonly startedMs: number;
  isReady: boolean;
  /** The next life of the guard would find it: only then may it be told of a session. */
  isRecorded: boolean;
}

export class Guard {
  readonly #modules: GuardModules;
  readonly #driver: SessionDriver;
  readonly #activity: Activity;
  readonly #reboot: FinalReboot;
  readonly #stopped = Promise.withResolvers<void>();
  #link: Link | undefined;
  #restartMs = RESTART_MS[0];
  #takeDownId = 0;
  #isCutting = false;
  /** What the cloud says about this machine, as the worker told it last. */
  #machine: Pick<NodeFacts, "providerId" | "zone" | "events"> = {};

  constructor(options: GuardOptions, modules: GuardModules) {
    this.#modules = modules;
    this.#reboot = new FinalReboot(modules);
    this.#driver = new SessionDriver(options.session, modules, (effect) => this.#onEffect(effect));
    this.#activity = new Activity({ ...options, rules: options.session.rules }, modules, {
      context: () => this.#context(),
      setBusy: (isBusy) => this.#driver.dispatch({ type: "activity", isBusy }),
    });
  }

  get state(): SessionState {
    return this.#driver.state;
  }

  get activity(): Pick<Activity, "active" | "notedEpoch"> {
    return this.#activity;
  }

  /** Takes down what an earlier life left, then acquires a session. Resolves when the guard has stopped. */
  async run(): Promise<void> {
    this.#driver.dispatch({ type: "started" });
    await this.#stopped.promise;
  }

  /** A planned stop: everything down, the session released. A machine that goes down does not come back at once. */
  stop(isGoingDown = false): void {
    const { isRestarting, ...facts } = this.#driver.state.config.facts;
    if (isGoingDown && isRestarting === true) this.changeFacts(facts);
    this.#driver.dispatch({ type: "stopWanted" });
  }

  /** Of the agent alone, which comes back. Whoever decides must know that before it hears that the groups are down. */
  stopToRestart(): void {
    const { state } = this.#driver;
    if (state.isStopping || !state.isBusy) return this.stop();
    const { renewIntervalMs, requestTimeoutMs, readGapMs } = state.config.timings;
    this.changeFacts({ ...state.config.facts, isRestarting: true });
    this.#modules.clock.setTimer(renewIntervalMs + requestTimeoutMs + readGapMs, () => this.stop());
  }

  promiseRound(askedAt: Instant): void {
    this.#driver.dispatch({ type: "promiseRound", askedAt });
  }

  /** This machine stood still for so long without its clocks showing it: the right is that much older (DESIGN 4.11). */
  pauseFound(pauseMs: number): void {
    this.#driver.dispatch({ type: "pauseFound", pauseMs });
  }

  /** Settings changed while this guard runs: published with its next renewal. */
  changeTimings(timings: Timings): void {
    this.#modules.peers.changeTimings(timings);
    this.#driver.dispatch({ type: "timingsChanged", timings });
  }

  changeFacts(facts: NodeFacts): void {
    this.#driver.dispatch({ type: "factsChanged", facts: { ...facts, ...this.#machine } });
  }

  /** What the promises need to know, read afresh. */
  get promiseContext(): Omit<PromiseContext, "isPeer"> {
    const { state } = this.#driver;
    const now = readInstant(this.#modules.clock);
    return {
      canAnswer: state.phase !== "Starting" && !this.#isCutting,
      session: sessionInForce(state, now),
      active: this.#activity.active,
      notedEpoch: (groupUid) => this.#activity.notedEpoch(groupUid),
      sinceRenewalMs: state.renewedAt === undefined ? Number.POSITIVE_INFINITY : elapsedMs(state.renewedAt, now),
      renewDeadlineMs: timingsInForce(state, now).renewDeadlineMs,
      restsOnSession: restsOnSession(state),
    };
  }

  tellWorker(message: Extract<GuardToWorker, { type: "peers" | "promise" | "delayed" }>): void {
    if (this.#link?.isReady === true) this.#link.worker.send(message);
  }

  #context(): ActivationContext {
    const { state } = this.#driver;
    return {
      session: sessionInForce(state, readInstant(this.#modules.clock)),
      isTakingDown: state.takeDown !== undefined || this.#isCutting,
      mayBegin: restsOnSession(state),
      rules: rulesOf(state),
      isPromised: (groupUid) => this.#modules.peers.isPromised(groupUid),
    };
  }

  // ---- what the session asks for

  #onEffect(effect: GuardEffect): void {
    switch (effect.type) {
      case "takeDown":
        return this.#takeDown(effect.cause, effect.budgetMs);
      case "hardCut":
        return this.#beginCut(effect.cause);
      case "session":
        this.#modules.log.info("session changed", { session: effect.session });
        if (effect.session !== undefined) this.#modules.peers.sessionHeld(effect.session);
        return this.#tellSession();
      case "prolonged":
        this.#modules.delays?.renewed(effect.base.monotonicMs, this.#driver.state.config.timings.renewDeadlineMs);
        return this.#activity.pet(effect.base.monotonicMs);
      case "renewal":
        return this.#modules.metrics.count("understudy_session_renewal_total", { outcome: effect.outcome });
      case "stopped":
        this.#modules.log.info("guard stopped", { isReleased: effect.isReleased });
        return this.#reboot.carryOut() ? undefined : this.#finish();
      default:
        return unreachable(effect);
    }
  }

  #takeDown(cause: TakeDownCause, budgetMs: number): void {
    this.#modules.metrics.count("understudy_take_down_total", { cause });
    this.#modules.log.warn("take-down begins", { cause, budgetMs, active: this.#activity.active.length });
    this.#takeDownId += 1;
    const takeDownId = this.#takeDownId;
    if (this.#link !== undefined) this.#link.worker.send({ type: "takeDown", takeDownId, cause, budgetMs });
    // Nobody else can do it, so there is nothing to wait for.
    else this.#driver.dispatch({ type: "takeDownWanted", cause: "worker-lost" });
  }

  #finish(): void {
    const link = this.#link;
    this.#link = undefined;
    link?.worker.kill();
    this.#stopped.resolve();
  }

  // ---- proof that everything is down

  #beginCut(cause: TakeDownCause): void {
    if (this.#isCutting) return;
    this.#isCutting = true;
    if (cause !== "restart") this.#modules.metrics.count("understudy_hard_cut_total");
    void this.#cutUntilProven(cause);
  }

  async #cutUntilProven(cause: TakeDownCause): Promise<void> {
    const { hardCut, holdings, clock, log } = this.#modules;
    const link = this.#link;
    this.#link = undefined; // whatever it still says is not heard
    for (let attempt = 1; ; attempt++) {
      const left = await hardCut.attempt(holdings.all, () => link?.worker.kill());
      if (left.length === 0) break;
      log.error("not down yet", { cause, attempt, left: left.slice(0, 20) });
      await sleep(clock, CUT_RETRY_MS);
    }
    this.#isCutting = false;
    this.#allDown(true);
    this.#driver.dispatch({ type: "downProven" });
    if (link === undefined) this.#startWorker();
    else this.#restartLater(link);
  }

  /** The worker's word is checked by a look at the node itself; what it left is cut. */
  async #checkDown(takeDownId: number): Promise<void> {
    const isCurrent = (): boolean =>
      takeDownId === this.#takeDownId && this.#driver.state.takeDown !== undefined && !this.#isCutting;
    if (!isCurrent()) return;
    const left = await this.#modules.hardCut.proof(this.#activity.holdings);
    if (!isCurrent()) return;
    if (left.length > 0) {
      this.#modules.log.error("worker says down, the node does not", { left: left.slice(0, 20) });
      return this.#driver.dispatch({ type: "takeDownWanted", cause: "worker-lost" });
    }
    this.#allDown(false);
    this.#driver.dispatch({ type: "downProven" });
  }

  #allDown(isWorkerDead: boolean): void {
    const { active } = this.#activity;
    this.#activity.allDown(isWorkerDead);
    for (const grant of active) this.#modules.peers.down(grant);
  }

  // ---- the worker

  #startWorker(): void {
    const { workers, clock, log } = this.#modules;
    const { phase, isStopping } = this.#driver.state;
    if (this.#link !== undefined || this.#isCutting || phase === "Stopped" || isStopping) return;
    try {
      const worker = workers.start({
        onMessage: (message) => {
          if (this.#link === link) this.#onMessage(message, link);
        },
        onLost: () => {
          if (this.#link === link) this.#lose();
        },
      });
      const link: Link = { worker, startedMs: clock.monotonicMs(), isReady: false, isRecorded: false };
      this.#link = link;
      void this.#record(link);
    } catch (thrown) {
      log.error("worker cannot be started", { error: messageOf(thrown) });
      this.#restartLater({ startedMs: clock.monotonicMs() });
    }
  }

  async #record(link: Link): Promise<void> {
    const { processGroup, startTicks } = link.worker.process;
    try {
      await this.#activity.recordWorker({ kind: "process-group", processGroup, startTicks });
    } catch (thrown) {
      this.#modules.log.error("worker cannot be recorded", { error: messageOf(thrown) });
      if (this.#link === link) this.#lose();
      return;
    }
    link.isRecorded = true;
    if (this.#link === link) this.#tellSession();
  }

  #lose(): void {
    this.#modules.log.error("worker lost");
    this.#driver.dispatch({ type: "takeDownWanted", cause: "worker-lost" });
  }

  #restartLater(last: { readonly startedMs: number }): void {
    const { clock } = this.#modules;
    const isSteady = clock.monotonicMs() - last.startedMs > STEADY_MS;
    const pauseMs = isSteady ? RESTART_MS[0] : this.#restartMs;
    this.#restartMs = Math.min(RESTART_MS[1], pauseMs * 2);
    clock.setTimer(pauseMs, () => this.#startWorker());
  }

  #tellSession(): void {
    const link = this.#link;
    if (link?.isReady !== true || !link.isRecorded) return;
    link.worker.send({ type: "session", session: this.#driver.state.announced });
  }

  #onMessage(raw: unknown, link: Link): void {
    const message = workerMessage(raw);
    if (message === undefined) return this.#modules.log.error("worker sent no message of the protocol");
    switch (message.type) {
      case "ready":
        link.isReady = true;
        this.#modules.peers.workerReady();
        return this.#tellSession();
      case "peersWanted":
        return this.#modules.peers.setPeers(message.peers);
      case "mayActivate":
        return this.#mayActivate(message.requestId, message.grant, link);
      case "mustAsk":
        return this.#answer(link, message.requestId, this.#modules.peers.mustAsk(message.grant, message.members));
      case "holdingAdded":
        return void this.#holdingAdded(message, link);
      case "holdingRemoved":
        return this.#activity.release(message.holding);
      case "deactivated":
        this.#activity.deactivated(message.grant);
        return this.#modules.peers.down(message.grant);
      case "rebootWanted":
        if (message.grant.session !== sessionName(this.#driver.state)) return;
        return this.#reboot.want(
          message.grant,
          () => this.stop(),
          () => this.#finish(),
        );
      case "down":
        return void this.#checkDown(message.takeDownId);
      case "shutdown":
        this.#modules.log.warn("this machine goes down", { how: message.how });
        return this.stop(true);
      case "machine":
        this.#machine = message.machine;
        return this.changeFacts(this.#driver.state.config.facts);
      case "metrics":
        return takeReadings(message.operations, this.#modules);
      default:
        return unreachable(message);
    }
  }

  #mayActivate(requestId: number, grant: GrantRef, link: Link): void {
    const reason = link.isRecorded ? this.#activity.activate(grant) : "no-right";
    this.#modules.log.info("activation asked for", {
      group: `${grant.namespace}/${grant.group}`,
      epoch: grant.epoch,
      reason,
    });
    this.#answer(link, requestId, reason);
  }

  async #holdingAdded(message: Extract<WorkerToGuard, { type: "holdingAdded" }>, link: Link): Promise<void> {
    const reason = await this.#activity.hold(message.holding);
    if (this.#link === link) this.#answer(link, message.requestId, reason);
  }

  #answer(link: Link, requestId: number, reason: DenyReason | undefined): void {
    if (reason === undefined) link.worker.send({ type: "allowed", requestId });
    else link.worker.send({ type: "denied", requestId, reason });
  }
}
