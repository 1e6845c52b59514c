/** The worker's metrics travel to the guard, which serves the agent's one page; together, so that they cost little. */
import type { Clock } from "../../lib/clock.ts";
import type { MetricName } from "../../lib/metric-catalogue.ts";
import type { Labels, Metrics } from "../../lib/metrics.ts";
import type { MetricOperation } from "../guard-protocol.ts";

/** Sent so long after the first of a batch, in milliseconds. */
const BATCH_MS = 1_000;
/** Of a longer batch the rest is dropped: metrics never hold memory. */
const MAX_BATCH = 2_000;

export class ForwardedMetrics implements Metrics {
  readonly #clock: Clock;
  readonly #send: (operations: readonly MetricOperation[]) => void;
  #batch: MetricOperation[] = [];

  constructor(modules: { readonly clock: Clock }, send: (operations: readonly MetricOperation[]) => void) {
    this.#clock = modules.clock;
    this.#send = send;
  }

  count(name: MetricName, labels: Labels = {}, by = 1): void {
    this.#add({ call: "count", name, value: by, labels });
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.#add({ call: "set", name, value, labels });
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    this.#add({ call: "observe", name, value, labels });
  }

  #add(operation: MetricOperation): void {
    if (this.#batch.length === 0) this.#clock.setTimer(BATCH_MS, () => this.#flush());
    if (this.#batch.length < MAX_BATCH) this.#batch.push(operation);
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#send(batch);
  }
}
