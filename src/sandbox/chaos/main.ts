/** `npm run chaos`: the sandbox under random faults. */
import { randomInt } from "node:crypto";
import { launch } from "../launcher/launch.ts";
import { CHAOS_USAGE, parseChaosOptions } from "./options.ts";

const WRONG_USAGE = 2;
/** Of every call of the cloud API, where no fault says otherwise, in ms: as the demo has it. */
const CLOUD_LATENCY_MS = 50;
/** Seeds that nobody chose are short: people type them. */
const MAX_FRESH_SEED = 1_000_000;

/** Resolves to the process's exit code (see `CHAOS_USAGE`). */
export async function runChaos(argv: readonly string[]): Promise<number> {
  const request = parseChaosOptions(argv, () => randomInt(MAX_FRESH_SEED));
  if (request === "help") {
    process.stdout.write(CHAOS_USAGE);
    return 0;
  }
  if ("wrong" in request) {
    process.stderr.write(`chaos: ${request.wrong}\n\n${CHAOS_USAGE}`);
    return WRONG_USAGE;
  }
  const { mode, json, ...chaos } = request;
  const { code } = await launch({
    scenario: "aws-virtual-ip",
    profile: "fast",
    latencyMs: CLOUD_LATENCY_MS,
    keep: false,
    mode,
    json,
    chaos,
  });
  return code;
}
