/**
 * Metrics as a port over one closed catalogue (`metric-catalogue.ts`): a metric that is not in it does not compile,
 * one that nothing uses fails a test, and the reference page is generated from it.
 */
import type { MetricName } from "./metric-catalogue.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** Adds `by` (default 1, >= 0) to a counter. */
  count(name: MetricName, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  set(name: MetricName, value: number, labels?: Labels): void;
  /** Adds one observation, in the unit that ends the metric's name, to a histogram. */
  observe(name: MetricName, value: number, labels?: Labels): void;
}

export const noMetrics: Metrics = { count: () => undefined, set: () => undefined, observe: () => undefined };
