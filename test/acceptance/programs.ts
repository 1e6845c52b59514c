/** Our program as a user or an operator runs it: real processes, their output kept for assertions. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/host/system-clock.ts";
import { LIMIT_MS } from "./facts.ts";

const PROGRAM = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
/** The same as a pod's manifest would give: nothing of this machine's own configuration reaches a process. */
const INHERITED = ["PATH", "HOME", "TMPDIR", "LANG"];

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything printed so far. */
  output(): string;
  /** Ends it with a signal, the hard way when it does not obey; resolves to its exit code (null: by signal). */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function startProgram(argv: readonly string[], env: Readonly<Record<string, string>> = {}): RunningProgram {
  const child = spawn(process.execPath, [PROGRAM, ...argv], {
    env: environment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  if (child.pid === undefined) throw new Error(`cannot start ${argv[0] ?? ""}`);
  return { child, pid: child.pid, output: () => text, end: (signal) => ended(child, signal) };
}

/** Runs a command to its end, as in a terminal. */
export async function run(
  argv: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string; readonly cwd?: string } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [PROGRAM, ...argv], {
    env: environment(options.env ?? {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const chunks: string[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
    return chunks;
  });
  child.stdin.end(options.stdin ?? "");
  const late = systemClock.setTimer(LIMIT_MS * 2, () => child.kill("SIGKILL"));
  await once(child, "close");
  late.cancel();
  return { code: child.exitCode, stdout: stdout?.join("") ?? "", stderr: stderr?.join("") ?? "" };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, "exit");
  child.kill(signal);
  const late = systemClock.setTimer(10_000, () => child.kill("SIGKILL"));
  await exit;
  late.cancel();
  return child.exitCode;
}

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  const own = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(own), ...more };
}
