/**
 * Host commands: argv without a shell, in a session of their own, with exactly the environment that API.md 1.1 names.
 *
 *   spawn ──exit──────────────────────────────> exited
 *     └─timeout or abort─ TERM to the group ─grace─ KILL ─exit seen─> timed-out, aborted
 *
 * A daemon that `start` leaves behind keeps the output pipe: it is read and thrown away, so that the daemon never
 * blocks or dies on it while the worker lives.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock, Timer } from "../../lib/clock.ts";
import {
  CommandError,
  type CommandEnd,
  type CommandPort,
  type CommandRequest,
  type CommandResult,
  MAX_OUTPUT_BYTES,
} from "../command/port.ts";
import { allowedProgram, type CommandPolicyOptions } from "./command-policy.ts";
import { processFacts } from "./processes.ts";

/** Between TERM and KILL, in milliseconds; never more than a quarter of the timeout. */
const KILL_GRACE_MS = 2_000;

export class LinuxCommands implements CommandPort {
  readonly #policy: CommandPolicyOptions;
  readonly #clock: Clock;

  constructor(policy: CommandPolicyOptions, modules: { readonly clock: Clock }) {
    this.#policy = policy;
    this.#clock = modules.clock;
  }

  async check(argv: readonly string[]): Promise<void> {
    await allowedProgram(argv[0] ?? "", this.#policy);
  }

  async run(request: CommandRequest): Promise<CommandResult> {
    const [program = "", ...words] = request.argv;
    const file = await allowedProgram(program, this.#policy);
    if (request.signal.aborted) return { end: "aborted", exitCode: undefined, output: "" };
    const child = spawn(file, words, {
      cwd: "/",
      detached: true,
      env: { ...request.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const started = new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) =>
        reject(
          new CommandError(
            { code: "CannotStart", program },
            `command ${program} cannot be started: ${cause.message}`,
            cause,
          ),
        ),
      );
    });
    const output = tailOf(child);
    const pid = child.pid;
    if (pid !== undefined)
      request.onSpawn?.({ pid, processGroup: pid, startTicks: processFacts(pid)?.startTicks ?? 0 });
    const ended = this.#untilEnd(child, request);
    await started;
    const { end, exitCode } = await ended;
    return { end, exitCode, output: output() };
  }

  #untilEnd(child: ChildProcess, request: CommandRequest): Promise<{ end: CommandEnd; exitCode: number | undefined }> {
    const { promise, resolve } = Promise.withResolvers<{ end: CommandEnd; exitCode: number | undefined }>();
    let end: CommandEnd = "exited";
    const timers: Timer[] = [];
    const stop = (why: CommandEnd): void => {
      if (end !== "exited") return;
      end = why;
      killGroup(child, "SIGTERM");
      const graceMs = why === "aborted" ? 0 : Math.min(KILL_GRACE_MS, request.timeoutMs / 4);
      timers.push(this.#clock.setTimer(graceMs, () => killGroup(child, "SIGKILL")));
    };
    const onAbort = (): void => stop("aborted");
    request.signal.addEventListener("abort", onAbort, { once: true });
    if (request.signal.aborted) onAbort();
    timers.push(this.#clock.setTimer(request.timeoutMs, () => stop("timed-out")));
    // `exit`, not `close`: a daemon may hold the pipes for ever.
    const finish = (exitCode: number | undefined): void => {
      for (const timer of timers) timer.cancel();
      request.signal.removeEventListener("abort", onAbort);
      resolve({ end, exitCode });
    };
    child.once("exit", (code) => finish(code ?? undefined));
    child.once("error", () => finish(undefined));
    return promise;
  }
}

function killGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (thrown) {
    // ESRCH: the whole group has ended; the exit event follows.
    if (!(thrown instanceof Error)) throw thrown;
  }
}

/** Keeps the last `MAX_OUTPUT_BYTES` of both outputs, in the order in which they arrived. */
function tailOf(child: ChildProcess): () => string {
  let kept = Buffer.alloc(0);
  const keep = (chunk: Buffer): void => {
    kept = Buffer.concat([kept, chunk]).subarray(-MAX_OUTPUT_BYTES);
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", keep);
    stream?.on("error", () => stream.destroy());
  }
  return () => kept.toString("utf8").trim();
}
