/** The logs of a run that failed: copied out of the sandbox's directory, which goes with the sandbox. */
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { journalFile } from "../world/world.ts";
import type { World } from "../world/world.ts";

/** Returns the directory: the timeline, the logs of everything and all that the API server knew, as its journal. */
export function keepLogs(world: World, timeline: string, seed: number): string {
  const directory = mkdtempSync(join(tmpdir(), `understudy-chaos-${seed}-`));
  writeFileSync(join(directory, "timeline.txt"), timeline);
  for (const file of [...world.logFiles(), journalFile(world.config)]) {
    // Every machine has an `agent.log`: its directory tells whose it is.
    const name = basename(file) === "agent.log" ? `agent-${basename(dirname(file))}.log` : basename(file);
    mkdirSync(directory, { recursive: true });
    cpSync(file, join(directory, name), { force: true });
  }
  return directory;
}
