import { describe, expect, it } from "vitest";
import { DURATION_PATTERN, formatDuration, parseDurationMs } from "./duration.ts";

describe("a Duration", () => {
  it("is written as the API server takes it, also for fractions of a millisecond", () => {
    for (const ms of [0, 0.3, 0.5, 1.49, 999.6, 61_000, 3_600_000.2]) {
      expect(formatDuration(ms)).toMatch(new RegExp(DURATION_PATTERN));
      expect(parseDurationMs(formatDuration(ms))).toBe(Math.round(ms));
    }
    expect(formatDuration(0.3)).toBe("0s");
  });

  it("is read in the units of the API, and nothing else is one", () => {
    expect(parseDurationMs("1m30s")).toBe(90_000);
    expect(parseDurationMs("250ms")).toBe(250);
    for (const text of ["", "10", "1d", "-1s", "1s "]) expect(parseDurationMs(text)).toBeUndefined();
  });
});
