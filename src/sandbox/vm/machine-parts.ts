/** The real parts of a virtual machine: its processes, files and wire. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { raisePriority, SANDBOX_PRIORITY } from "../launcher/priority.ts";
import { killAll, SANDBOX_MARKER, signal, stopAll, VM_MARKER } from "../launcher/processes.ts";
import type { Fabric } from "../network/fabric.ts";
import type { MachineParts } from "./virtual-machine.ts";
import { announceShutdown, wipeVolatile } from "./vm-files.ts";
import type { VmFiles } from "./vm-files.ts";
import { readTimeoutMs } from "./watchdog-device.ts";

export interface PartsOptions {
  readonly sandboxId: string;
  readonly vm: string;
  readonly files: VmFiles;
  readonly defaultWatchdogMs: number;
  /** The agent's command line. */
  readonly agentArgv: readonly string[];
}

export interface PartsModules {
  readonly fabric: Fabric;
  readonly wireChanged: () => Promise<void>;
  readonly newBootId: () => string;
  /** In ms since 1970. */
  readonly nowMs: () => number;
}

export function machineParts(options: PartsOptions, modules: PartsModules): MachineParts {
  const { fabric } = modules;
  const find = (): readonly number[] => fabric.processesOf(options.vm);
  return {
    prepareBoot: async (bootId) => {
      wipeVolatile(options.files, bootId);
      await fabric.guestUp(options.vm);
    },
    startAgent: (exited) => startAgent(options, fabric, exited),
    announceShutdown: () => announceShutdown(options.files, modules.nowMs()),
    pause: () => void stopAll(find),
    resume: () => {
      for (const pid of find()) signal(pid, "SIGCONT");
    },
    killProcesses: () => void killAll(find),
    dropNetwork: () => fabric.guestDown(options.vm),
    wireChanged: modules.wireChanged,
    watchdogTimeoutMs: () => readTimeoutMs(join(options.files.watchdogSysfs, "timeout")) ?? options.defaultWatchdogMs,
    newBootId: modules.newBootId,
  };
}

function startAgent(options: PartsOptions, fabric: Fabric, exited: (how: string) => void): void {
  const [command = "", ...args] = fabric.enter(options.vm, options.agentArgv);
  const log = openSync(options.files.agentLog, "a");
  const environment = {
    PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: options.files.root,
    [SANDBOX_MARKER]: options.sandboxId,
    [VM_MARKER]: `${options.sandboxId}/${options.vm}`,
  };
  const child = spawn(command, args, { detached: true, stdio: ["ignore", log, log], env: environment });
  closeSync(log);
  raisePriority(child.pid, SANDBOX_PRIORITY);
  child.on("error", (error) => exited(error.message));
  child.on("exit", (code, signal) => exited(signal ?? `exit code ${code}`));
}
