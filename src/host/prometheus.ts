/**
 * The `Metrics` port on prom-client: registers exactly the metrics of `METRICS` that belong to this kind of process.
 *
 * A metric must never break what it measures: labels that the catalogue does not know are dropped, missing ones are
 * empty. Calls that no catalogue could make right (a gauge counted) are broken invariants.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { assert } from "../lib/assert.ts";
import { type MetricName, METRICS, type MetricSpec } from "../lib/metric-catalogue.ts";
import type { Labels, Metrics } from "../lib/metrics.ts";

export interface PrometheusOptions {
  readonly process: "controller" | "agent";
  /** Adds memory, CPU, event loop and garbage collection of this process. */
  readonly processMetrics: boolean;
}

export interface PrometheusMetrics extends Metrics {
  /** Of `text`, for the HTTP header. */
  readonly contentType: string;
  /** Everything measured, in the text exposition format. */
  text(): Promise<string>;
}

/** Gauges of prom-client whose names end in `_total`, which only counters may; `promtool check metrics` refuses them. */
const MISNAMED_DEFAULTS = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
] as const;

type Registered =
  | { readonly type: "counter"; readonly metric: Counter; readonly labels: readonly string[] }
  | { readonly type: "gauge"; readonly metric: Gauge; readonly labels: readonly string[] }
  | { readonly type: "histogram"; readonly metric: Histogram; readonly labels: readonly string[] };

export function prometheusMetrics(options: PrometheusOptions): PrometheusMetrics {
  const registry = new Registry();
  if (options.processMetrics) {
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  }
  const registered = new Map<string, Registered>();
  for (const [name, spec] of Object.entries<MetricSpec>(METRICS)) {
    if (spec.process === options.process || spec.process === "both")
      registered.set(name, register(registry, name, spec));
  }
  return new CatalogueMetrics(registry, registered);
}

function register(registry: Registry, name: string, spec: MetricSpec): Registered {
  const labels = spec.labels ?? [];
  const common = { name, help: spec.help, labelNames: [...labels], registers: [registry] };
  switch (spec.type) {
    case "counter":
      return { type: "counter", metric: new Counter(common), labels };
    case "gauge":
      return { type: "gauge", metric: new Gauge(common), labels };
    case "histogram":
      return {
        type: "histogram",
        metric: new Histogram({ ...common, ...(spec.buckets === undefined ? {} : { buckets: [...spec.buckets] }) }),
        labels,
      };
  }
}

class CatalogueMetrics implements PrometheusMetrics {
  readonly #registry: Registry;
  readonly #registered: ReadonlyMap<string, Registered>;

  constructor(registry: Registry, registered: ReadonlyMap<string, Registered>) {
    this.#registry = registry;
    this.#registered = registered;
  }

  count(name: MetricName, labels: Labels = {}, by = 1): void {
    const found = this.#find(name);
    if (found === undefined) return;
    assert(found.type === "counter" && by >= 0, `${name} is counted upwards`);
    found.metric.inc(known(labels, found.labels), by);
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    const found = this.#find(name);
    if (found === undefined) return;
    assert(found.type === "gauge", `${name} is set`);
    found.metric.set(known(labels, found.labels), value);
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    const found = this.#find(name);
    if (found === undefined) return;
    assert(found.type === "histogram", `${name} is observed`);
    found.metric.observe(known(labels, found.labels), value);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  /** Undefined for a metric of the other kind of process: shared code counts in both. */
  #find(name: MetricName): Registered | undefined {
    return this.#registered.get(name);
  }
}

function known(labels: Labels, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, labels[name] ?? ""]));
}
