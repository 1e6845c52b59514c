/** The guard's child, the worker, behind a port. */
import type { ProcessRef } from "../command/port.ts";
import type { GuardToWorker } from "../guard-protocol.ts";

export interface WorkerHandlers {
  /** A message as it came over the channel: not yet checked. */
  readonly onMessage: (message: unknown) => void;
  /** The channel is gone: no worker can be told anything any more. Called at most once, before or with the exit. */
  readonly onLost: () => void;
}

export interface Worker {
  /** The worker's process, leader of its own process group and session. */
  readonly process: ProcessRef;
  send(message: GuardToWorker): void;
  /** Kills its whole process group at once. Idempotent; whether it is dead, only /proc says. */
  kill(): void;
}

export interface WorkerFactory {
  /** Starts a worker in a session of its own. Throws when it cannot be started. */
  start(handlers: WorkerHandlers): Worker;
}
