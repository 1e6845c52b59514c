/**
 * Isolation targets with real processes and packets: the active machine that alone loses the way to its target gives the
 * group up; a target that goes down for everybody moves nothing. Needs network namespaces: on loopback all machines take
 * the same way.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";
import { hostState, leftoversOf } from "./host-state.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const reason = await whyNoNamespaces("f00f02");

function runSandbox(flags: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, "sandbox", ...flags], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, output: code === 0 ? stdout : `${stdout}\n${stderr}` });
    });
  });
}

describe.skipIf(reason !== undefined)(`isolation targets${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  it("move the group when the active member alone is cut off from them, and only then", async () => {
    const before = await hostState();
    const { code, output } = await runSandbox(["--scenario", "isolation", "--mode", "namespaces", "--json"]);
    expect(code, output).toBe(0);
    const last = output.split("\n").findLast((line) => line.startsWith('{"scenario"'));
    expect(JSON.parse(last ?? "{}"), output).toMatchObject({
      scenario: "isolation",
      passed: true,
      faults: [
        { fault: "isolation", from: "node1", to: "node2" },
        { fault: "target-down", from: "node2", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
    expect(leftoversOf(/understudy sandbox ([0-9a-f]{6})/.exec(output)?.[1] ?? "")).toEqual([]);
    expect(await hostState()).toEqual(before);
  });
});
