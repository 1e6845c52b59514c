import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startTicksOf } from "./processes.ts";
import { abandonedDirectories, createDirectory, removeDirectory } from "./state-directory.ts";
import type { SandboxRecord } from "./state-directory.ts";

describe("directories of sandboxes", () => {
  const place = { path: "" };
  beforeEach(() => {
    place.path = mkdtempSync(join(tmpdir(), "us-directories-"));
    vi.stubEnv("TMPDIR", place.path);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(place.path, { recursive: true, force: true });
  });

  const record = (change: Partial<SandboxRecord> = {}): SandboxRecord => ({
    id: "abc123",
    launcherPid: process.pid,
    launcherStartTicks: startTicksOf(process.pid) ?? 0,
    namespaces: ["us-abc123-router"],
    mountsNetnsDirectory: false,
    ...change,
  });

  it("are left alone while their launcher lives", () => {
    createDirectory(record());
    expect(abandonedDirectories()).toEqual([]);
  });

  it("are abandoned when another process has got the launcher's number, and can be removed", () => {
    const made = createDirectory(record({ launcherStartTicks: 1 }));
    expect(abandonedDirectories()).toEqual([made]);
    removeDirectory(made);
    expect(existsSync(made.path)).toBe(false);
  });

  it("are never taken for ours without a record that names only our own namespaces", () => {
    const wrong = [
      undefined,
      "{",
      JSON.stringify(record({ launcherStartTicks: 1, namespaces: ["us-fedcba-router"] })),
      JSON.stringify(record({ launcherStartTicks: 1, namespaces: ["production"] })),
      JSON.stringify({ ...record(), id: "../../etc" }),
      JSON.stringify(record({ launcherStartTicks: 1, id: "fedcba", namespaces: [] })),
    ];
    for (const [index, text] of wrong.entries()) {
      const path = join(place.path, `understudy-sandbox-abc12${index}`);
      mkdirSync(path);
      if (text !== undefined) writeFileSync(join(path, "sandbox.json"), text);
    }
    expect(abandonedDirectories()).toEqual([]);
  });
});
