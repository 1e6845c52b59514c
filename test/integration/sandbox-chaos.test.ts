/**
 * A minute of chaos, and an outage of the API server, with real processes. Never two active, everything well again after
 * each fault, nothing left behind, whatever the speed of this machine. How long outages may last is what `npm run chaos`
 * itself fails on; here that is no failure, since tests share their machine.
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";
import { hostState, leftoversOf } from "./host-state.ts";

const CHAOS = fileURLToPath(new URL("../../scripts/chaos.ts", import.meta.url));
const reason = await whyNoNamespaces("f00f02");
const mode = reason === undefined ? "namespaces" : "loopback";
/** Start, what is under way when the minute is over, recovery from it. */
const LIMIT_MS = 240_000;

interface FaultSummary {
  readonly fault: string;
  readonly count: number;
  readonly outageMsP50: number | null;
  readonly outageMsP99: number | null;
  readonly boundMs: number;
}

interface Run {
  readonly code: number;
  readonly output: string;
  readonly result: {
    readonly passed: boolean;
    readonly maxSimultaneousActive: number;
    readonly seed: number;
    readonly faults: readonly FaultSummary[];
  };
}

function runChaos(...flags: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CHAOS, "--mode", mode, "--json", ...flags], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      const last = stdout.trimEnd().split("\n").at(-1) ?? "";
      resolve({ code, output: `${stdout}\n${stderr}`, result: JSON.parse(last) as Run["result"] });
    });
  });
}

/** Problems that a machine which is merely slow cannot cause. */
function seriousProblems(output: string): string[] {
  return output.split("\n").filter((line) => / x /.test(line) && !/client outage .* \(bound /.test(line));
}

describe(`chaos in mode ${mode}`, () => {
  it(
    "of one minute never has two active, and all is well after every fault",
    async () => {
      const before = await hostState();
      const { code, output, result } = await runChaos("--minutes", "1", "--seed", "11");
      expect(result.maxSimultaneousActive, output).toBe(1);
      expect(seriousProblems(output), output).toEqual([]);
      expect(result.seed).toBe(11);
      expect(result.faults.length).toBeGreaterThan(3);
      for (const fault of result.faults) expect(fault.outageMsP99, `${fault.fault}\n${output}`).not.toBeNull();
      expect(code).toBe(result.passed ? 0 : 1);
      const kept = /^logs: (\S+)$/m.exec(output)?.[1];
      if (kept !== undefined) rmSync(kept, { recursive: true });
      expect(leftoversOf(/understudy sandbox ([0-9a-f]{6})/.exec(output)?.[1] ?? "")).toEqual([]);
      expect(await hostState()).toEqual(before);
    },
    LIMIT_MS,
  );

  it(
    "an API server that is away for longer than any session moves nothing, and neither does its return",
    async () => {
      const { output, result } = await runChaos("--scenario", "api-outage", "--minutes", "0.3", "--seed", "1");
      expect(result.maxSimultaneousActive, output).toBe(1);
      expect(output.split("\n").filter((line) => / x .*(changed|ended by itself|not well)/.test(line))).toEqual([]);
      expect(result.faults).toMatchObject([{ fault: "api-outage", count: 1, boundMs: 300 }]);
      const kept = /^logs: (\S+)$/m.exec(output)?.[1];
      if (kept !== undefined) rmSync(kept, { recursive: true });
    },
    LIMIT_MS,
  );
});
