/** Long-running processes of the sandbox that are no part of a machine: API server, controllers, client, observers. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MEASURING_PRIORITY, raisePriority, SANDBOX_PRIORITY } from "../launcher/priority.ts";
import { SANDBOX_MARKER } from "../launcher/processes.ts";

export interface ChildOptions {
  /** Names its log file. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** It measures: it runs before the others. */
  readonly measures?: boolean;
  /** Called with each line of its standard output, which then is not in the log. */
  readonly line?: (line: string) => void;
  /** Called when it ends. */
  readonly exited?: (how: string) => void;
}

export class ChildProcesses {
  readonly #sandboxId: string;
  readonly #logs: string;

  constructor(sandboxId: string, directory: string) {
    this.#sandboxId = sandboxId;
    this.#logs = join(directory, "logs");
    mkdirSync(this.#logs, { recursive: true });
  }

  logFile(name: string): string {
    return join(this.#logs, `${name}.log`);
  }

  /** Its standard input is a pipe that closes when the orchestrator ends, however that happens. */
  start(options: ChildOptions): ChildProcess {
    const [command = "", ...args] = options.argv;
    const log = openSync(this.logFile(options.name), "a");
    const child = spawn(command, args, {
      // A session of its own: Linux shares the processors between sessions, and Ctrl-C is for the launcher alone.
      detached: true,
      stdio: ["pipe", options.line === undefined ? log : "pipe", log],
      env: { ...baseEnvironment(), [SANDBOX_MARKER]: this.#sandboxId, ...options.environment },
    });
    closeSync(log);
    raisePriority(child.pid, options.measures === true ? MEASURING_PRIORITY : SANDBOX_PRIORITY);
    child.stdin?.on("error", () => undefined); // it may end before we do
    if (child.stdout !== null && options.line !== undefined) {
      createInterface({ input: child.stdout }).on("line", options.line);
    }
    child.on("error", (error) => options.exited?.(error.message));
    child.on("exit", (code, signal) => options.exited?.(signal ?? `exit code ${code}`));
    return child;
  }
}

/** What a process needs of ours, and nothing that belongs to the person who runs the demo. */
export function baseEnvironment(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", HOME: process.env["HOME"] ?? "/" };
}
