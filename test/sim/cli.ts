/** The command line of the simulation: shares seeds out among processes, prints what was found and how to see it again. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { INVARIANTS } from "./checkers/invariants.ts";
import { wordsOf } from "./nemesis/fault.ts";
import { THEMES } from "./nemesis/themes.ts";
import { isRuleName, RULE_NAMES, type RuleName } from "./rules.ts";
import { runSeed, type SeedOptions, type SeedResult } from "./run-seed.ts";
import { shrink } from "./shrink.ts";
import { type Catch, replayOf, search, searchAll, SEARCH_SEEDS } from "./teeth.ts";

const FLAGS = {
  seeds: { type: "string", default: "200" },
  start: { type: "string", default: "1" },
  seed: { type: "string" },
  theme: { type: "string" },
  break: { type: "string" },
  jobs: { type: "string" },
  json: { type: "boolean", default: false },
  trace: { type: "boolean", default: false },
  shrink: { type: "boolean", default: false },
} as const;

/** What a share of the seeds came to; crosses process boundaries as JSON. */
interface Tally {
  readonly seeds: number;
  readonly violations: readonly Found[];
  readonly simulatedMs: number;
}

interface Found {
  readonly seed: number;
  readonly invariant: string;
  readonly theme: string;
  readonly message: string;
}

interface Share {
  readonly start: number;
  readonly step: number;
  readonly seeds: number;
  readonly theme: string | undefined;
}

export async function runSimulation(argv: readonly string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({ args: [...argv], options: FLAGS, allowPositionals: false }));
  } catch (thrown) {
    process.stderr.write(`sim: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    return 2;
  }
  const { theme } = values;
  if (theme !== undefined && THEMES[theme] === undefined) {
    process.stderr.write(`sim: --theme ${theme}: expected one of ${Object.keys(THEMES).join(", ")}\n`);
    return 2;
  }
  const broken = values.break;
  if (broken === "all") return await bite(broken, values);
  if (broken !== undefined && !isRuleName(broken)) {
    process.stderr.write(`sim: --break ${broken}: expected all or one of ${RULE_NAMES.join(", ")}\n`);
    return 2;
  }
  if (broken !== undefined && values.seed === undefined) return await bite(broken, values);
  if (values.seed !== undefined) return await one(Number(values.seed), values);
  const began = performance.now();
  const seeds = Number(values.seeds);
  const jobs = Math.max(1, Math.min(Number(values.jobs ?? availableParallelism()), Math.ceil(seeds / 20)));
  const shares = Array.from({ length: jobs }, (_, at) => ({
    start: Number(values.start) + at,
    step: jobs,
    seeds: Math.ceil((seeds - at) / jobs),
    theme,
  }));
  const tallies = await Promise.all(shares.map((share) => (jobs === 1 ? runShare(share) : inChild(share))));
  return report(tallies, performance.now() - began, values.json);
}

function report(tallies: readonly Tally[], wallMs: number, isJson: boolean): number {
  const violations = tallies.flatMap((tally) => tally.violations).toSorted((left, right) => left.seed - right.seed);
  const result = {
    seeds: tallies.reduce((sum, tally) => sum + tally.seeds, 0),
    violations: violations.map(({ seed, invariant }) => ({ seed, invariant })),
    simulatedHours: tallies.reduce((sum, tally) => sum + tally.simulatedMs, 0) / 3_600_000,
    wallSeconds: wallMs / 1_000,
  };
  if (isJson) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    for (const found of violations) {
      process.stdout.write(`seed ${found.seed} (${found.theme}): ${found.invariant}: ${found.message}\n`);
      process.stdout.write(`  replay: npm run sim -- --seed ${found.seed} --trace\n`);
    }
    process.stdout.write(
      `${result.seeds} lives, ${result.simulatedHours.toFixed(2)} simulated hours in ${result.wallSeconds.toFixed(1)} s: ${violations.length === 0 ? "nothing violated" : `${violations.length} violations`}\n`,
    );
  }
  return violations.length === 0 ? 0 : 1;
}

/** 0: every rule that was broken was caught. */
async function bite(
  broken: RuleName | "all",
  values: { seeds: string; start: string; json: boolean },
): Promise<number> {
  const began = performance.now();
  const seeds = values.seeds === FLAGS.seeds.default ? SEARCH_SEEDS : Number(values.seeds);
  const options = { seeds, start: Number(values.start) };
  const say = (text: string): void => void (values.json || process.stdout.write(`${text}\n`));
  const told = (rule: RuleName, found: Catch | undefined): void =>
    say(found === undefined ? `${rule.padEnd(26)} NOT CAUGHT in ${seeds} lives` : rowOf(found));
  if (broken !== "all") {
    const found = await search(broken, options);
    if (found === undefined) told(broken, found);
    else if (values.json) process.stdout.write(`${JSON.stringify(resultOf(found))}\n`);
    else say(`${rowOf(found)}\n  ${found.message}\n  replay: ${replayOf(found)}`);
    return found === undefined ? 1 : 0;
  }
  say(`${"rule".padEnd(26)} ${"seed".padStart(6)} ${"lives".padStart(6)} ${"seconds".padStart(8)}  invariant`);
  const caught = await searchAll(options, told);
  const missed = RULE_NAMES.filter((rule) => caught.every((found) => found.rule !== rule));
  const wallSeconds = (performance.now() - began) / 1_000;
  if (values.json) process.stdout.write(`${JSON.stringify({ caught: caught.map(resultOf), missed, wallSeconds })}\n`);
  say(`${caught.length} of ${RULE_NAMES.length} broken rules caught in ${wallSeconds.toFixed(1)} s`);
  return missed.length === 0 ? 0 : 1;
}

function rowOf({ rule, seed, seeds, wallSeconds, invariant, theme }: Catch): string {
  const numbers = [String(seed).padStart(6), String(seeds).padStart(6), wallSeconds.toFixed(1).padStart(8)];
  return `${rule.padEnd(26)} ${numbers.join(" ")}  ${invariant} (${theme})`;
}

function resultOf({ rule, seed, seeds, wallSeconds, invariant, theme }: Catch): object {
  return { broken: rule, seeds, theme, violations: [{ seed, invariant }], wallSeconds };
}

async function one(
  seed: number,
  values: { trace: boolean; json: boolean; shrink: boolean; theme?: string; break?: string },
): Promise<number> {
  const { break: rule } = values;
  const broken = rule !== undefined && isRuleName(rule) ? { broken: rule } : {};
  const theme = { ...broken, ...(values.theme === undefined ? {} : { theme: values.theme }) };
  if (values.shrink) return await showSmallest(seed, theme);
  const began = performance.now();
  const result = await runSeed({ seed, isTraced: values.trace, ...theme });
  if (values.trace) process.stdout.write(`${result.trace.join("\n")}\n`);
  if (values.trace && result.violation !== undefined)
    process.stdout.write(`violated: ${INVARIANTS[result.violation.invariant]}\n`);
  return report([tallyOf([result])], performance.now() - began, values.json);
}

async function showSmallest(seed: number, how: Omit<SeedOptions, "seed">): Promise<number> {
  const smallest = await shrink({ seed, ...how });
  if (smallest === undefined) {
    process.stdout.write(`seed ${seed} violates nothing\n`);
    return 0;
  }
  process.stdout.write(`${smallest.trace.join("\n")}\n`);
  process.stdout.write(`needed:\n${smallest.faults.map((fault) => `  ${wordsOf(fault)}\n`).join("")}`);
  process.stdout.write(`violated: ${smallest.violation?.invariant}: ${smallest.violation?.message}\n`);
  return 1;
}

async function runShare({ start, step, seeds, theme }: Share): Promise<Tally> {
  const results: SeedResult[] = [];
  for (let at = 0; at < seeds; at++)
    results.push(await runSeed({ seed: start + at * step, ...(theme === undefined ? {} : { theme }) }));
  return tallyOf(results);
}

function tallyOf(results: readonly SeedResult[]): Tally {
  return {
    seeds: results.length,
    simulatedMs: results.reduce((sum, result) => sum + result.simulatedMs, 0),
    violations: results.flatMap(({ seed, theme, violation }) =>
      violation === undefined ? [] : [{ seed, theme, invariant: violation.invariant, message: violation.message }],
    ),
  };
}

function inChild(share: Share): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.on("message", (tally) => resolve(tally as Tally));
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`a process of the simulation ended with ${code}`)));
    child.send(share);
  });
}

// Started as a child: does its share and ends.
if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined) {
  process.once("message", (share) => {
    void runShare(share as Share).then((tally) => {
      process.send?.(tally, () => process.exit(0));
    });
  });
}
