/**
 * Clearing a sandbox away: its processes, namespaces, links, mounts and files. The same function ends a run in good
 * order and clears what a killed one left behind.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { killAll, pidsRunningFrom, pidsWithEnvironment, SANDBOX_MARKER } from "./processes.ts";
import { removeNamespaces, unmountNetnsDirectory } from "./namespaces.ts";
import { abandonedDirectories, removeDirectory } from "./state-directory.ts";
import type { SandboxDirectory } from "./state-directory.ts";

export async function clearSandbox(directory: SandboxDirectory): Promise<void> {
  const { record } = directory;
  killAll(() => pidsOfSandbox(record.id, directory.path));
  await removeNamespaces(record.namespaces);
  if (record.mountsNetnsDirectory) await unmountNetnsDirectory();
  removeDirectory(directory);
}

/** Everything that a sandbox runs, wherever it runs. */
export function pidsOfSandbox(id: string, directory: string): number[] {
  const running = machineNames(directory).flatMap((vm) => pidsRunningFrom(join(directory, "vms", vm, "root")));
  return [...new Set([...pidsWithEnvironment(SANDBOX_MARKER, id), ...running])];
}

function machineNames(directory: string): string[] {
  const machines = join(directory, "vms");
  return existsSync(machines) ? readdirSync(machines) : [];
}

/** Clears every sandbox whose launcher is gone; returns their ids. */
export async function clearAbandoned(): Promise<string[]> {
  const abandoned = abandonedDirectories();
  for (const directory of abandoned) await clearSandbox(directory);
  return abandoned.map((directory) => directory.record.id);
}
