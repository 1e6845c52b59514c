/** Finds the processes of the product on a machine. */
import { readFileSync } from "node:fs";
import type { World } from "../world/world.ts";

/** The guard, and the worker under it. */
export const AGENT_PROGRAMS = ["agent", "agent-worker"] as const;
export type AgentProgram = (typeof AGENT_PROGRAMS)[number];

/** The process of a machine that runs a subcommand of the product. */
export function pidOfAgent(world: World, node: string, subcommand: AgentProgram): number | undefined {
  return world.site.fabric.processesOf(node).find((pid) => commandLine(pid).includes(subcommand));
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended
  }
}
