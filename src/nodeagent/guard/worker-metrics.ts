/** The worker's readings on the agent's one metrics page; what does not fit is told and left out. */
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { METRICS, type MetricName } from "../../lib/metric-catalogue.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { MetricOperation } from "../guard-protocol.ts";

export function takeReadings(
  operations: readonly MetricOperation[],
  { metrics, log }: { readonly metrics: Metrics; readonly log: Logger },
): void {
  for (const { call, name, value, labels } of operations) {
    if (!isMetricName(name)) continue;
    try {
      if (call === "count") metrics.count(name, labels, value);
      else if (call === "set") metrics.set(name, value, labels);
      else metrics.observe(name, value, labels);
    } catch (thrown) {
      log.warn("worker sent a metric that does not fit", { name, error: messageOf(thrown) });
    }
  }
}

function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}
