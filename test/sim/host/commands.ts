/**
 * Host commands of a simulated application: `app start GROUP` leaves a daemon that serves clients, `stop` ends it, `status`
 * looks. A command runs in a session of its own and outlives the worker that started it.
 */
import type { Timer } from "../../../src/lib/clock.ts";
import type { CommandEnd, CommandPort, CommandRequest, CommandResult } from "../../../src/nodeagent/command/port.ts";
import type { HostAccess } from "./ports.ts";
import type { KernelProcess } from "./kernel.ts";

export const APP = "/etc/understudy/exec.d/app";

/** How an application behaves on one host; faults change it. */
export interface AppBehaviour {
  readonly startMs: number;
  stopMs: number;
  /** Chance that a start or stop fails. */
  startFails: number;
  stopFails: number;
  /** Daemons sleep uninterruptibly and cannot be ended. */
  sticks: boolean;
}

export class SimCommands implements CommandPort {
  readonly #access: HostAccess;
  readonly #behaviour: AppBehaviour;

  constructor(access: HostAccess, behaviour: AppBehaviour) {
    this.#access = access;
    this.#behaviour = behaviour;
  }

  async check(): Promise<void> {
    // Every program may be run.
  }

  run(request: CommandRequest): Promise<CommandResult> {
    const { process, kernel, random } = this.#access;
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      let isOver = false;
      let onAbort = (): void => undefined;
      const finish = (end: CommandEnd, exitCode: number | undefined): void => {
        if (isOver) return;
        isOver = true;
        timer?.cancel();
        // A composed signal is kept alive by its listeners, and with it everything that it can reach.
        request.signal.removeEventListener("abort", onAbort);
        resolve({ end, exitCode, output: "" });
      };
      process.emit(() => {
        const command = kernel.spawn({ environment: request.environment, isDaemon: false, program: undefined });
        const { pid, processGroup, startTicks } = command;
        process.deliver(() => request.onSpawn?.({ pid, processGroup, startTicks }));
        const cut = (end: CommandEnd): void => {
          process.emit(() => kernel.endGroup(processGroup));
          process.deliver(() => finish(end, undefined));
        };
        onAbort = () => cut("aborted");
        request.signal.addEventListener("abort", onAbort, { once: true });
        if (request.signal.aborted) return cut("aborted");
        timer = process.setTimer(request.timeoutMs, () => cut("timed-out"));
        const verb = request.argv[1] ?? "";
        const takesMs = this.#durationOf(verb) * (0.5 + random.next()) * kernel.slowness;
        kernel.machine.kernelAfter(takesMs, () => {
          // Killed in between: whoever killed it has told.
          if (!kernel.processes.has(pid)) return process.deliver(() => finish("exited", undefined));
          const exitCode = this.#perform(verb, command);
          kernel.end(command);
          process.deliver(() => finish("exited", exitCode));
        });
      });
    });
  }

  #durationOf(verb: string): number {
    if (verb === "start") return this.#behaviour.startMs;
    return verb === "stop" ? this.#behaviour.stopMs : 1;
  }

  #perform(verb: string, command: KernelProcess): number {
    const { kernel, random } = this.#access;
    const { environment } = command;
    const daemons = daemonsOf(kernel.processes.values(), environment["UNDERSTUDY_GROUP"]);
    switch (verb) {
      case "start":
        if (random.next() < this.#behaviour.startFails) return 1;
        if (daemons.length > 0) return 0;
        // As a service that a manager starts: still in the session of its command, or in one of its own.
        kernel.spawn({
          environment,
          isDaemon: true,
          program: undefined,
          ...(random.next() < 0.5 ? { group: command.processGroup } : {}),
        }).isStuck = this.#behaviour.sticks;
        return 0;
      case "stop":
        if (random.next() < this.#behaviour.stopFails) return 1;
        for (const daemon of daemons) kernel.end(daemon);
        return 0;
      default:
        return daemons.length > 0 ? 0 : 3;
    }
  }
}

export function daemonsOf(processes: Iterable<KernelProcess>, group: string | undefined): KernelProcess[] {
  return [...processes].filter((found) => found.isDaemon && found.environment["UNDERSTUDY_GROUP"] === group);
}
