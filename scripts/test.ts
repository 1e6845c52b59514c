/**
 * `npm test` (everything that needs only npm) and `npm test -- --all` = `npm run test:all` (also everything that
 * this machine can run: namespaces, real kubectl, the demo). Ends with one line of counts, after the reason of
 * every test that was not run.
 */
import { spawnSync } from "node:child_process";
import { startVitest } from "vitest/node";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs vitest over a config file and adds up what came out; prints why a test was skipped. */
async function runSuite(configFile: string, filters: readonly string[], totals: Counts): Promise<void> {
  const vitest = await startVitest("test", [...filters], {
    watch: false,
    run: true,
    config: configFile,
    passWithNoTests: filters.length > 0,
  });
  const skipped = new Map<string, string[]>();
  for (const module of vitest.state.getTestModules()) {
    if (module.state() === "failed" && [...module.children.allTests()].length === 0) totals.failed++;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") totals.passed++;
      else if (result.state === "failed") totals.failed++;
      else if (result.state === "skipped") {
        totals.skipped++;
        // A suite that is skipped says why in its name, or each test does.
        const suite =
          result.note ?? `${module.relativeModuleId}: ${test.fullName.split(" > ").slice(0, -1).join(" > ")}`;
        skipped.set(suite, [...(skipped.get(suite) ?? []), test.name]);
      }
    }
  }
  totals.failed += vitest.state.getUnhandledErrors().length;
  await vitest.close();
  for (const [suite, tests] of skipped)
    console.log(`not run: ${suite}${tests.length === 1 ? ` > ${tests[0]}` : ` (${tests.length} tests)`}`);
}

/**
 * Runs a command as one more test: it passes when it exits 0. What measures real time on a machine that others use may
 * be run twice, and says so.
 */
function runCommand(name: string, command: readonly string[], totals: Counts, attempts = 1): void {
  console.log(`\n> ${name}: ${command.join(" ")}`);
  const [program = "", ...args] = command;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const { status } = spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"] });
    if (status === 0) {
      totals.passed++;
      return;
    }
    console.log(`failed: ${name} (exit ${status ?? "by signal"}), attempt ${attempt} of ${attempts}`);
  }
  totals.failed++;
}

const argv = process.argv.slice(2);
const runAll = argv.includes("--all");
const filters = argv.filter((argument) => !argument.startsWith("--"));
const totals: Counts = { passed: 0, failed: 0, skipped: 0 };

await runSuite("vitest.config.ts", filters, totals);
if (runAll) {
  runCommand("generated files are current", ["node", "scripts/generate.ts", "--check"], totals);
  await runSuite("vitest.integration.config.ts", filters, totals);
}
if (runAll && filters.length === 0) {
  runCommand("every requirement has a test", ["node", "scripts/requirements.ts", "--list"], totals);
  runCommand("model of the protocol, quick runs", ["node", "scripts/model.ts", "--quick"], totals);
  runCommand("2,000 simulated lives", ["node", "scripts/sim.ts", "--seeds", "2000", "--start", "100000"], totals);
  runCommand("every broken rule is caught", ["node", "scripts/sim.ts", "--break", "all"], totals);
  const demo = ["node", "src/main.ts", "sandbox", "--scenario", "aws-virtual-ip", "--profile", "fast", "--json"];
  runCommand("demo aws-virtual-ip", demo, totals, 2);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 ? 0 : 1);
