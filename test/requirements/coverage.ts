/** Which tests show which row, and with what result. Pure: tests in, rows out. */
import { REQUIREMENTS } from "./all.ts";
import { type Requirement, tagOf, tagsOf } from "./row.ts";

export interface TaggedTest {
  readonly file: string;
  /** With the names of the suites around it. */
  readonly name: string;
  /** `found`: it exists, nobody has run it. */
  readonly state: "passed" | "failed" | "skipped" | "found";
}

export type RowState = "passed" | "failed" | "not run" | "no test" | "later";

export interface RowResult {
  readonly requirement: Requirement;
  readonly tag: string;
  readonly state: RowState;
  readonly tests: readonly TaggedTest[];
}

const TAG = /\[REQ [^\]$]+\]/g;

/** Every tag in a text, each once. */
export function tagsIn(text: string): string[] {
  return [...new Set(text.match(TAG))];
}

export function rowResults(tests: readonly TaggedTest[]): RowResult[] {
  const byTag = new Map<string, TaggedTest[]>();
  for (const test of tests) {
    for (const tag of tagsIn(test.name)) byTag.set(tag, [...(byTag.get(tag) ?? []), test]);
  }
  return REQUIREMENTS.map((requirement) => {
    const tag = tagOf(requirement);
    const found = [...new Set(tagsOf(requirement).flatMap((name) => byTag.get(name) ?? []))];
    return { requirement, tag, state: stateOf(requirement, found), tests: found };
  });
}

/** Tags that name no row, with where they stand: typing errors, or rows that were renamed. */
export function unknownTags(tests: readonly TaggedTest[]): string[] {
  const known = new Set(REQUIREMENTS.flatMap(tagsOf));
  return [
    ...new Set(
      tests.flatMap(({ file, name }) =>
        tagsIn(name)
          .filter((tag) => !known.has(tag))
          .map((tag) => `${file}: ${tag}`),
      ),
    ),
  ];
}

/** A row is as bad as its worst test; one that passed is enough beside others that this machine cannot run. */
function stateOf({ later }: Requirement, tests: readonly TaggedTest[]): RowState {
  if (tests.some(({ state }) => state === "failed")) return "failed";
  if (tests.some(({ state }) => state === "passed")) return "passed";
  if (later !== undefined) return "later";
  return tests.length === 0 ? "no test" : "not run";
}
