/**
 * Clearing a sandbox away: its processes, namespaces, links, mounts and files. The same function ends a run in good
 * order and clears what a killed one left behind.
 */
import { killAll, pidsWithEnvironment, SANDBOX_MARKER } from "./processes.ts";
import { removeNamespaces, unmountNetnsDirectory } from "./namespaces.ts";
import { abandonedDirectories, removeDirectory } from "./state-directory.ts";
import type { SandboxDirectory } from "./state-directory.ts";

export async function clearSandbox(directory: SandboxDirectory): Promise<void> {
  const { record } = directory;
  killAll(() => pidsWithEnvironment(SANDBOX_MARKER, record.id));
  await removeNamespaces(record.namespaces);
  if (record.mountsNetnsDirectory) await unmountNetnsDirectory();
  removeDirectory(directory);
}

/** Clears every sandbox whose launcher is gone; returns their ids. */
export async function clearAbandoned(): Promise<string[]> {
  const abandoned = abandonedDirectories();
  for (const directory of abandoned) await clearSandbox(directory);
  return abandoned.map((directory) => directory.record.id);
}
