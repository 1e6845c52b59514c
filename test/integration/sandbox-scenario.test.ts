/**
 * The demo as a test: every fault is survived and never two are active, whatever the speed of this machine (that is
 * measured in bench/). The last line of standard output and the exit code say the same.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";
import { hostState, leftoversOf } from "./host-state.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const reason = await whyNoNamespaces("f00f01");
const modes = reason === undefined ? (["namespaces", "loopback"] as const) : (["loopback"] as const);

function runSandbox(flags: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, "sandbox", ...flags], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, output: code === 0 ? stdout : `${stdout}\n${stderr}` });
    });
  });
}

/** The last line of standard output. */
function resultOf(output: string): Record<string, unknown> {
  const last = output.split("\n").findLast((line) => line.startsWith('{"scenario"'));
  return JSON.parse(last ?? "{}") as Record<string, unknown>;
}

describe.each(modes)("scenario aws-virtual-ip in mode %s", (mode) => {
  it("survives crash, planned move, cut-off, freeze and drift, and never has two active [REQ 5 aws-virtual-ip] [REQ 5.4 AWS VIP]", async () => {
    const before = await hostState();
    const { code, output } = await runSandbox(["--mode", mode, "--json"]);
    const { passed, ...result } = resultOf(output);
    expect(code, output).toBe(passed === true ? 0 : 1);
    const fault = (name: string, from: string, to: string): object => ({
      fault: name,
      from,
      to,
      detectedMs: expect.any(Number) as number,
      activatedMs: expect.any(Number) as number,
      clientOutageMs: expect.any(Number) as number,
    });
    expect(result, output).toEqual({
      scenario: "aws-virtual-ip",
      mode,
      faults: [
        fault("crash", "node1", "node2"),
        fault("planned-move", "node2", "node1"),
        fault("cut-off", "node1", "node2"),
        fault("freeze", "node2", "node1"),
        fault("drift", "node1", "node1"),
      ],
      maxSimultaneousActive: 1,
      leaseDurationMs: 4_500,
    });
    expect(leftoversOf(/understudy sandbox ([0-9a-f]{6})/.exec(output)?.[1] ?? "")).toEqual([]);
    expect(await hostState()).toEqual(before);
  });
});
