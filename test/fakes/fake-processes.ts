/** A process table in memory. A process may refuse to die: stuck in the kernel (uninterruptible sleep). */
import type { ProcessPort, ProcessRef, ProcessSelector } from "../../src/nodeagent/command/port.ts";

export interface FakeProcess extends ProcessRef {
  readonly session: number;
  readonly environment: Readonly<Record<string, string>>;
  isStuck: boolean;
}

export class FakeProcesses implements ProcessPort {
  readonly running = new Map<number, FakeProcess>();
  #nextPid = 1_000;

  /** Starts a process; without `leader` it leads a session of its own. */
  start(process: { environment?: Record<string, string>; leader?: number; isStuck?: boolean } = {}): FakeProcess {
    const pid = this.#nextPid++;
    const group = process.leader ?? pid;
    const started: FakeProcess = {
      pid,
      processGroup: group,
      session: group,
      startTicks: pid * 10,
      environment: process.environment ?? {},
      isStuck: process.isStuck ?? false,
    };
    this.running.set(pid, started);
    return started;
  }

  killGroup(group: number): void {
    this.signal(
      [...this.running.values()].filter((found) => found.processGroup === group),
      "SIGKILL",
    );
  }

  async find(selector: ProcessSelector): Promise<readonly ProcessRef[]> {
    const wanted = Object.entries(selector.environment);
    return [...this.running.values()].filter(
      (found) =>
        selector.sessions.includes(found.session) ||
        (wanted.length > 0 && wanted.every(([name, value]) => found.environment[name] === value)),
    );
  }

  signal(processes: readonly ProcessRef[], _signal: "SIGTERM" | "SIGKILL"): void {
    for (const target of processes) {
      const found = this.running.get(target.pid);
      if (found?.startTicks === target.startTicks && !found.isStuck) this.running.delete(target.pid);
    }
  }
}
