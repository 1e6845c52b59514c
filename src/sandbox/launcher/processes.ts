/**
 * Finding and ending processes that the sandbox started, and only those: by the network namespace they live in, by a
 * marker in their environment, or because they run a program of one of its machines (a command of the agent starts with a
 * clean environment).
 * Must never do: signal a process that none of these three proves to be ours.
 */
import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";

/** Set in the environment of everything a sandbox starts: the sandbox's id. */
export const SANDBOX_MARKER = "UNDERSTUDY_SANDBOX";
/** Set in the environment of everything a virtual machine runs: `<sandbox id>/<vm name>`. */
export const VM_MARKER = "UNDERSTUDY_SANDBOX_VM";

/** Rounds of "find and kill" before giving up: each round catches what was forked during the one before. */
const MAX_KILL_ROUNDS = 50;

export type FindPids = () => readonly number[];

/** Every process whose network namespace is the named one (`ip netns`); empty when there is no such namespace. */
export function pidsInNamespace(namespace: string): number[] {
  const inode = inodeOf(`/run/netns/${namespace}`);
  if (inode === undefined) return [];
  const wanted = `net:[${inode}]`;
  return allPids().filter((pid) => linkOf(`/proc/${pid}/ns/net`) === wanted);
}

/** Every process with `NAME=value` in the environment it was started with. */
export function pidsWithEnvironment(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  return allPids().filter((pid) => textOf(`/proc/${pid}/environ`)?.split("\0").includes(wanted) === true);
}

/** Every process that runs a program which lies under `directory`, by itself or through an interpreter. */
export function pidsRunningFrom(directory: string): number[] {
  const prefix = directory.endsWith("/") ? directory : `${directory}/`;
  return allPids().filter((pid) => {
    const words = textOf(`/proc/${pid}/cmdline`)?.split("\0").slice(0, 2) ?? [];
    return words.some((word) => word.startsWith(prefix));
  });
}

/** Field 22 of /proc/PID/stat (proc(5)): clock ticks between boot and start; undefined when there is no such process. */
export function startTicksOf(pid: number): number | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  const ticks = Number(rest[18]);
  return Number.isFinite(ticks) ? ticks : undefined;
}

/** Sends a signal; false when the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (thrown) {
    if (errorCode(thrown) === "ESRCH") return false;
    throw thrown;
  }
}

/** Stops every process that `find` returns, repeating until a round finds no new one, so that none escapes by forking. */
export function stopAll(find: FindPids): number[] {
  const stopped = new Set<number>();
  for (let round = 0; round < MAX_KILL_ROUNDS; round++) {
    const fresh = find().filter((pid) => !stopped.has(pid));
    if (fresh.length === 0) return [...stopped];
    for (const pid of fresh) {
      signal(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  return [...stopped];
}

/**
 * Kills every process that `find` returns, as cutting the power would: all are stopped first, so that none sees
 * another one die. Returns how many were killed.
 */
export function killAll(find: FindPids): number {
  const killed = new Set<number>(stopAll(find));
  for (const pid of killed) signal(pid, "SIGKILL");
  for (let round = 0; round < MAX_KILL_ROUNDS; round++) {
    const left = find();
    if (left.length === 0) break;
    for (const pid of left) {
      signal(pid, "SIGKILL");
      killed.add(pid);
    }
  }
  return killed.size;
}

export function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number);
}

export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // the process ended, or belongs to somebody else: not ours either way
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // as above
  }
}
