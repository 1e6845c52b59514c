/**
 * Host commands behind ports: run one argv to its end, and find and end the processes that a group's commands left
 * behind. A kill is finished when the exit is seen, never when the signal was sent (DESIGN 4.2).
 */
import { CodedError } from "../../lib/errors.ts";

export type CommandErrorDetail =
  /** The program may not be run: nothing was started. */
  | { readonly code: "CommandNotAllowed"; readonly program: string }
  /** It could not be started (missing, not executable, out of processes). */
  | { readonly code: "CannotStart"; readonly program: string };

export class CommandError extends CodedError<CommandErrorDetail> {
  override readonly name = "CommandError";
}

/** One process, told from a later one with the same number by its start time. */
export interface ProcessRef {
  readonly pid: number;
  readonly processGroup: number;
  /** Field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

export interface CommandRequest {
  /** argv on the host; the first word is an absolute path. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The whole process group is ended after so long, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the process group at once. */
  readonly signal: AbortSignal;
  /** Called with the leader of the new process group before this call returns to anything else. */
  readonly onSpawn?: (leader: ProcessRef) => void;
}

export type CommandEnd = "exited" | "timed-out" | "aborted";

export interface CommandResult {
  readonly end: CommandEnd;
  /** Exit code; undefined when a signal ended it. 0 = good. */
  readonly exitCode: number | undefined;
  /** The last part of standard output and standard error together, at most `MAX_OUTPUT_BYTES`. */
  readonly output: string;
}

/** How much of a command's output is kept: its last 4 KiB. */
export const MAX_OUTPUT_BYTES = 4_096;

export interface CommandPort {
  /** Resolves when the exit of the command itself has been seen. Throws `CommandError`. */
  run(request: CommandRequest): Promise<CommandResult>;
  /** Throws `CommandError` (`CommandNotAllowed`) when `run` would. */
  check(argv: readonly string[]): Promise<void>;
}

/** What ties a process to a group's commands: their sessions, and the environment they all inherit. */
export interface ProcessSelector {
  /** Process groups (= sessions) of commands that were started. */
  readonly sessions: readonly number[];
  /** Every entry must be in the process's environment; empty matches nothing. */
  readonly environment: Readonly<Record<string, string>>;
  /** Only processes that started at this reading of `startTicks` or later. */
  readonly sinceTicks?: number;
}

export interface ProcessPort {
  /** Running processes (not zombies) that the selector ties to the group. */
  find(selector: ProcessSelector): Promise<readonly ProcessRef[]>;
  /** Sends the signal to each process that is still the same one. */
  signal(processes: readonly ProcessRef[], signal: "SIGTERM" | "SIGKILL"): void;
}
