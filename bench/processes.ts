/** Processes of a benchmark: started from the bundle that the image ships, measured by the kernel's own figures. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

export const BUNDLE = resolve(import.meta.dirname, "../dist/understudy.mjs");

export interface Measured {
  /** Proportional set size: shared pages are divided among those who share them. */
  readonly pssMb: number;
  readonly rssMb: number;
}

/** `Pss` and `Rss` of /proc/PID/smaps_rollup (proc(5)), in MiB with one decimal. */
export function memoryOf(pid: number): Measured {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mib = (field: string): number =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? Number.NaN) / 102.4) / 10;
  return { pssMb: mib("Pss"), rssMb: mib("Rss") };
}

/** Pids of the direct children of `pid`. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[1],
    );
  } catch {
    return undefined; // it ended between the listing and the look
  }
}

export function startBundle(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [BUNDLE, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

export async function stopAll(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await once(child, "exit");
    clearTimeout(late);
  }
}

/** Milliseconds from now until `url` answers 200; throws after `limitMs`. */
export async function untilReady(url: string, limitMs: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const passedMs = performance.now() - startedMs;
    if (passedMs > limitMs) throw new Error(`${url} not ready after ${limitMs} ms`);
    try {
      if ((await fetch(url, { signal: AbortSignal.timeout(500) })).ok) return Math.round(performance.now() - startedMs);
    } catch (error) {
      if (!(error instanceof Error)) throw error; // refused: not listening yet
    }
    await new Promise((done) => setTimeout(done, 5));
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** A kubeconfig without credentials, as the sandbox writes it. */
export function writeKubeconfig(path: string, server: string): void {
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "bench", cluster: { server } }],
      users: [{ name: "bench", user: { token: "bench" } }],
      contexts: [{ name: "bench", context: { cluster: "bench", user: "bench", namespace: "default" } }],
      "current-context": "bench",
    }),
  );
}
