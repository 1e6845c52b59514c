/**
 * `npm run requirements`: what users rely on -> the tests that name it -> their result. Runs every test that carries
 * a tag; `--quick` leaves out those with real processes and namespaces, `--list` runs nothing. `--json` for programs.
 * Exits 1 when a row has no test, a test failed, or a tag names no row.
 */
import { startVitest } from "vitest/node";
import { renderTable } from "../src/cli/table.ts";
import { type RowResult, rowResults, type TaggedTest, unknownTags } from "../test/requirements/coverage.ts";
import { findTaggedFiles } from "./requirements/tagged-files.ts";

const argv = process.argv.slice(2);
const isQuick = argv.includes("--quick");
const asJson = argv.includes("--json");

async function runFiles(config: string, files: readonly string[]): Promise<TaggedTest[]> {
  if (files.length === 0) return [];
  const silent = { reporters: [{ onInit: () => undefined }] };
  const vitest = await startVitest("test", [...files], { watch: false, run: true, config, ...silent });
  const tests = vitest.state.getTestModules().flatMap((module) =>
    [...module.children.allTests()].map((test) => {
      const { state } = test.result();
      const name = test.fullName;
      return { file: module.relativeModuleId, name, state: state === "pending" ? ("skipped" as const) : state };
    }),
  );
  await vitest.close();
  return tests;
}

function cells({ tag, requirement, state, tests }: RowResult): string[] {
  const shownBy = tests.length === 0 ? (requirement.later ?? "") : tests.map(({ file, name }) => `${file}: ${name}`);
  const [first = "", ...rest] = [shownBy].flat();
  const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
  return [state, tag, requirement.holds, first.replaceAll(/ ?\[REQ [^\]]+\]/g, "") + more];
}

const found = findTaggedFiles();
const run = argv.includes("--list")
  ? found.tests
  : [
      ...(await runFiles("vitest.config.ts", found.unit)),
      ...(isQuick ? [] : await runFiles("vitest.integration.config.ts", found.integration)),
      // A tag that no test which ran carries (left out, or its file failed to load) still names a test.
      ...found.tests,
    ];
const rows = rowResults(run).map((row) => ({
  ...row,
  tests: row.tests.some(({ state }) => state !== "found")
    ? row.tests.filter(({ state }) => state !== "found")
    : row.tests,
}));
const unknown = unknownTags(found.tests);
const bad = rows.filter(({ state }) => state === "no test" || state === "failed");
if (asJson) {
  const rowsOut = rows.map(({ tag, requirement: { holds, later }, state, tests }) => ({
    tag,
    holds,
    state,
    later,
    tests,
  }));
  console.log(
    JSON.stringify({ passed: bad.length + unknown.length === 0, rows: rowsOut, unknownTags: unknown }, null, 1),
  );
} else {
  console.log(renderTable([["RESULT", "ROW", "WHAT HOLDS", "SHOWN BY"], ...rows.map(cells)]).join("\n"));
  for (const tag of unknown) console.log(`names no row: ${tag}`);
  const count = (state: string): number => rows.filter((row) => row.state === state).length;
  const states = ["passed", "failed", "not run", "no test", "later"].map((state) => `${count(state)} ${state}`);
  console.log(`\n${rows.length} rows: ${states.join(", ")}`);
}
process.exit(bad.length + unknown.length === 0 ? 0 : 1);
