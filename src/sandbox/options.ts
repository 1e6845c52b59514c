/** What `understudy sandbox` accepts. Pure. */
import { parseArgs } from "node:util";
import { PRESETS } from "../api/timings.ts";
import type { Preset } from "../api/timings.ts";
import type { ChaosOptions } from "./chaos/options.ts";
import type { SandboxMode } from "./network/fabric.ts";

export const SCENARIOS = [
  "aws-virtual-ip",
  "aws-elastic-ip",
  "aws-dns",
  "aws-dns-direct-connect",
  "azure-dns",
  "azure-public-lb",
  "azure-internal-lb",
  "azure-internal-lb-dsr",
  "aws-multi-region",
  "fencing",
  "isolation",
  "planned-events",
  "azure-planned-events",
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Scenarios about the product itself; all others are deployments that users run, which `--all` plays. */
const INTERNALS: readonly ScenarioName[] = ["fencing", "isolation", "planned-events", "azure-planned-events"];
export const DEPLOYMENTS: readonly ScenarioName[] = SCENARIOS.filter((name) => !INTERNALS.includes(name));

export interface SandboxOptions {
  readonly scenario: ScenarioName;
  /** Every deployment, one after the other, each in a sandbox of its own, instead of `scenario`. */
  readonly all?: boolean;
  readonly profile: Preset;
  /** Undefined: namespaces where they can be made, else loopback. */
  readonly mode: SandboxMode | undefined;
  readonly json: boolean;
  readonly keep: boolean;
  /** Added to every call of the cloud API, in ms. */
  readonly latencyMs: number;
  /** Random faults instead of the scenario's own. */
  readonly chaos?: ChaosOptions;
}

export const USAGE = `Usage: understudy sandbox [options]

Starts a virtual cloud on this machine, applies an example, injects one fault after the other while a client talks to
the virtual IP, and prints how long the client was without an answer.

Options:
  --scenario NAME     ${SCENARIOS.join(", ")} (default: aws-virtual-ip)
  --all               every deployment, one after the other: ${DEPLOYMENTS.join(", ")}
  --profile PRESET    timing preset: ${PRESETS.join(", ")} (default: fast, so that the demo is short)
  --mode MODE         namespaces (needs root and ip) or loopback (default: namespaces where possible)
  --latency MS        added to every call of the cloud API, 0-5000 (default: 50)
  --json              prints the result as one JSON object, the last line of standard output
  --keep              leaves everything running afterwards and prints the KUBECONFIG line for kubectl
  --help

Example:
  understudy sandbox --scenario aws-virtual-ip --profile fast --json

Exit codes: 0 every fault was survived within its bound and never more than one member was active; 1 not so;
2 wrong usage; 3 the sandbox itself could not run; 130 interrupted.
`;

/** The options, or what is wrong with them as one sentence. `help` stands for --help. */
export function parseSandboxOptions(argv: readonly string[]): SandboxOptions | "help" | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        scenario: { type: "string", default: "aws-virtual-ip" },
        profile: { type: "string", default: "fast" },
        mode: { type: "string" },
        latency: { type: "string", default: "50" },
        json: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        all: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    const latencyMs = /^[0-9]{1,4}$/.test(values.latency) ? Number(values.latency) : -1;
    if (latencyMs < 0 || latencyMs > 5_000) return { wrong: `--latency ${values.latency}: expected 0-5000` };
    if (values.all && values.keep) return { wrong: "--all ends every sandbox before the next: not with --keep" };
    return {
      ...(values.all ? { all: true } : {}),
      scenario: oneOf("--scenario", values.scenario, SCENARIOS),
      profile: oneOf("--profile", values.profile, PRESETS),
      mode: values.mode === undefined ? undefined : oneOf("--mode", values.mode, ["namespaces", "loopback"] as const),
      latencyMs,
      json: values.json,
      keep: values.keep,
    };
  } catch (thrown) {
    return { wrong: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new RangeError(`${flag} ${value}: expected one of ${allowed.join(", ")}`);
  return found;
}
