/**
 * Memory and start of the shipped processes: agent (guard + worker) and controller with its AWS client loaded, against the
 * embedded API server and an emulated EC2, with the objects of examples/aws-virtual-ip applied and the group Ready.
 */
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childrenOf, type Measured, median, memoryOf, startBundle, stopAll, untilReady } from "./processes.ts";
import { ACCESS_KEY, type Site, startSite } from "./site.ts";

export interface Footprint {
  /** Proportional set sizes in MiB; `sum` is what the target of 120 MB is about. */
  readonly agent: { readonly guard: Measured; readonly worker: Measured; readonly sumPssMb: number };
  /** After it has called EC2; the target is 170 MB. */
  readonly controller: Measured;
  /** From the start of the process to 200 on /readyz, milliseconds; the target is 1.5 s. */
  readonly controllerReadyMs: { readonly median: number; readonly all: readonly number[] };
}

const HEALTH_PORT = 39_812;
const CREDENTIALS = { AWS_ACCESS_KEY_ID: ACCESS_KEY.accessKeyId, AWS_SECRET_ACCESS_KEY: ACCESS_KEY.secretAccessKey };

function controllerArgs(site: Site): string[] {
  return [
    "controller",
    "--kubeconfig",
    site.kubeconfig,
    "--identity",
    "bench",
    "--preset",
    "fast",
    "--metrics-port",
    "0",
    "--health-port",
    String(HEALTH_PORT),
    "--aws-endpoint",
    site.ec2Url,
    "--log-level",
    "error",
  ];
}

function agentArgs(site: Site, folder: string): string[] {
  mkdirSync(join(folder, "root", "etc/understudy/exec.d"), { recursive: true });
  return [
    "agent",
    "--node",
    "node1",
    "--api-server",
    site.apiUrl,
    "--preset",
    "fast",
    "--peer-address",
    "127.0.0.1",
    "--peer-port",
    "0",
    "--state-dir",
    join(folder, "run"),
    "--host-root",
    join(folder, "root"),
    "--watchdog-mode",
    "Off",
    "--metrics-address",
    "127.0.0.1",
    "--metrics-port",
    "0",
    "--address-backend",
    "file",
    "--log-level",
    "error",
  ];
}

/** Starts the controller `runs` times, then measures all processes once the group is Ready. */
export async function measureFootprint(runs: number): Promise<Footprint> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-bench-"));
  const children: ChildProcess[] = [];
  const site = await startSite(folder);
  try {
    const readyMs: number[] = [];
    for (let run = 0; run < runs; run++) {
      const controller = startBundle(controllerArgs(site), CREDENTIALS);
      children.push(controller);
      readyMs.push(await untilReady(`http://127.0.0.1:${HEALTH_PORT}/readyz`, 30_000));
      if (run < runs - 1) await stopAll([controller]);
    }
    const agent = startBundle(agentArgs(site, folder));
    children.push(agent);
    await site.untilGroupReady(30_000);
    const controllerPid = children.at(-2)?.pid ?? 0;
    const guardPid = agent.pid ?? 0;
    const [workerPid = 0] = childrenOf(guardPid).filter((pid) =>
      execFileSync("cat", [`/proc/${pid}/cmdline`]).includes("agent-worker"),
    );
    const guard = memoryOf(guardPid);
    const worker = memoryOf(workerPid);
    return {
      agent: { guard, worker, sumPssMb: Math.round((guard.pssMb + worker.pssMb) * 10) / 10 },
      controller: memoryOf(controllerPid),
      controllerReadyMs: { median: median(readyMs), all: readyMs },
    };
  } finally {
    await stopAll(children);
    await site.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
