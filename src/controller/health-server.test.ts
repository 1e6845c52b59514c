import { afterEach, describe, expect, it } from "vitest";
import { type HealthServer, startHealthServer } from "./health-server.ts";

const servers: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(problem?: string): Promise<HealthServer> {
  const metrics = { contentType: "text/plain; version=0.0.4", text: () => Promise.resolve("understudy_leader 1\n") };
  const server = await startHealthServer(
    { host: "127.0.0.1", metricsPort: 0, healthPort: 0 },
    { metrics, healthy: {}, ready: { caches: () => problem } },
  );
  servers.push(server);
  return server;
}

const get = async (port: number | undefined, path: string, method = "GET"): Promise<[number, string]> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return [response.status, await response.text()];
};

describe("the controller's endpoints", () => {
  it("show metrics on one port and health on another", async () => {
    const { metricsPort, healthPort } = await start();
    expect(await get(metricsPort, "/metrics")).toEqual([200, "understudy_leader 1\n"]);
    expect(await get(healthPort, "/healthz")).toEqual([200, "ok\n"]);
    expect(await get(healthPort, "/readyz?verbose")).toEqual([200, "[+]caches ok\nok\n"]);
    expect((await get(healthPort, "/metrics"))[0]).toBe(404);
    expect((await get(healthPort, "/__proto__"))[0]).toBe(404);
    expect((await get(metricsPort, "/metrics", "POST"))[0]).toBe(405);
  });

  it("say what is missing", async () => {
    const { healthPort } = await start("waiting for 2 caches");
    expect(await get(healthPort, "/readyz")).toEqual([503, "[-]caches failed: waiting for 2 caches\nfailed\n"]);
    expect((await get(healthPort, "/healthz"))[0]).toBe(200);
  });

  it("fail to start on a port that is taken, and leave nothing open", async () => {
    const { healthPort } = await start();
    const metrics = { contentType: "text/plain", text: () => Promise.resolve("") };
    await expect(
      startHealthServer({ host: "127.0.0.1", metricsPort: 0, healthPort }, { metrics, healthy: {}, ready: {} }),
    ).rejects.toThrow(/EADDRINUSE/);
  });
});
