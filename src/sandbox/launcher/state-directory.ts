/**
 * The directory of one sandbox, `$TMPDIR/understudy-sandbox-ID`, with a record of what the sandbox may have made. The
 * record is written before anything is made and removed after everything is gone, so that a later start can clear
 * what a killed one left, and never anything else.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTicksOf } from "./processes.ts";

const PREFIX = "understudy-sandbox-";
const RECORD = "sandbox.json";

export interface SandboxRecord {
  readonly id: string;
  readonly launcherPid: number;
  /** Start time of the launcher: tells it from a later process with the same pid. */
  readonly launcherStartTicks: number;
  readonly namespaces: readonly string[];
  /** `/run/netns` was no mount before this sandbox, so `ip netns` has made it one. */
  readonly mountsNetnsDirectory: boolean;
}

export interface SandboxDirectory {
  readonly path: string;
  readonly record: SandboxRecord;
}

export function createDirectory(record: SandboxRecord): SandboxDirectory {
  const path = join(tmpdir(), `${PREFIX}${record.id}`);
  mkdirSync(path, { mode: 0o755 });
  writeFileSync(join(path, RECORD), JSON.stringify(record));
  return { path, record };
}

export function removeDirectory(directory: SandboxDirectory): void {
  rmSync(directory.path, { recursive: true, force: true });
}

/** Directories of sandboxes whose launcher is gone. */
export function abandonedDirectories(): SandboxDirectory[] {
  const found: SandboxDirectory[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(tmpdir(), name);
    const record = readRecord(path);
    if (record === undefined || `${PREFIX}${record.id}` !== name) continue;
    if (startTicksOf(record.launcherPid) !== record.launcherStartTicks) found.push({ path, record });
  }
  return found;
}

/** Undefined when there is none that can be trusted: such a directory is left alone. */
function readRecord(path: string): SandboxRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(path, RECORD), "utf8"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is SandboxRecord {
  if (typeof value !== "object" || value === null) return false;
  const { id, launcherPid, launcherStartTicks, namespaces, mountsNetnsDirectory } = value as Record<string, unknown>;
  return (
    typeof id === "string" &&
    /^[0-9a-f]{6}$/.test(id) &&
    typeof launcherPid === "number" &&
    typeof launcherStartTicks === "number" &&
    typeof mountsNetnsDirectory === "boolean" &&
    Array.isArray(namespaces) &&
    namespaces.every((name) => typeof name === "string" && name.startsWith(`us-${id}-`))
  );
}

/** Where the orchestrator leaves what it measured. */
export function resultFile(directory: string): string {
  return join(directory, "result.json");
}
