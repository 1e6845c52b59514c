/** What `npm run chaos` accepts. Pure. */
import { parseArgs } from "node:util";
import type { SandboxMode } from "../network/fabric.ts";
import { faultName } from "./faults.ts";
import { CARDS, cardsOf } from "./plan.ts";
import { MAX_SEED } from "./seeded.ts";

export const CHAOS_SCENARIOS = ["random", "api-outage"] as const;
export type ChaosScenario = (typeof CHAOS_SCENARIOS)[number];

export interface ChaosOptions {
  readonly scenario: ChaosScenario;
  /** `random`: no fault begins later than this; `api-outage`: the API server is away for so long. */
  readonly minutes: number;
  readonly seed: number;
  /** Only this chapter, again and again. */
  readonly only?: string;
  /** Keeps the logs of a run that passed, too. */
  readonly logs: boolean;
}

export interface ChaosRequest extends ChaosOptions {
  readonly mode: SandboxMode | undefined;
  readonly json: boolean;
}

const MAX_MINUTES = 24 * 60;

export const CHAOS_USAGE = `Usage: npm run chaos -- [options]

The sandbox under random faults: machines crash, stand still and are cut off, the API server and controllers are killed
or stopped, the cloud is slow or fails, sometimes two at once. A client measures every outage against the bound for its
fault, and an observer outside the product watches that never two members are active.

Options:
  --minutes M      for how long faults begin, 0.1-${MAX_MINUTES} (default: 10)
  --seed S         0-${MAX_SEED}: the same seed gives the same faults in the same order (default: a random one, printed)
  --scenario NAME  random (default), or api-outage: the API server is away for M minutes and nothing may happen
  --mode MODE      namespaces (needs root and ip) or loopback (default: namespaces where possible)
  --only FAULT     plays this fault (or two: FAULT+FAULT) again and again; names as in the result
  --logs           keeps the logs also when it passes
  --json           prints the result as one JSON object, the last line of standard output
  --help

Example:
  npm run chaos -- --minutes 10 --seed 7 --json

Exit codes: 0 never two active and every outage within its bound; 1 not so (the logs are kept, and where is printed);
2 wrong usage; 3 the sandbox itself could not run; 130 interrupted.
`;

/** The options, or what is wrong with them as one sentence. `freshSeed` is used when none is given. */
export function parseChaosOptions(
  argv: readonly string[],
  freshSeed: () => number,
): ChaosRequest | "help" | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        minutes: { type: "string", default: "10" },
        seed: { type: "string" },
        scenario: { type: "string", default: "random" },
        mode: { type: "string" },
        only: { type: "string" },
        logs: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    const minutes = /^[0-9]{1,4}(\.[0-9]{1,3})?$/.test(values.minutes) ? Number(values.minutes) : 0;
    if (minutes < 0.1 || minutes > MAX_MINUTES)
      return { wrong: `--minutes ${values.minutes}: expected 0.1-${MAX_MINUTES}` };
    const seed = values.seed === undefined ? freshSeed() : /^[0-9]{1,10}$/.test(values.seed) ? Number(values.seed) : -1;
    if (seed < 0 || seed > MAX_SEED) return { wrong: `--seed ${values.seed ?? ""}: expected 0-${MAX_SEED}` };
    const scenario = CHAOS_SCENARIOS.find((name) => name === values.scenario);
    if (scenario === undefined)
      return { wrong: `--scenario ${values.scenario}: expected one of ${CHAOS_SCENARIOS.join(", ")}` };
    const mode = (["namespaces", "loopback"] as const).find((name) => name === values.mode);
    if (values.mode !== undefined && mode === undefined)
      return { wrong: `--mode ${values.mode}: expected one of namespaces, loopback` };
    const { only, logs, json } = values;
    if (only !== undefined && cardsOf(only) === undefined) {
      return {
        wrong: `--only ${only}: expected one or two (A+B, of different parts) of ${CARDS.map(faultName).join(", ")}`,
      };
    }
    return { scenario, minutes, seed, mode, json, logs, ...(only === undefined ? {} : { only }) };
  } catch (thrown) {
    return { wrong: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** The command that plays the same faults again. */
export function replayCommand(options: ChaosOptions, mode: SandboxMode): string {
  const scenario = options.scenario === "random" ? "" : ` --scenario ${options.scenario}`;
  const only = options.only === undefined ? "" : ` --only ${options.only}`;
  return `npm run chaos -- --minutes ${options.minutes} --seed ${options.seed}${scenario}${only} --mode ${mode}`;
}
