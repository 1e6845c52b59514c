/**
 * From the crash of a node to the first and the last new grant, with many groups on it. The controller is the shipped
 * bundle, the API server a process of its own; both nodes' sessions are renewed by this process, and the crash is that one of
 * them is not renewed any more. Printed beside the API server's bare rate of status writes in the same run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { FailoverGroup } from "../src/api/generated/types.ts";
import { FAILOVER_GROUP } from "../src/api/kinds.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease, microTime, SESSION_LABEL } from "../src/api/session-lease.ts";
import { CLOCK_RATE_BOUND, presetTimings } from "../src/api/timings.ts";
import { systemClock } from "../src/host/system-clock.ts";
import { systemRandom } from "../src/host/system-random.ts";
import { Informer } from "../src/kube/informer.ts";
import type { KubeObject } from "../src/kube/ports.ts";
import { RestKubeApi } from "../src/kube/rest-client.ts";
import { silentLog } from "../src/lib/log.ts";
import { noMetrics } from "../src/lib/metrics.ts";
import { applyAll, readManifests } from "../src/sandbox/world/manifests.ts";
import { startBundle, stopAll, untilReady, writeKubeconfig } from "./processes.ts";

const TIMINGS = presetTimings("fast");
const SYSTEM = "understudy-system";
const NODES = ["node1", "node2"] as const;
const HEALTH_PORT = 39_813;

export interface GrantFigures {
  readonly groups: number;
  /** From the last renewal of the lost node to the first grant elsewhere, milliseconds. */
  readonly firstGrantMs: number;
  readonly lastGrantMs: number;
  /** rho*L + M + renew interval + 100 ms. */
  readonly boundMs: number;
  /** Status writes per second by one client, one after the other, right after. */
  readonly bareWritesPerSecond: number;
}

export const GRANT_BOUND_MS = Math.round(
  CLOCK_RATE_BOUND * TIMINGS.sessionDurationMs + TIMINGS.marginMs + TIMINGS.renewIntervalMs + 100,
);

export async function measureGrants(groups: number): Promise<GrantFigures> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-grants-"));
  const children: ChildProcess[] = [];
  const sessions = new AbortController();
  try {
    const { url, server } = await startApiServer();
    children.push(server);
    const api = new RestKubeApi(
      { connection: { baseUrl: url }, timeoutMs: 10_000, fieldManager: "bench" },
      { clock: systemClock },
    );
    await populate(api, groups);
    const renewals = NODES.map((node) => new Session(api, node));
    const kubeconfig = join(folder, "kubeconfig");
    writeKubeconfig(kubeconfig, url);
    const controller = startBundle([
      "controller",
      "--kubeconfig",
      kubeconfig,
      "--identity",
      "bench",
      "--preset",
      "fast",
      "--metrics-port",
      "0",
      "--health-port",
      String(HEALTH_PORT),
      "--log-level",
      "error",
    ]);
    children.push(controller);
    await untilReady(`http://127.0.0.1:${HEALTH_PORT}/readyz`, 30_000);
    for (const renewal of renewals) await renewal.start(sessions.signal);
    const times = await crashAndWatch(api, renewals, groups);
    await stopAll([controller]);
    const bareWritesPerSecond = await bareRate(api);
    api.close();
    return { groups, ...times, boundMs: GRANT_BOUND_MS, bareWritesPerSecond };
  } finally {
    sessions.abort();
    await stopAll(children);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startApiServer(): Promise<{ url: string; server: ChildProcess }> {
  const main = resolve(import.meta.dirname, "../src/main.ts");
  const server = spawn(process.execPath, [main, "sandbox-apiserver", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(server.stdout, "data")) as [Buffer];
  const address = /listening on (\S+)/.exec(line.toString())?.[1];
  if (address === undefined) throw new Error(`the API server said ${line.toString()}`);
  return { url: `http://${address}`, server };
}

async function populate(api: RestKubeApi, groups: number): Promise<void> {
  const named =
    (kind: string) =>
    (name: string): KubeObject => ({ apiVersion: "v1", kind, metadata: { name } });
  await applyAll(api, ["default", SYSTEM].map(named("Namespace")), "");
  await applyAll(api, readManifests(resolve(import.meta.dirname, "../crds")), "");
  await applyAll(api, NODES.map(named("Node")), "");
  const command = (verb: string): object => ({ command: ["/etc/understudy/exec.d/app", verb] });
  const resources = [{ name: "app", exec: { start: command("start"), stop: command("stop") } }];
  const spec = { members: NODES.map((node) => ({ node })), resources, failover: { startWait: "0s" } };
  for (let index = 0; index < groups; index++) {
    await api.create(FAILOVER_GROUP, {
      metadata: { name: `group-${index}`, namespace: "default" },
      spec,
    } as KubeObject);
  }
}

/** One node's session, renewed as a guard would. */
class Session {
  readonly #api: RestKubeApi;
  readonly #node: string;
  #lease: Lease | undefined;
  #isDead = false;
  lastRenewedMs = 0;

  constructor(api: RestKubeApi, node: string) {
    this.#api = api;
    this.#node = node;
  }

  crash(): void {
    this.#isDead = true;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#renew();
    void this.#keep(signal);
  }

  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#isDead) {
      await new Promise((done) => setTimeout(done, TIMINGS.renewIntervalMs));
      if (!signal.aborted && !this.#isDead) await this.#renew();
    }
  }

  async #renew(): Promise<void> {
    const annotations = {
      [LEASE_ANNOTATIONS.timings]: JSON.stringify(TIMINGS),
      [LEASE_ANNOTATIONS.facts]: JSON.stringify({
        bootId: "bench",
        version: "bench",
        watchdog: "Hardware",
        interfaces: [],
      }),
      [LEASE_ANNOTATIONS.nonce]: systemRandom.uuid(),
    };
    const spec = {
      holderIdentity: `${this.#node}_bench`,
      leaseDurationSeconds: 5,
      renewTime: microTime(systemClock.wallMs()),
    };
    const metadata = {
      ...this.#lease?.metadata,
      name: this.#node,
      namespace: SYSTEM,
      labels: { [SESSION_LABEL]: "true" },
      annotations,
    };
    this.lastRenewedMs = performance.now();
    this.#lease =
      this.#lease === undefined
        ? await this.#api.create<Lease>(LEASE, { metadata, spec })
        : await this.#api.replace<Lease>(LEASE, { metadata, spec });
  }
}

async function crashAndWatch(
  api: RestKubeApi,
  [first, second]: readonly Session[],
  groups: number,
): Promise<{ firstGrantMs: number; lastGrantMs: number }> {
  const informer = new Informer<FailoverGroup>(
    { type: FAILOVER_GROUP },
    { api, clock: systemClock, random: systemRandom, log: silentLog, metrics: noMetrics },
  );
  const grantedTo = (node: string): number =>
    informer.list().filter((group) => group.status?.active?.node === node).length;
  const times: number[] = [];
  const wait = Promise.withResolvers<void>();
  informer.onChange(() => {
    for (let seen = times.length; seen < grantedTo("node2"); seen++) times.push(performance.now());
    if (times.length === groups) wait.resolve();
  });
  informer.start();
  await informer.synced;
  while (grantedTo("node1") < groups) await new Promise((done) => setTimeout(done, 50));
  await new Promise((done) => setTimeout(done, 2 * TIMINGS.renewIntervalMs));
  first?.crash();
  const crashMs = first?.lastRenewedMs ?? 0;
  await wait.promise;
  second?.crash();
  await informer.stop();
  return {
    firstGrantMs: Math.round((times[0] ?? Number.NaN) - crashMs),
    lastGrantMs: Math.round((times.at(-1) ?? Number.NaN) - crashMs),
  };
}

async function bareRate(api: RestKubeApi): Promise<number> {
  const writes = 200;
  const startedMs = performance.now();
  for (let write = 0; write < writes; write++) {
    const body = {
      apiVersion: "understudy.dev/v1alpha1",
      kind: "FailoverGroup",
      metadata: { name: "group-0", namespace: "default" },
      status: { pausedUntil: new Date(write * 1_000).toISOString() },
    };
    await api.patch(
      FAILOVER_GROUP,
      { namespace: "default", name: "group-0" },
      { type: "apply", body, fieldManager: "bench", force: true },
      { subresource: "status" },
    );
  }
  return Math.round((writes * 1_000) / (performance.now() - startedMs));
}
