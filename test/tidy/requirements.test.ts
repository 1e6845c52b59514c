import { expect, test } from "vitest";
import { findTaggedFiles } from "../../scripts/requirements/tagged-files.ts";
import { rowResults, unknownTags } from "../requirements/coverage.ts";

const { tests } = findTaggedFiles();

test("every requirement has a test that names it, or a reason why it comes later", () => {
  const bare = rowResults(tests).filter(({ state }) => state === "no test");
  expect(bare.map(({ tag }) => tag)).toEqual([]);
});

test("every tag of a requirement names one that there is", () => {
  expect(unknownTags(tests)).toEqual([]);
});
