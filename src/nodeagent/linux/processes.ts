/**
 * Processes from /proc: who still runs of what a group's commands started. A daemon may leave its session, but not its
 * inherited environment; a process in another network namespace belongs to another agent (several VMs of the sandbox share
 * one process table).
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { ProcessPort, ProcessRef, ProcessSelector } from "../command/port.ts";

interface ProcessFacts extends ProcessRef {
  readonly session: number;
  readonly isZombie: boolean;
}

export class LinuxProcesses implements ProcessPort {
  async find(selector: ProcessSelector): Promise<readonly ProcessRef[]> {
    const sessions = new Set(selector.sessions);
    const wanted = Object.entries(selector.environment).map(([name, value]) => `${name}=${value}`);
    const ownNetwork = networkOf("self");
    return readdirSync("/proc")
      .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
      .flatMap((name) => {
        const facts = processFacts(Number(name));
        if (facts === undefined || facts.isZombie || facts.startTicks < (selector.sinceTicks ?? 0)) return [];
        const isOurs = sessions.has(facts.session) || (hasEnvironment(name, wanted) && networkOf(name) === ownNetwork);
        return isOurs ? [{ pid: facts.pid, processGroup: facts.processGroup, startTicks: facts.startTicks }] : [];
      });
  }

  signal(processes: readonly ProcessRef[], signal: "SIGTERM" | "SIGKILL"): void {
    for (const target of processes) {
      if (processFacts(target.pid)?.startTicks !== target.startTicks) continue;
      try {
        process.kill(target.pid, signal);
      } catch (thrown) {
        // It ended between the two looks; anything else the next look will show.
        if (!(thrown instanceof Error)) throw thrown;
      }
    }
  }
}

/** Fields of /proc/PID/stat (proc_pid_stat(5)); undefined when there is no such process. */
export function processFacts(pid: number): ProcessFacts | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name (field 2) is in parentheses and may contain anything, parentheses and spaces included.
  const [state, , processGroup, session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    processGroup: Number(processGroup),
    session: Number(session),
    // Field 22; `rest` begins with field 7.
    startTicks: Number(rest[15]),
    isZombie: state === "Z" || state === "X",
  };
}

function hasEnvironment(pid: string, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return false;
  const entries = (readText(`/proc/${pid}/environ`) ?? "").split("\0");
  return wanted.every((entry) => entries.includes(entry));
}

function networkOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
