import { expect, test } from "vitest";
import { PromMetrics } from "./prom-metrics.ts";

test("the page holds what was counted, and only the metrics of its process", async () => {
  const metrics = new PromMetrics("agent");
  metrics.count("understudy_take_down_total", { cause: "shutdown" });
  metrics.set("understudy_watchdog_armed", 1);
  metrics.observe("understudy_kube_request_duration_seconds", 0.02, { verb: "get", outcome: "ok" });
  metrics.set("understudy_leader", 1);
  const text = await metrics.text();
  expect(text).toContain('understudy_take_down_total{cause="shutdown"} 1');
  expect(text).toContain("understudy_watchdog_armed 1");
  expect(text).toContain('understudy_kube_request_duration_seconds_count{verb="get",outcome="ok"} 1');
  expect(text).not.toContain("understudy_leader");
});
