import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readManifests } from "./manifests.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/aws-virtual-ip", import.meta.url));

describe("manifests of a folder", () => {
  const folder = { path: "" };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), "us-manifests-"));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));

  it("are all documents of all its YAML files, in the order of their names", () => {
    writeFileSync(join(folder.path, "b.yaml"), "{kind: B, metadata: {name: b}}\n");
    writeFileSync(
      join(folder.path, "a.yml"),
      "{kind: A, metadata: {name: a}}\n---\n---\n{kind: A, metadata: {name: c}}\n",
    );
    writeFileSync(join(folder.path, "notes.txt"), "no manifest");
    expect(readManifests(folder.path).map((object) => object.metadata.name)).toEqual(["a", "c", "b"]);
  });

  it("name the file that does not parse", () => {
    writeFileSync(join(folder.path, "bad.yaml"), "{kind: [\n");
    expect(() => readManifests(folder.path)).toThrow(/bad\.yaml/);
  });

  it("of the example are the address and the group that the scenario expects", () => {
    expect(
      readManifests(EXAMPLE)
        .map((object) => `${object.kind}/${object.metadata.name}`)
        .sort(),
    ).toEqual(["AwsVirtualIP/awsvip1", "FailoverGroup/failover1"]);
  });
});
