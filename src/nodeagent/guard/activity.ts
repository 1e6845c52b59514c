/**
 * What is or may be active on this node, and the worker's requests about it. The guard asks it whether anything is, and
 * tells it when everything is proven down.
 *
 * Invariant: before the worker is allowed anything, the grant is noted, the session knows that the node is busy, the
 * watchdog is armed (where there is one) and the holding is durable; the right is looked at again after all of these.
 */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { DenyReason, GrantRef, Holding } from "../guard-protocol.ts";
import {
  type ActivationContext,
  activeGrants,
  allGivenUp,
  denial,
  type Grants,
  givenUp,
  heldOff,
  noGrants,
  noted,
  withdrawn,
} from "./grants-machine.ts";
import { type Holdings, keyOf } from "./holdings.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";
import type { Watchdog } from "./watchdog.ts";

export interface ActivityModules {
  readonly holdings: Holdings;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface ActivityOptions {
  readonly isWatchdogRequired: boolean;
  /** Absent: all of them. Only the simulator breaks one. */
  readonly rules?: SafetyRules | undefined;
}

export interface ActivityHost {
  /** Read afresh at every call. */
  context(): ActivationContext;
  /** Steps the session: it is told before anything may become active, and after nothing is. */
  setBusy(isBusy: boolean): void;
}

export class Activity {
  readonly #isWatchdogRequired: boolean;
  readonly #rules: SafetyRules;
  readonly #modules: ActivityModules;
  readonly #host: ActivityHost;
  #grants: Grants = noGrants;
  /** The worker's own process: recorded with the others, but nothing that is active. */
  #workerHolding: Holding | undefined;
  #petMs = 0;

  constructor(options: ActivityOptions, modules: ActivityModules, host: ActivityHost) {
    this.#isWatchdogRequired = options.isWatchdogRequired;
    this.#rules = options.rules ?? ALL_RULES;
    this.#modules = modules;
    this.#host = host;
  }

  get active(): readonly GrantRef[] {
    return activeGrants(this.#grants);
  }

  /** The highest epoch noted for the group on this node; 0 when none is. */
  notedEpoch(groupUid: string): number {
    return this.#grants.groups.get(groupUid)?.notedEpoch ?? 0;
  }

  /** Everything recorded except the worker itself. */
  get holdings(): readonly Holding[] {
    const own = this.#workerHolding === undefined ? undefined : keyOf(this.#workerHolding);
    return this.#modules.holdings.all.filter((holding) => keyOf(holding) !== own);
  }

  /** Resolves when the next life of the guard would find the worker. */
  async recordWorker(holding: Holding): Promise<void> {
    this.#workerHolding = holding;
    await this.#modules.holdings.add(holding);
  }

  /** Undefined: allowed. */
  activate(grant: GrantRef): DenyReason | undefined {
    const reason = denial(this.#grants, grant, this.#host.context());
    if (reason === "promised") this.#grants = heldOff(this.#grants, grant);
    if (reason !== undefined) return reason;
    this.#grants = noted(this.#grants, grant);
    this.#host.setBusy(true);
    if (!this.#isWatchdogReady()) {
      this.#grants = withdrawn(this.#grants, grant);
      this.#restIfIdle();
      return "watchdog-unarmed";
    }
    return denial(this.#grants, grant, this.#host.context());
  }

  deactivated(grant: GrantRef): void {
    this.#grants = givenUp(this.#grants, grant);
    this.#restIfIdle();
  }

  /** Undefined: recorded, and whoever asked may bring it up. */
  async hold(holding: Holding): Promise<DenyReason | undefined> {
    const { holdings, log } = this.#modules;
    const before = this.#holdRefusal(holding);
    if (before !== undefined) return before;
    try {
      if (!(await holdings.add(holding))) return "no-right";
    } catch (thrown) {
      log.error("holding cannot be recorded", { holding: keyOf(holding), error: messageOf(thrown) });
      return "no-right";
    }
    return this.#rules.recheckAfterAwait ? this.#holdRefusal(holding) : undefined;
  }

  release(holding: Holding): void {
    this.#modules.holdings.remove(holding);
    this.#save();
    this.#restIfIdle();
  }

  /** Everything is proven down: no grant counts any more and the watchdog rests. */
  allDown(isWorkerDead: boolean): void {
    this.#grants = allGivenUp(this.#grants);
    const worker = isWorkerDead ? undefined : this.#workerHolding;
    this.#workerHolding = worker;
    for (const holding of this.#modules.holdings.all)
      if (worker === undefined || keyOf(holding) !== keyOf(worker)) this.#modules.holdings.remove(holding);
    this.#rest();
  }

  /**
   * The right was prolonged; it counts from `baseMs` on the monotonic clock. A9: petted only for a right that began after
   * the timer was last restarted, else the device's timeout would not bound 2W from the base.
   */
  pet(baseMs: number): void {
    const { watchdog, clock, metrics } = this.#modules;
    if (!watchdog.isArmed || baseMs < this.#petMs) return;
    if (!watchdog.pet()) return;
    this.#petMs = clock.monotonicMs();
    metrics.count("understudy_watchdog_pets_total");
  }

  /** Commands are recorded whenever they run (a stop command runs during a take-down); the rest needs a right. */
  #holdRefusal(holding: Holding): DenyReason | undefined {
    if (holding.kind === "process-group") return undefined;
    const { session, isTakingDown } = this.#host.context();
    if (isTakingDown) return "taking-down";
    return session === undefined || this.active.length === 0 ? "no-right" : undefined;
  }

  #isWatchdogReady(): boolean {
    const { watchdog, clock, holdings, metrics } = this.#modules;
    if (watchdog.kind === "None") return !this.#isWatchdogRequired;
    if (watchdog.isArmed) return true;
    const isArmed = watchdog.arm();
    this.#petMs = clock.monotonicMs();
    metrics.set("understudy_watchdog_armed", isArmed ? 1 : 0);
    holdings.setWatchdogArmed(isArmed);
    this.#save();
    return isArmed;
  }

  #restIfIdle(): void {
    if (this.active.length > 0 || this.holdings.length > 0 || this.#host.context().isTakingDown) return;
    this.#rest();
    this.#host.setBusy(false);
  }

  /** Nothing is active. A watchdog that an earlier life left running is opened only to be stopped. */
  #rest(): void {
    const { watchdog, holdings, metrics, log } = this.#modules;
    if (holdings.isWatchdogArmed && !watchdog.isArmed) watchdog.arm();
    if (!watchdog.disarm()) log.error("watchdog may not have stopped");
    metrics.set("understudy_watchdog_armed", 0);
    holdings.setWatchdogArmed(false);
    this.#save();
  }

  #save(): void {
    const { holdings, log } = this.#modules;
    // A stale record only makes the next life look for more than there is.
    holdings
      .save()
      .catch((thrown: unknown) => log.error("record of holdings not written", { error: messageOf(thrown) }));
  }
}
