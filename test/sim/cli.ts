/** The command line of the simulation: shares seeds out among processes, prints what was found and how to see it again. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { INVARIANTS } from "./checkers/invariants.ts";
import { wordsOf } from "./nemesis/fault.ts";
import { THEMES } from "./nemesis/themes.ts";
import { isRuleName, RULE_NAMES, type RuleName, themeFor } from "./rules.ts";
import { runSeed, type SeedOptions, type SeedResult } from "./run-seed.ts";
import { shrink } from "./shrink.ts";

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

/** Lives within which every broken rule must be caught. */
const SEARCH_SEEDS = 20_000;

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
  if (broken === "all") return await searchAll(values);
  if (broken !== undefined && !isRuleName(broken)) {
    process.stderr.write(`sim: --break ${broken}: expected all or one of ${RULE_NAMES.join(", ")}\n`);
    return 2;
  }
  if (broken !== undefined && values.seed === undefined) return await search(broken, values);
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

/** 0: every rule that can be caught was. */
async function searchAll(values: { seeds: string; start: string; json: boolean }): Promise<number> {
  let missed = 0;
  for (const rule of RULE_NAMES) {
    missed += await search(rule, values);
  }
  return missed === 0 ? 0 : 1;
}

/** Lives under a broken rule until one is caught; 0 when it was, as the search is meant to end so. */
async function search(broken: RuleName, values: { seeds: string; start: string; json: boolean }): Promise<number> {
  const began = performance.now();
  const limit = values.seeds === FLAGS.seeds.default ? SEARCH_SEEDS : Number(values.seeds);
  const start = Number(values.start);
  for (let seed = start; seed < start + limit; seed++) {
    const theme = themeFor(broken, seed);
    const result = await runSeed({ seed, broken, ...(theme === undefined ? {} : { theme }) });
    const { violation } = result;
    if (violation === undefined) continue;
    const wallSeconds = (performance.now() - began) / 1_000;
    const seeds = seed - start + 1;
    if (values.json)
      process.stdout.write(
        `${JSON.stringify({ broken, seeds, violations: [{ seed, invariant: violation.invariant }], wallSeconds })}\n`,
      );
    else
      process.stdout.write(
        `${broken}: caught by life ${seeds} (seed ${seed}, ${result.theme}) in ${wallSeconds.toFixed(1)} s: ${violation.invariant}: ${violation.message}\n  replay: npm run sim -- --break ${broken} --seed ${seed}${theme === undefined ? "" : ` --theme ${theme}`} --trace\n`,
      );
    return 0;
  }
  process.stdout.write(`${broken}: not caught in ${limit} lives\n`);
  return 1;
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
