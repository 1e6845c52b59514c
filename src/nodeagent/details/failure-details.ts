/**
 * Collects what a person would ask for first when a monitor fails, at the moment it fails: later it is gone. Looks only,
 * beside the repair, and at the same part at most once a minute.
 */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { AddressPort } from "../address/port.ts";
import type { ProcessPort } from "../command/port.ts";
import type { ListenerPort } from "../probe-port/port.ts";
import type { PartPlan } from "../worker/part-plan.ts";
import type { DetailsStore, SystemFacts } from "./port.ts";

export interface DetailsModules {
  readonly system: SystemFacts;
  readonly store: DetailsStore;
  readonly addresses: Pick<AddressPort, "interfaces">;
  readonly listeners: Pick<ListenerPort, "listening">;
  readonly processes: Pick<ProcessPort, "find">;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FailedPart {
  readonly namespace: string;
  readonly group: string;
  readonly epoch: number;
  readonly plan: PartPlan;
  readonly reason: string;
  readonly message: string;
  /** Ports of the service and of the probe. */
  readonly ports: readonly number[];
  readonly node: string;
}

const QUIET_MS = 60_000;
const MAX_PARTS = 256;
const MAX_PROCESSES = 50;

export class FailureDetails {
  readonly #modules: DetailsModules;
  readonly #collectedMs = new Map<string, number>();

  constructor(modules: DetailsModules) {
    this.#modules = modules;
  }

  /** Returns at once. */
  collect(failed: FailedPart): void {
    const key = `${failed.namespace}/${failed.group}/${failed.plan.key}`;
    const nowMs = this.#modules.clock.monotonicMs();
    const lastMs = this.#collectedMs.get(key);
    if (lastMs !== undefined && nowMs - lastMs < QUIET_MS) return;
    this.#collectedMs.delete(key);
    this.#collectedMs.set(key, nowMs);
    const [oldest] = this.#collectedMs.keys();
    if (this.#collectedMs.size > MAX_PARTS && oldest !== undefined) this.#collectedMs.delete(oldest);
    void this.#collect(failed);
  }

  async #collect(failed: FailedPart): Promise<void> {
    const { log, store, clock } = this.#modules;
    const { namespace, group, epoch, plan, reason, message } = failed;
    const at = new Date(clock.wallMs()).toISOString();
    const [system, addresses, listening, processes] = await Promise.all([
      this.#modules.system.read(),
      this.#try(() => this.#addresses()),
      this.#try(() => this.#modules.listeners.listening(failed.ports)),
      this.#try(() => this.#processes(failed)),
    ]);
    const found = { system, addresses, listening, processes };
    const details = { at, group: `${namespace}/${group}`, epoch, part: plan.key, reason, message, ...found };
    log.warn("details of a failed monitor", details);
    const name = `${at.replaceAll(/[:.]/g, "-")}_${namespace}_${group}_${plan.key}`.replaceAll(/[^\w.-]/g, "_");
    await store.keep(`${name}.json`, `${JSON.stringify(details, undefined, 2)}\n`);
  }

  async #addresses(): Promise<string[]> {
    const interfaces = await this.#modules.addresses.interfaces();
    return interfaces.map(
      ({ name, isUp, addresses }) =>
        `${name} ${isUp ? "up" : "down"} ${addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(" ")}`,
    );
  }

  async #processes({ namespace, group, node }: FailedPart): Promise<number[]> {
    const environment = { UNDERSTUDY_GROUP: group, UNDERSTUDY_NAMESPACE: namespace, UNDERSTUDY_NODE: node };
    const found = await this.#modules.processes.find({ sessions: [], environment });
    return found.slice(0, MAX_PROCESSES).map(({ pid }) => pid);
  }

  async #try<T>(look: () => Promise<T>): Promise<T | string> {
    try {
      return await look();
    } catch (thrown) {
      return `cannot be read: ${messageOf(thrown)}`;
    }
  }
}
