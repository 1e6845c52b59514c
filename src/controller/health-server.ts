/**
 * What the outside may ask of the controller: `/metrics` on one port, `/healthz` and `/readyz` on another (the one may
 * be scraped from elsewhere, the other belongs to the kubelet).
 *
 * `/healthz` fails only when a restart would help. A standby is ready: it is doing its job. An unreachable API server
 * makes nobody unhealthy, since restarting would lose the warm caches and gain nothing.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../lib/errors.ts";

/** What is wrong, or undefined when nothing is. */
export type Check = () => string | undefined;

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface HealthServerOptions {
  /** Default: all interfaces. */
  readonly host?: string;
  /** 0 takes a free port; undefined switches the endpoint off. */
  readonly metricsPort?: number | undefined;
  readonly healthPort?: number | undefined;
}

export interface HealthServerModules {
  readonly metrics: MetricsPage;
  readonly healthy: Readonly<Record<string, Check>>;
  readonly ready: Readonly<Record<string, Check>>;
}

export interface HealthServer {
  readonly metricsPort: number | undefined;
  readonly healthPort: number | undefined;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;

type Page = () => Promise<{ readonly status: number; readonly contentType: string; readonly text: string }>;

/** Throws when a port is taken. */
export async function startHealthServer(
  options: HealthServerOptions,
  modules: HealthServerModules,
): Promise<HealthServer> {
  const metricsPages: Readonly<Record<string, Page>> = {
    "/metrics": async () => ({
      status: 200,
      contentType: modules.metrics.contentType,
      text: await modules.metrics.text(),
    }),
  };
  const healthPages: Readonly<Record<string, Page>> = {
    "/healthz": async () => await checkPage(modules.healthy),
    "/readyz": async () => await checkPage(modules.ready),
  };
  const metrics = await listen(options.metricsPort, options.host, metricsPages);
  try {
    const health = await listen(options.healthPort, options.host, healthPages);
    return {
      metricsPort: portOf(metrics),
      healthPort: portOf(health),
      close: async () => void (await Promise.all([close(metrics), close(health)])),
    };
  } catch (thrown) {
    await close(metrics);
    throw thrown;
  }
}

/** One line per check, as the API server's own `/readyz?verbose`. */
async function checkPage(checks: Readonly<Record<string, Check>>): Promise<Awaited<ReturnType<Page>>> {
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: check() }));
  const isGood = results.every(({ problem }) => problem === undefined);
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  const text = `${[...lines, isGood ? "ok" : "failed"].join("\n")}\n`;
  return await Promise.resolve({ status: isGood ? 200 : 503, contentType: "text/plain; charset=utf-8", text });
}

async function listen(
  port: number | undefined,
  host: string | undefined,
  pages: Readonly<Record<string, Page>>,
): Promise<http.Server | undefined> {
  if (port === undefined) return undefined;
  const server = http.createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => void answer(request, response, pages),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  return server;
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  pages: Readonly<Record<string, Page>>,
): Promise<void> {
  const path = request.url?.split("?")[0] ?? "";
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  try {
    if (page === undefined) respond(response, 404, "text/plain", "not found\n");
    else if (request.method !== "GET" && request.method !== "HEAD") respond(response, 405, "text/plain", "only GET\n");
    else {
      const { status, contentType, text } = await page();
      respond(response, status, contentType, text);
    }
  } catch (thrown) {
    respond(response, 500, "text/plain", `${messageOf(thrown)}\n`);
  }
}

function respond(response: http.ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { "content-type": contentType }).end(text);
}

function portOf(server: http.Server | undefined): number | undefined {
  return (server?.address() as AddressInfo | null | undefined)?.port;
}

async function close(server: http.Server | undefined): Promise<void> {
  if (server === undefined) return;
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
