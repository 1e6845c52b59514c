/** What Prometheus and the kubelet ask of the running processes. */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { METRICS, type MetricSpec } from "../../src/lib/metric-catalogue.ts";
import { parseExposition, valueOf } from "./exposition.ts";
import { until } from "./facts.ts";
import { Installation } from "./installation.ts";
import { failoverGroup, service, virtualIp } from "./objects.ts";

const promtool = spawnSync("promtool", ["--version"]).error === undefined;

let site: Installation;

beforeAll(async () => {
  site = await Installation.start();
  site.cloud.addRoutes("10.1.0.20");
  const resources = [service(), { kind: "AwsVirtualIP", name: "vip" }];
  await site.apply("measured", virtualIp("vip", "10.1.0.20"), failoverGroup("failover1", site.nodes, resources));
  await site.untilReady("measured", "failover1", site.nodes[0]);
}, 60_000);

afterAll(async () => {
  await site.close();
}, 60_000);

const PAGES = {
  controller: async () => await (await site.controllerPage("/metrics")).text(),
  agent: async () => await site.machines[0].metrics(),
} as const;

describe.each(["controller", "agent"] as const)("/metrics of the %s", (name) => {
  test("keeps every rule of the format", async () => {
    const { problems, samples } = parseExposition(await PAGES[name]());
    expect(problems).toEqual([]);
    expect(samples.length).toBeGreaterThan(10);
  });

  test("holds exactly what the catalogue says, with its labels", async () => {
    const { families, samples } = parseExposition(await PAGES[name]());
    const catalogue = Object.entries<MetricSpec>(METRICS).filter(([, spec]) => [name, "both"].includes(spec.process));
    const own = [...families.keys()].filter((family) => family.startsWith("understudy_"));
    expect(own.toSorted()).toEqual(catalogue.map(([family]) => family).toSorted());
    expect([...families.keys()].filter((family) => !/^(understudy|process|nodejs)_/.test(family))).toEqual([]);
    for (const [family, spec] of catalogue) {
      expect(families.get(family)).toBe(spec.type);
      for (const sample of samples.filter(
        (candidate) => candidate.name.replace(/_(bucket|sum|count)$/, "") === family,
      )) {
        const { le: _bound, ...labels } = sample.labels;
        expect(Object.keys(labels).toSorted(), family).toEqual([...(spec.labels ?? [])].toSorted());
      }
    }
  });

  test.skipIf(!promtool)(
    `is what promtool accepts${promtool ? "" : " (not run: promtool is not installed)"}`,
    async () => {
      const checked = spawnSync("promtool", ["check", "metrics"], { input: await PAGES[name](), encoding: "utf8" });
      expect({ status: checked.status, output: `${checked.stdout}${checked.stderr}` }).toEqual({
        status: 0,
        output: "",
      });
    },
  );
});

describe("what is measured", () => {
  test("tells where the group is", async () => {
    const page = parseExposition(await PAGES.controller());
    const labels = { namespace: "measured", group: "failover1" };
    expect(valueOf(page, "understudy_leader")).toBe(1);
    expect(valueOf(page, "understudy_group_ready", labels)).toBe(1);
    expect(valueOf(page, "understudy_group_epoch", labels)).toBe(1);
    const active = site.nodes.map((node) => valueOf(page, "understudy_group_active", { ...labels, node }));
    expect(active).toEqual([1, 0]);
    expect(valueOf(page, "understudy_failover_total", { ...labels, cause: "ColdStart", result: "Succeeded" })).toBe(1);
    const calls = { provider: "aws", action: "ReplaceRoute" };
    expect(valueOf(page, "understudy_cloud_call_duration_seconds_count", calls)).toBeGreaterThan(0);
  });

  test("tells what is up on the member, and that its peer lives", async () => {
    await until("worker and peers are measured", async () => {
      const page = parseExposition(await PAGES.agent());
      const active = { namespace: "measured", group: "failover1", resource: "app" };
      const isUp = valueOf(page, "understudy_resource_active", active) === 1;
      const isHeard = valueOf(page, "understudy_peer_alive", { peer: site.nodes[1] }) === 1;
      return isUp && isHeard ? true : undefined;
    });
    const page = parseExposition(await PAGES.agent());
    expect(valueOf(page, "understudy_session_renewal_total", { outcome: "ok" })).toBeGreaterThan(0);
    expect(valueOf(page, "understudy_session_remaining_seconds")).toBeGreaterThan(0);
  });
});

describe("health", () => {
  test.each(["/healthz", "/readyz"] as const)("%s is 200 with one line per check", async (path) => {
    const answer = await site.controllerPage(path);
    const text = await answer.text();
    expect({ status: answer.status, type: answer.headers.get("content-type") }).toEqual({
      status: 200,
      type: "text/plain; charset=utf-8",
    });
    expect(text).toMatch(/^(\[\+\][a-z]+ ok\n)+ok\n$/);
  });

  test("outlives an API server that is away: a restart would not help", async () => {
    const id = site.server.faults.add({ action: { kind: "cut" } });
    try {
      await until("the leader notices", async () => {
        const page = parseExposition(await PAGES.controller());
        const failed = page.samples.filter(
          ({ name, labels, value }) =>
            name === "understudy_kube_request_duration_seconds_count" && labels["outcome"] !== "ok" && value > 0,
        );
        return failed.length > 0 ? true : undefined;
      });
      expect((await site.controllerPage("/healthz")).status).toBe(200);
    } finally {
      site.server.faults.remove(id);
    }
  });

  test("is nothing else: other paths are 404, other methods 405", async () => {
    const { url } = await site.controllerPage("/healthz");
    expect((await fetch(new URL("/secrets", url))).status).toBe(404);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
  });
});
