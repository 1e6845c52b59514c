import { describe, expect, it } from "vitest";
import { hasPassed, resultJson, summaryLines } from "./result.ts";
import type { FaultResult, ScenarioResult } from "./result.ts";

const crash: FaultResult = {
  fault: "crash",
  from: "node1",
  to: "node2",
  detectedMs: 4_830.4,
  activatedMs: 5_100,
  clientOutageMs: 5_120.2,
  boundMs: 5_525,
  targetMs: 5_525,
  steps: { detect: "4830ms" },
  problems: [],
};

const result = (change: Partial<ScenarioResult> = {}): ScenarioResult => ({
  scenario: "aws-virtual-ip",
  mode: "namespaces",
  faults: [crash],
  maxSimultaneousActive: 1,
  leaseDurationMs: 4_500,
  notReal: [],
  problems: [],
  ...change,
});

describe("result of a scenario", () => {
  it("has passed only if every fault has, nothing else went wrong and exactly one was active at once", () => {
    expect(hasPassed(result())).toBe(true);
    expect(hasPassed(result({ maxSimultaneousActive: 2 }))).toBe(false);
    expect(hasPassed(result({ maxSimultaneousActive: 0 }))).toBe(false);
    expect(hasPassed(result({ problems: ["not every fault was played"] }))).toBe(false);
    expect(hasPassed(result({ faults: [{ ...crash, problems: ["too long"] }] }))).toBe(false);
  });

  it("is one line of JSON with whole milliseconds and null for what never happened", () => {
    const text = resultJson(result({ faults: [crash, { ...crash, clientOutageMs: undefined, problems: ["never"] }] }));
    expect(text).not.toContain("\n");
    const fault = { fault: "crash", from: "node1", to: "node2", detectedMs: 4_830, activatedMs: 5_100 };
    expect(JSON.parse(text)).toEqual({
      scenario: "aws-virtual-ip",
      mode: "namespaces",
      passed: false,
      faults: [
        { ...fault, clientOutageMs: 5_120 },
        { ...fault, clientOutageMs: null },
      ],
      maxSimultaneousActive: 1,
      leaseDurationMs: 4_500,
    });
  });

  it("says in the table what passed, what passed only its bound, and what failed", () => {
    const slow = { ...crash, fault: "planned-move", clientOutageMs: 400, targetMs: 300, boundMs: 1_000 };
    const lines = summaryLines(result({ faults: [crash, slow, { ...crash, fault: "freeze", problems: ["no"] }] }));
    expect(lines[2]).toMatch(/crash .*node1 -> node2 .*5\.12 s .*<= 5\.53 s\s+ok$/);
    expect(lines[3]).toMatch(/400 ms .*passed \(bound 1\.00 s\)$/);
    expect(lines[4]).toMatch(/FAILED$/);
  });
});
