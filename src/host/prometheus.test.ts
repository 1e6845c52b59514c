import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { METRICS, type MetricSpec } from "../lib/metric-catalogue.ts";
import { prometheusMetrics } from "./prometheus.ts";

describe("metrics", () => {
  it("are exactly those of the catalogue for this kind of process", async () => {
    for (const process of ["controller", "agent"] as const) {
      const text = await prometheusMetrics({ process, processMetrics: false }).text();
      const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => match[1]).sort();
      const expected = Object.entries<MetricSpec>(METRICS).filter(
        ([, spec]) => spec.process === process || spec.process === "both",
      );
      expect(names).toEqual(expected.map(([name]) => name).sort());
    }
  });

  it("count, set and observe, with labels the catalogue knows", async () => {
    const metrics = prometheusMetrics({ process: "controller", processMetrics: false });
    metrics.count("understudy_reconcile_total", { kind: "FailoverGroup", result: "ok", stray: "x" });
    metrics.count("understudy_reconcile_total", { kind: "FailoverGroup", result: "ok" }, 2);
    metrics.set("understudy_leader", 1);
    metrics.observe("understudy_kube_request_duration_seconds", 0.2, { verb: "get", outcome: "ok" });
    metrics.count("understudy_hard_cut_total");
    const text = await metrics.text();
    expect(metrics.contentType).toContain("text/plain");
    expect(text).toContain('understudy_reconcile_total{kind="FailoverGroup",result="ok"} 3');
    expect(text).toContain("understudy_leader 1");
    expect(text).toContain('understudy_kube_request_duration_seconds_bucket{le="0.25",verb="get",outcome="ok"} 1');
    expect(() => metrics.count("understudy_leader")).toThrow(/understudy_leader/);
  });

  it("satisfy promtool, where it is installed", async ({ skip }) => {
    const text = await prometheusMetrics({ process: "controller", processMetrics: true }).text();
    expect(text).not.toMatch(/^# TYPE \S+_total gauge$/m);
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    if (checked.error !== undefined) skip("promtool is not installed");
    expect([checked.status, checked.stderr]).toEqual([0, ""]);
  });
});
