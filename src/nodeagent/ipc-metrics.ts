/** The worker's `Metrics`: collected and sent to the guard, which serves the agent's one metrics page. */
import type { Clock } from "../lib/clock.ts";
import type { MetricName } from "../lib/metric-catalogue.ts";
import type { Labels, Metrics } from "../lib/metrics.ts";
import type { MetricOperation, WorkerToGuard } from "./guard-protocol.ts";

/** Operations of so long go in one message, in milliseconds. */
const COLLECT_MS = 1_000;
const MAX_COLLECTED = 2_000;

export class IpcMetrics implements Metrics {
  readonly #clock: Clock;
  readonly #send: (message: Extract<WorkerToGuard, { type: "metrics" }>) => void;
  #collected: MetricOperation[] = [];

  constructor(clock: Clock, send: (message: Extract<WorkerToGuard, { type: "metrics" }>) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  count(name: MetricName, labels: Labels = {}, by = 1): void {
    this.#collect({ call: "count", name, value: by, labels });
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.#collect({ call: "set", name, value, labels });
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    this.#collect({ call: "observe", name, value, labels });
  }

  #collect(operation: MetricOperation): void {
    if (this.#collected.length === 0) this.#clock.setTimer(COLLECT_MS, () => this.#flush());
    if (this.#collected.length < MAX_COLLECTED) this.#collected.push(operation);
  }

  #flush(): void {
    const operations = this.#collected;
    this.#collected = [];
    this.#send({ type: "metrics", operations });
  }
}
