import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./sources.ts";

const PAGES = [
  "README.md",
  ...["docs/design", "docs/adr", "docs/guide"].flatMap((folder) =>
    existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`) : [],
  ),
];

test("every file and symbol that a page names exists", () => {
  const missing = PAGES.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    return [...text.matchAll(/`(src\/[\w./-]+\.ts)(?:#(\w+))?`/g)]
      .filter(
        ([, file = "", symbol]) =>
          !existsSync(join(ROOT, file)) ||
          (symbol !== undefined &&
            !new RegExp(`export (async )?(function|class|const|interface|type) ${symbol}\\b`).test(
              readFileSync(join(ROOT, file), "utf8"),
            )),
      )
      .map(([name]) => `${page}: ${name}`);
  });
  expect(missing).toEqual([]);
});

test("every link between pages leads somewhere", () => {
  const broken = PAGES.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)]
      .filter(([, target = ""]) => !existsSync(join(ROOT, page, "..", target)))
      .map(([, target]) => `${page}: ${target}`);
  });
  expect(broken).toEqual([]);
});

test("every word of a model that the table of rules names stands in a model", () => {
  const models = ["rights.pml", "watchdog.pml"];
  const text = models.map((name) => readFileSync(join(ROOT, "model", name), "utf8")).join("\n");
  const page = readFileSync(join(ROOT, "docs/design/exclusivity.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\|.*`src\//.test(line));
  expect(rows.length).toBeGreaterThan(30);
  const missing = rows.flatMap((row) => {
    const cell = row.split("|").at(-2) ?? "";
    const words = [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
    return words.filter((word) => !word.startsWith("npm run") && !models.includes(word) && !text.includes(word));
  });
  expect(missing).toEqual([]);
});
