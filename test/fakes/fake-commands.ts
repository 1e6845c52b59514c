/** Host commands and processes in memory: each command is a function, and may leave processes behind. */
import {
  CommandError,
  type CommandPort,
  type CommandRequest,
  type CommandResult,
  type ProcessPort,
  type ProcessRef,
  type ProcessSelector,
} from "../../src/nodeagent/command/port.ts";

export interface FakeProcess extends ProcessRef {
  readonly environment: Readonly<Record<string, string>>;
  /** Ends only by KILL, or never. */
  readonly resists: "nothing" | "TERM" | "everything";
}

export type FakeProgram = (
  request: CommandRequest,
  self: FakeCommands,
) => Promise<Partial<CommandResult>> | Partial<CommandResult>;

export class FakeCommands implements CommandPort, ProcessPort {
  /** By the joined argv. */
  readonly programs = new Map<string, FakeProgram>();
  readonly processes: FakeProcess[] = [];
  readonly ran: string[] = [];
  readonly signalled: string[] = [];
  #lastPid = 1_000;

  async check(argv: readonly string[]): Promise<void> {
    if (!this.programs.has(argv.join(" "))) throw this.#refused(argv);
  }

  async run(request: CommandRequest): Promise<CommandResult> {
    const name = request.argv.join(" ");
    const program = this.programs.get(name);
    if (program === undefined) throw this.#refused(request.argv);
    this.ran.push(name);
    const pid = ++this.#lastPid;
    request.onSpawn?.({ pid, processGroup: pid, startTicks: pid * 10 });
    return { end: "exited", exitCode: 0, output: "", ...(await program(request, this)) };
  }

  /** A process that a command leaves behind; in the session of the last command unless it makes its own. */
  leave(
    environment: Readonly<Record<string, string>>,
    options: { ownSession?: boolean; resists?: FakeProcess["resists"] } = {},
  ): FakeProcess {
    const session = options.ownSession === true ? ++this.#lastPid : this.#lastPid;
    const pid = options.ownSession === true ? session : ++this.#lastPid;
    const left: FakeProcess = {
      pid,
      processGroup: session,
      startTicks: pid * 10,
      environment,
      resists: options.resists ?? "nothing",
    };
    this.processes.push(left);
    return left;
  }

  async find(selector: ProcessSelector): Promise<readonly ProcessRef[]> {
    const wanted = Object.entries(selector.environment);
    return this.processes.filter(
      (found) =>
        (found.startTicks >= (selector.sinceTicks ?? 0) && selector.sessions.includes(found.processGroup)) ||
        (wanted.length > 0 && wanted.every(([name, value]) => found.environment[name] === value)),
    );
  }

  signal(processes: readonly ProcessRef[], signal: "SIGTERM" | "SIGKILL"): void {
    for (const target of processes) {
      this.signalled.push(`${signal} ${target.pid}`);
      const index = this.processes.findIndex((found) => found.pid === target.pid);
      const resists = this.processes[index]?.resists ?? "nothing";
      if (index >= 0 && (resists === "nothing" || (resists === "TERM" && signal === "SIGKILL")))
        this.processes.splice(index, 1);
    }
  }

  #refused(argv: readonly string[]): CommandError {
    return new CommandError(
      { code: "CommandNotAllowed", program: argv[0] ?? "" },
      `command ${argv[0] ?? ""} is not allowed`,
    );
  }
}
