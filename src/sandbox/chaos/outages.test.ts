import { describe, expect, it } from "vitest";
import type { ClientSample } from "../client/outage.ts";
import { histogram, HISTOGRAM_MS, outageMs, percentile } from "./outages.ts";

/** A request every 20 ms from 0 to `untilMs`, answered except in the given stretches. */
function samples(untilMs: number, ...silent: readonly (readonly [number, number])[]): ClientSample[] {
  return Array.from({ length: untilMs / 20 + 1 }, (_, index) => {
    const sentMs = index * 20;
    const isSilent = silent.some(([from, until]) => sentMs > from && sentMs < until);
    return { sentMs, answeredBy: isSilent ? undefined : "node1" };
  });
}

describe("the outage of a stretch of time", () => {
  it("is the interval of the requests when nothing happens", () => {
    expect(outageMs(samples(3_000), 500, 2_500)).toBe(20);
  });

  it("is the longest gap while no gap is longer than noise", () => {
    expect(outageMs(samples(3_000, [600, 700], [900, 1_100]), 500, 2_500)).toBe(200);
  });

  it("adds up what is longer than noise: a service that comes and goes is away for all of it", () => {
    expect(outageMs(samples(5_000, [600, 1_600], [2_000, 2_100], [3_000, 3_400]), 500, 4_500)).toBe(1_400);
  });

  it("takes no notice of what is over before, and all of what reaches into it", () => {
    expect(outageMs(samples(3_000, [100, 480]), 500, 2_500)).toBe(20);
    expect(outageMs(samples(3_000, [100, 900]), 500, 2_500)).toBe(800);
  });

  it("has no end when nobody is answered again", () => {
    expect(outageMs(samples(3_000, [1_000, 9_000]), 500, 2_500)).toBeUndefined();
    expect(outageMs([], 500, 2_500)).toBeUndefined();
  });

  it("does not mind in which order requests ended", () => {
    expect(outageMs(samples(3_000, [600, 1_600]).toReversed(), 500, 2_500)).toBe(1_000);
  });
});

describe("percentiles", () => {
  it("are numbers that were measured, by nearest rank", () => {
    const numbers = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(numbers, 0.5)).toBe(50);
    expect(percentile(numbers, 0.99)).toBe(99);
    expect(percentile(numbers, 1)).toBe(100);
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([3, 1], 0.99)).toBe(3);
    expect(percentile([], 0.5)).toBeUndefined();
  });
});

describe("the histogram", () => {
  it("counts every number once, the ends of a class in it", () => {
    const counts = histogram([1, 50, 51, 300, 5_525, 99_999, Infinity]);
    expect(counts.length).toBe(HISTOGRAM_MS.length + 1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7);
    expect(counts[0]).toBe(2);
    expect(counts.at(-1)).toBe(2);
  });
});
