import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { notImplementedFields } from "../api/implemented.ts";
import { isKindName } from "../api/kinds.ts";
import { checkManifests } from "./validate-manifests.ts";

const folder = fileURLToPath(new URL("../../examples", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".yaml"));

describe.each(files)("examples/%s", (file) => {
  const text = readFileSync(join(folder, file), "utf8");

  it("has no problem and no namespace", () => {
    expect(checkManifests([{ file, text }]).problems).toEqual([]);
    expect(text).not.toMatch(/^\s*namespace:/m);
  });

  it("uses only what this version carries out", () => {
    for (const document of parseAllDocuments(text)) {
      const { kind, spec } = document.toJS() as { kind: string; spec: unknown };
      expect(isKindName(kind) ? notImplementedFields(kind, spec) : []).toEqual([]);
    }
  });
});
