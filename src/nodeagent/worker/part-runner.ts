/**
 * Runs the steps of a group's parts on the host: one step of a part at a time, in the order in which they were asked
 * for; a stop ends the monitor's reading that is in its way.
 */
import { unreachable } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { AddressPart, type AddressPartModules } from "../address/address-part.ts";
import { CommandPart, type CommandPartModules } from "../command/command-part.ts";
import { commandEnvironment } from "../command/environment.ts";
import type { DelayWarnings } from "../delays/delays.ts";
import type { GrantRef, Holding } from "../guard-protocol.ts";
import type { Reading } from "../monitor/schedule.ts";
import { NamePart } from "../names/name-part.ts";
import type { NameResolver } from "../names/port.ts";
import type { ListenerPort } from "../probe-port/port.ts";
import { ProbePortPart } from "../probe-port/probe-port-part.ts";
import type { GuardLink } from "./guard-link.ts";
import type { GroupEffect, GroupEvent, StepOutcome } from "./group-state.ts";
import { DONE, failed, type LocalPart, type StepContext } from "./local-part.ts";
import { type PartPlan, planIdentity } from "./part-plan.ts";

export interface PartModules extends AddressPartModules, CommandPartModules {
  readonly listeners: ListenerPort;
  /** Absent where nobody looks names up. */
  readonly resolver?: NameResolver | undefined;
  readonly log: Logger;
  /** Absent: nobody is warned. */
  readonly delays?: DelayWarnings | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly guard: GuardLink;
}

type PartEffect = Extract<GroupEffect, { readonly type: "start" | "stop" | "check" }>;

interface Running {
  readonly part: LocalPart;
  readonly identity: string;
  /** The end of the last step that was asked for. */
  last: Promise<void>;
  /** Ends the step in flight. */
  abort: AbortController;
  isReading: boolean;
}

export class PartRunner {
  readonly #node: string;
  readonly #modules: PartModules;
  readonly #dispatch: (event: GroupEvent) => void;
  readonly #running = new Map<string, Running>();
  readonly #prepared: Holding[] = [];

  constructor(node: string, modules: PartModules, dispatch: (event: GroupEvent) => void) {
    this.#node = node;
    this.#modules = modules;
    this.#dispatch = dispatch;
  }

  run(effect: PartEffect): void {
    const running = this.#runningFor(effect.plan);
    if (effect.type === "stop" && running.isReading) running.abort.abort();
    running.last = running.last.then(() => this.#carryOut(effect, running));
  }

  /** Notes with the guard what the parts will need, while the report is on its way; a start then need not wait for it. */
  async prepare(plans: readonly PartPlan[]): Promise<void> {
    const found = await Promise.all(plans.map((plan) => this.#runningFor(plan).part.holdings()));
    for (const holding of found.flat()) {
      this.#prepared.push(holding);
      void this.#modules.guard.hold(holding);
    }
  }

  /** What was noted ahead but never brought up is released; what was, its stop has released before. */
  releasePrepared(): void {
    for (const holding of this.#prepared.splice(0)) this.#modules.guard.tell({ type: "holdingRemoved", holding });
  }

  /** Everything that is up stays up, and is not this worker's business any more. */
  async leaveBehind(grant: GrantRef): Promise<void> {
    const running = [...this.#running.values()];
    await this.settled();
    await Promise.all(running.map(({ part, abort }) => part.leaveBehind(this.#context(grant, "", abort.signal))));
  }

  abort(key: string): void {
    this.#running.get(key)?.abort.abort();
  }

  /** Resolves when no step is in flight any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.last));
  }

  #runningFor(plan: PartPlan): Running {
    const known = this.#running.get(plan.key);
    if (known !== undefined && known.identity === planIdentity(plan)) {
      if (known.part instanceof CommandPart && plan.kind === "command") known.part.adopt(plan);
      if (known.part instanceof NamePart && plan.kind === "name") known.part.adopt(plan);
      return known;
    }
    const running: Running = {
      part: this.#make(plan),
      identity: planIdentity(plan),
      last: known?.last ?? Promise.resolve(),
      abort: new AbortController(),
      isReading: false,
    };
    this.#running.set(plan.key, running);
    return running;
  }

  #make(plan: PartPlan): LocalPart {
    switch (plan.kind) {
      case "address":
        return new AddressPart(plan, this.#modules);
      case "probe-port":
        return new ProbePortPart(plan, {
          listeners: this.#modules.listeners,
          onLost: () => this.#dispatch({ type: "changed", kind: "probe-port" }),
        });
      case "command":
        return new CommandPart(plan, this.#modules);
      case "name": {
        const { resolver } = this.#modules;
        if (resolver === undefined) return refusedPart("NotImplemented", "this process looks no names up");
        return new NamePart(plan, { ...this.#modules, resolver });
      }
      case "refused":
        return refusedPart(plan.reason, plan.message);
      default:
        return unreachable(plan);
    }
  }

  async #carryOut(effect: PartEffect, running: Running): Promise<void> {
    const { plan } = effect;
    running.abort = new AbortController();
    running.isReading = effect.type === "check";
    const context = this.#context(effect.grant, effect.cause, running.abort.signal);
    const beganMs = this.#modules.clock.monotonicMs();
    if (effect.type === "check") {
      const timeoutMs = plan.monitor?.timeoutMs ?? plan.startTimeoutMs;
      const reading = await running.part.check(context, timeoutMs);
      running.isReading = false;
      const subject = `${plan.key} of ${effect.grant.namespace}/${effect.grant.group}`;
      this.#modules.delays?.read(subject, this.#modules.clock.monotonicMs() - beganMs, timeoutMs);
      if (reading.result !== "early")
        this.#modules.metrics.count("understudy_monitor_total", { kind: plan.kind, result: reading.result });
      this.#dispatch({ type: "read", part: plan.key, reading });
      return;
    }
    const isStart = effect.type === "start";
    const outcome = isStart
      ? await running.part.start(context)
      : await running.part.stop({
          ...context,
          budgetMs: effect.budgetMs,
          isUrgent: effect.isUrgent,
          isCut: effect.isCut,
        });
    this.#meter(effect, outcome, beganMs);
    this.#dispatch({ type: isStart ? "started" : "stopped", part: plan.key, outcome });
  }

  #context(grant: GrantRef, cause: string, signal: AbortSignal): StepContext {
    const { guard } = this.#modules;
    return {
      signal,
      environment: commandEnvironment(this.#node, grant, cause),
      hold: (holding) => guard.hold(holding),
      released: (holding) => guard.tell({ type: "holdingRemoved", holding }),
    };
  }

  #meter(effect: PartEffect, outcome: StepOutcome, beganMs: number): void {
    const { metrics, clock } = this.#modules;
    const { plan, grant } = effect;
    metrics.observe("understudy_resource_step_seconds", (clock.monotonicMs() - beganMs) / 1_000, {
      kind: plan.kind,
      step: effect.type,
    });
    if (!outcome.ok) return;
    const labels = { namespace: grant.namespace, group: grant.group, resource: plan.resource };
    metrics.set("understudy_resource_active", effect.type === "start" ? 1 : 0, labels);
  }
}

/** What cannot be brought up here is never up here. */
function refusedPart(reason: string, message: string): LocalPart {
  const reading: Reading = { result: "bad", reason, message, isProven: true };
  return {
    holdings: () => Promise.resolve([]),
    leaveBehind: () => Promise.resolve(),
    start: () => Promise.resolve(failed(reason, message)),
    stop: () => Promise.resolve(DONE),
    check: () => Promise.resolve(reading),
  };
}
