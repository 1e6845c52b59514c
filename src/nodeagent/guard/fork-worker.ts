/**
 * The worker as a child process with an IPC channel, leader of its own session, so that one signal reaches all that it
 * runs in its own group. When this process dies the channel closes, and the worker ends itself.
 */
import { type ChildProcess, fork } from "node:child_process";
import { processFacts } from "../linux/processes.ts";
import type { GuardToWorker } from "../guard-protocol.ts";
import type { Worker, WorkerFactory, WorkerHandlers } from "./worker-port.ts";

export interface ForkOptions {
  /** The program, and its arguments from the subcommand on. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Flags of the runtime: its heap is kept small. */
  readonly execArgv: readonly string[];
}

export class ForkedWorkers implements WorkerFactory {
  readonly #options: ForkOptions;

  constructor(options: ForkOptions) {
    this.#options = options;
  }

  start(handlers: WorkerHandlers): Worker {
    const { program, argv, environment, execArgv } = this.#options;
    const child = fork(program, [...argv], {
      detached: true,
      execArgv: [...execArgv],
      env: { ...environment },
      serialization: "json",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const { pid } = child;
    if (pid === undefined) {
      child.on("error", () => undefined); // reported by the throw
      throw new Error("the worker process could not be started");
    }
    let isLost = false;
    const lost = (): void => {
      if (isLost) return;
      isLost = true;
      handlers.onLost();
    };
    child.on("message", (message) => handlers.onMessage(message));
    child.on("disconnect", lost);
    child.on("exit", lost);
    child.on("error", lost);
    const startTicks = processFacts(pid)?.startTicks ?? 0;
    return {
      process: { pid, processGroup: pid, startTicks },
      send: (message) => send(child, message, lost),
      kill: () => killGroup(child, pid),
    };
  }
}

function send(child: ChildProcess, message: GuardToWorker, lost: () => void): void {
  if (!child.connected) return;
  child.send(message, (error) => {
    if (error !== null) lost();
  });
}

/** While the child is not reaped its number cannot be another's; afterwards only its group may still be signalled. */
function killGroup(child: ChildProcess, pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL"); // no such group any more; whether anything is left, /proc says
  }
}
