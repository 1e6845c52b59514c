/**
 * The launcher: the only process of the sandbox in the host's own namespace. It makes what the sandbox needs, starts
 * the orchestrator, and clears everything away however that ends. It changes nothing else on the host.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../host/system-clock.ts";
import type { SandboxMode } from "../network/fabric.ts";
import { TOPOLOGIES } from "../network/topologies.ts";
import { namespaceOf } from "../network/topology.ts";
import type { Topology } from "../network/topology.ts";
import type { SandboxOptions } from "../options.ts";
import { SCENARIO_CATALOGUE } from "../scenarios/catalogue.ts";
import { clearAbandoned, clearSandbox } from "./janitor.ts";
import { kubeconfigFor } from "./kubeconfig.ts";
import { createNamespaces, namespacesOfSandbox, netnsDirectoryIsMounted, whyNoNamespaces } from "./namespaces.ts";
import { raisePriority, SANDBOX_PRIORITY } from "./priority.ts";
import { SANDBOX_MARKER, startTicksOf } from "./processes.ts";
import { startRelay } from "./relay.ts";
import { createDirectory, resultFile } from "./state-directory.ts";
import type { SandboxDirectory } from "./state-directory.ts";

/** What the orchestrator is told, as JSON in its first argument. */
export interface OrchestratorConfig {
  readonly id: string;
  readonly directory: string;
  readonly mode: SandboxMode;
  /** Why it is loopback mode, when nobody asked for it. */
  readonly fallbackReason?: string;
  readonly options: SandboxOptions;
  /** For people outside: kubectl reaches the API server with it. */
  readonly kubeconfig: string;
  readonly apiSocket: string;
}

/** Longest time for the orchestrator to end by itself once asked to, in ms. */
const END_GRACE_MS = 3_000;
/** Longest time for a run without --keep, in ms; what chaos is asked to take comes on top. */
const RUN_LIMIT_MS = 15 * 60_000;
export const INTERRUPTED = 130;
const CANNOT_RUN = 3;
const ORCHESTRATOR = fileURLToPath(new URL("../world/main.ts", import.meta.url));

export interface Launched {
  /** Exit code of the run. */
  readonly code: number;
  /** What a scenario measured; undefined when it did not come to its end. */
  readonly result: Readonly<Record<string, unknown>> | undefined;
}

export async function launch(options: SandboxOptions): Promise<Launched> {
  const cleared = await clearAbandoned();
  if (cleared.length > 0) say(`cleared what an earlier sandbox left behind: ${cleared.join(", ")}`);
  const id = randomBytes(3).toString("hex");
  const topology = TOPOLOGIES[SCENARIO_CATALOGUE[options.scenario].topology](id);
  const directory = createDirectory({
    id,
    launcherPid: process.pid,
    launcherStartTicks: startTicksOf(process.pid) ?? 0,
    namespaces: namespacesOfSandbox(topology),
    mountsNetnsDirectory: !netnsDirectoryIsMounted(),
  });
  const interruption = new Interruption();
  try {
    const code = await runIn(directory, topology, options, interruption);
    return { code, result: readResult(directory) };
  } catch (thrown) {
    say(`the sandbox could not run: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return { code: CANNOT_RUN, result: undefined };
  } finally {
    await clearSandbox(directory);
    interruption.close();
  }
}

function readResult({ path }: SandboxDirectory): Launched["result"] {
  const file = resultFile(path);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, unknown>>) : undefined;
}

async function runIn(
  directory: SandboxDirectory,
  topology: Topology,
  options: SandboxOptions,
  interruption: Interruption,
): Promise<number> {
  const { id } = directory.record;
  const { mode, reason } = await chooseMode(id, options.mode);
  if (mode === "namespaces") await createNamespaces(topology);
  const apiSocket = join(directory.path, "apiserver.sock");
  const relay = await startRelay(apiSocket);
  const kubeconfig = join(directory.path, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigFor(`http://127.0.0.1:${relay.port}`));
  const config: OrchestratorConfig = {
    id,
    directory: directory.path,
    mode,
    ...(reason === undefined ? {} : { fallbackReason: reason }),
    options,
    kubeconfig,
    apiSocket,
  };
  try {
    return interruption.signal.aborted ? INTERRUPTED : await orchestrate(config, interruption.signal);
  } finally {
    relay.close();
  }
}

async function chooseMode(
  id: string,
  wanted: SandboxMode | undefined,
): Promise<{ readonly mode: SandboxMode; readonly reason?: string }> {
  if (wanted === "loopback") return { mode: "loopback" };
  const reason = await whyNoNamespaces(id);
  if (reason === undefined) return { mode: "namespaces" };
  if (wanted === "namespaces") throw new Error(`--mode namespaces cannot be had here: ${reason}`);
  return { mode: "loopback", reason };
}

/** Runs the orchestrator until it ends or is asked to; resolves to the exit code of the whole run. */
async function orchestrate(config: OrchestratorConfig, interrupted: AbortSignal): Promise<number> {
  const program = [process.execPath, ORCHESTRATOR, JSON.stringify(config)];
  const inControl = ["ip", "netns", "exec", namespaceOf(config.id, "control")];
  const [command = "", ...args] = config.mode === "namespaces" ? [...inControl, ...program] : program;
  // In a session of its own, so that Ctrl-C reaches the launcher alone; its standard input ends when the launcher does.
  const child = spawn(command, args, {
    detached: true,
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, [SANDBOX_MARKER]: config.id },
  });
  const ended = exitOf(child);
  raisePriority(child.pid, SANDBOX_PRIORITY);
  const limitMs = RUN_LIMIT_MS + (config.options.chaos?.minutes ?? 0) * 60_000;
  const limit = config.options.keep ? undefined : systemClock.setTimer(limitMs, () => child.kill("SIGKILL"));
  const timers = limit === undefined ? [] : [limit];
  const stop = (): void => {
    child.kill("SIGTERM");
    timers.push(systemClock.setTimer(END_GRACE_MS, () => child.kill("SIGKILL")));
  };
  interrupted.addEventListener("abort", stop, { once: true });
  const code = await ended;
  for (const timer of timers) timer.cancel();
  return interrupted.aborted ? INTERRUPTED : code;
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? CANNOT_RUN));
  });
}

/** Ctrl-C and its kin, from the first moment to the last: clearing up is never cut short by a second one. */
class Interruption {
  readonly #abort = new AbortController();
  readonly #names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  readonly #heard = (): void => this.#abort.abort();

  constructor() {
    for (const name of this.#names) process.on(name, this.#heard);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  close(): void {
    for (const name of this.#names) process.off(name, this.#heard);
  }
}

function say(text: string): void {
  process.stderr.write(`sandbox: ${text}\n`);
}
