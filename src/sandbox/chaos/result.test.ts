import { describe, expect, it } from "vitest";
import { chaosJson, faultSummaries, hasPassed, histogramLines } from "./result.ts";
import type { ChapterResult, ChaosResult } from "./result.ts";

const crash = (outageMs: number | undefined, change: Partial<ChapterResult> = {}): ChapterResult => ({
  name: "vm-crash-active",
  boundMs: 5_525,
  outageMs,
  problems: [],
  ...change,
});

const result = (change: Partial<ChaosResult> = {}): ChaosResult => ({
  seed: 7,
  chapters: [crash(5_000.4), crash(2_000)],
  maxSimultaneousActive: 1,
  problems: [],
  ...change,
});

describe("the result of chaos", () => {
  it("has passed only if nothing went wrong, something happened and exactly one was active at once", () => {
    expect(hasPassed(result())).toBe(true);
    expect(hasPassed(result({ maxSimultaneousActive: 2 }))).toBe(false);
    expect(hasPassed(result({ maxSimultaneousActive: 0 }))).toBe(false);
    expect(hasPassed(result({ chapters: [] }))).toBe(false);
    expect(hasPassed(result({ problems: ["the API server does not run"] }))).toBe(false);
    expect(hasPassed(result({ chapters: [crash(9_000, { problems: ["too long"] })] }))).toBe(false);
  });

  it("is one line of JSON with exactly the agreed fields", () => {
    const text = chaosJson(result());
    expect(text).not.toContain("\n");
    const fault = { fault: "vm-crash-active", count: 2, outageMsP50: 2_000, outageMsP99: 5_000, boundMs: 5_525 };
    expect(JSON.parse(text)).toEqual({ passed: true, maxSimultaneousActive: 1, seed: 7, faults: [fault] });
  });

  it("says null where the service did not come back, and the longest of several bounds", () => {
    const [summary] = faultSummaries([crash(100), crash(undefined, { boundMs: 9_000 })]);
    expect(summary).toMatchObject({ outageMsP50: 100, outageMsP99: null, boundMs: 9_000 });
  });

  it("has a line with a histogram for each fault, sorted by name", () => {
    const lines = histogramLines([crash(5_000), crash(undefined), crash(21, { name: "api-kill", boundMs: 300 })]);
    expect(lines.slice(2).map((line) => line.trim().split(/\s+/)[0])).toEqual(["api-kill", "vm-crash-active"]);
    expect(lines[0]).toContain("<50ms");
    expect(lines[2]).toMatch(/api-kill +1 +21 ms +21 ms +300 ms +1 /);
    expect(lines[3]).toMatch(/vm-crash-active +2 +5\.00 s +never .* 1$/);
  });
});
