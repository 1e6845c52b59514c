/** Test files whose tests carry the tags of requirements, found in the sources: nothing is run. */
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import type { TaggedTest } from "../../test/requirements/coverage.ts";
import { tagsIn } from "../../test/requirements/coverage.ts";

export interface TaggedFiles {
  /** Each tag as a test that was found. */
  readonly tests: readonly TaggedTest[];
  /** What to run so that all of them run; suites are run by whoever imports them. */
  readonly unit: readonly string[];
  readonly integration: readonly string[];
}

/** The table's own tests name tags as examples. */
const NOT_TESTS = /^test\/requirements\//;
const INTEGRATION = "test/integration/";

export function findTaggedFiles(): TaggedFiles {
  const sources = globSync(["src/**/*.ts", "test/**/*.ts"])
    .filter((file) => !NOT_TESTS.test(file))
    .sort()
    .map((file) => ({ file, text: readFileSync(file, "utf8") }));
  const tagged = sources.filter(({ text }) => text.includes("[REQ "));
  const suites = tagged.filter(({ file }) => !isTest(file)).map(({ file }) => `/${basename(file)}"`);
  const files = sources
    .filter(({ file, text }) => isTest(file) && (text.includes("[REQ ") || suites.some((name) => text.includes(name))))
    .map(({ file }) => file);
  return {
    tests: tagged.flatMap(({ file, text }) =>
      tagsIn(text).map((tag) => ({ file, name: tag, state: "found" as const })),
    ),
    unit: files.filter((file) => !file.startsWith(INTEGRATION)),
    integration: files.filter((file) => file.startsWith(INTEGRATION)),
  };
}

function isTest(file: string): boolean {
  return file.endsWith(".test.ts");
}
