import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { readSettings } from "./settings-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "settings-"));

beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
});

afterAll(() => rmSync(folder, { recursive: true }));

test("reads a file per setting, without the line's end", async () => {
  writeFileSync(join(folder, "session-duration"), "6s\n");
  writeFileSync(join(folder, "something-else"), "7");
  expect(await readSettings(folder)).toEqual({ "session-duration": "6s" });
});

test("a folder that is not there says nothing", async () => {
  expect(await readSettings(join(folder, "missing"))).toEqual({});
});

test("a setting that cannot be read is no absent one", async () => {
  mkdirSync(join(folder, "stop-budget"));
  await expect(readSettings(folder)).rejects.toMatchObject({ code: "EISDIR" });
});
