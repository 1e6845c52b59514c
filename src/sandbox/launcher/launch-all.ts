/** `--all`: every deployment in a sandbox of its own, one after the other, and one verdict over all of them. */
import { DEPLOYMENTS, type SandboxOptions, type ScenarioName } from "../options.ts";
import { INTERRUPTED, launch, type Launched } from "./launch.ts";

interface Played extends Launched {
  readonly scenario: ScenarioName;
}

/** Resolves to the exit code: 0 all have passed, 1 not so, 130 interrupted (the rest is not played then). */
export async function launchAll(options: SandboxOptions): Promise<number> {
  const played: Played[] = [];
  for (const scenario of DEPLOYMENTS) {
    tell(`\n---- ${scenario} (${played.length + 1} of ${DEPLOYMENTS.length}) ----`);
    // The results come together, at the end.
    const launched = await launch({ ...options, scenario, json: false });
    played.push({ scenario, ...launched });
    if (launched.code === INTERRUPTED) break;
  }
  tell("");
  for (const { scenario, code, result } of played) tell(`  ${scenario.padEnd(24)}${verdict(code, result)}`);
  if (options.json) tell(JSON.stringify(summaryOf(played)));
  if (played.some(({ code }) => code === INTERRUPTED)) return INTERRUPTED;
  return summaryOf(played).passed ? 0 : 1;
}

/** The object of `--all --json`: what each scenario's own `--json` prints; one that did not come to its end says so. */
export function summaryOf(played: readonly Played[]): {
  readonly passed: boolean;
  readonly scenarios: readonly Readonly<Record<string, unknown>>[];
} {
  const passed = played.length === DEPLOYMENTS.length && played.every(({ code }) => code === 0);
  const scenarios = played.map(
    ({ scenario, code, result }) => result ?? { scenario, passed: false, problem: `it ended with exit code ${code}` },
  );
  return { passed, scenarios };
}

function verdict(code: number, result: Launched["result"]): string {
  if (code === INTERRUPTED) return "interrupted";
  if (result === undefined) return "FAILED: it could not run";
  return code === 0 ? "passed" : "FAILED";
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
