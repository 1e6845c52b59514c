/**
 * The `Metrics` on prom-client: registers exactly the metrics of the catalogue that the process exports, and renders
 * them in the Prometheus text format.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { METRICS, type MetricName, type MetricSpec } from "../lib/metric-catalogue.ts";
import type { Labels, Metrics } from "../lib/metrics.ts";

export class PromMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  constructor(process: "controller" | "agent") {
    for (const [name, spec] of Object.entries<MetricSpec>(METRICS))
      if (spec.process === process || spec.process === "both") this.#register(name, spec);
  }

  count(name: MetricName, labels: Labels = {}, by = 1): void {
    this.#counters.get(name)?.inc(labels, by);
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.#gauges.get(name)?.set(labels, value);
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    this.#histograms.get(name)?.observe(labels, value);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #register(name: string, spec: MetricSpec): void {
    const options = { name, help: spec.help, labelNames: [...(spec.labels ?? [])], registers: [this.#registry] };
    if (spec.type === "counter") this.#counters.set(name, new Counter(options));
    else if (spec.type === "gauge") this.#gauges.set(name, new Gauge(options));
    else this.#histograms.set(name, new Histogram({ ...options, buckets: [...(spec.buckets ?? [])] }));
  }
}
