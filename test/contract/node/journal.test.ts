import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JournalEntry } from "../../../src/nodeagent/command/journal.ts";
import { FileJournal } from "../../../src/nodeagent/linux/file-journal.ts";

let dir = "";
const path = (): string => join(dir, "state", "commands.json");

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "understudy-journal-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

function entry(key: string): JournalEntry {
  const argv = ["/x/app"];
  return {
    key,
    environment: { UNDERSTUDY_GROUP: "g" },
    plan: {
      kind: "command",
      key,
      resource: key,
      onFailure: "Failover",
      monitor: undefined,
      startTimeoutMs: 1,
      stopTimeoutMs: 1,
      needs: [],
      start: argv,
      stop: argv,
      check: undefined,
    },
  };
}

test("the next life finds what was added and not removed", () => {
  const journal = new FileJournal(path());
  journal.add(entry("a"));
  journal.add(entry("b"));
  journal.add(entry("a"));
  journal.remove("b");
  expect(new FileJournal(path()).entries()).toMatchObject([{ key: "a", plan: { stop: ["/x/app"] } }]);
});

test("without a file there is nothing to take over", () => {
  expect(new FileJournal(path()).entries()).toEqual([]);
});

test("a file that cannot be read is no empty journal", async () => {
  await writeFile(join(dir, "broken.json"), "[{");
  expect(() => new FileJournal(join(dir, "broken.json"))).toThrow(SyntaxError);
});

test("what is no entry is passed over", async () => {
  await writeFile(join(dir, "odd.json"), JSON.stringify([{ key: "x" }, 3, entry("a")]));
  expect(new FileJournal(join(dir, "odd.json")).entries().map(({ key }) => key)).toEqual(["a"]);
});
