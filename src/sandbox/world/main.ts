/**
 * The orchestrator process: builds the world, plays the scenario, reports, ends. Its standard input is a pipe from the
 * launcher: when it closes, the launcher is gone, and everything the sandbox started is ended at once.
 */
import { systemClock } from "../../host/system-clock.ts";
import { systemRandom } from "../../host/system-random.ts";
import { messageOf } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import type { OrchestratorConfig } from "../launcher/launch.ts";
import { pidsOfSandbox } from "../launcher/janitor.ts";
import { killAll } from "../launcher/processes.ts";
import { orchestrateChaos } from "../chaos/orchestrate-chaos.ts";
import { orchestrate } from "./orchestrate.ts";

const CANNOT_RUN = 3;
const config = JSON.parse(process.argv[2] ?? "{}") as OrchestratorConfig;

/** Ends everything below; the launcher, or the next start, clears the namespaces. */
function endEverything(code: number): never {
  killAll(() => pidsOfSandbox(config.id, config.directory).filter((pid) => pid !== process.pid));
  process.exit(code);
}

process.stdin.on("end", () => endEverything(CANNOT_RUN)).resume();
process.on("SIGTERM", () => endEverything(CANNOT_RUN));
process.stdout.on("error", () => undefined); // the reader of a pipe went away; the run goes on

try {
  const play = config.options.chaos === undefined ? orchestrate : orchestrateChaos;
  endEverything(await play(config, { clock: systemClock, random: systemRandom, log: silentLog }));
} catch (thrown) {
  process.stderr.write(`sandbox: ${messageOf(thrown)}\n`);
  endEverything(CANNOT_RUN);
}
