import { describe, expect, it } from "vitest";
import { activeIntervals, maxSimultaneous, overlapsOf, samplingQuality } from "./activity.ts";
import type { ActivitySample } from "./activity.ts";

/** A sample every 5 ms; an active machine answers 1 ms after each. */
function samples(fromMs: number, untilMs: number, isActive: boolean): ActivitySample[] {
  const list: ActivitySample[] = [];
  for (let sentMs = fromMs; sentMs < untilMs; sentMs += 5) {
    list.push({ sentMs, activeAtMs: isActive ? sentMs + 1 : undefined });
  }
  return list;
}

describe("activity seen by the observer", () => {
  it("joins successive proofs and ends with the first sample that proves nothing", () => {
    const seen = [...samples(0, 100, true), ...samples(100, 200, false), ...samples(200, 300, true)];
    expect(activeIntervals("node1", seen)).toEqual([
      { node: "node1", fromMs: 1, untilMs: 96 },
      { node: "node1", fromMs: 201, untilMs: 296 },
    ]);
  });

  it("says nothing about a time in which nobody looked", () => {
    expect(activeIntervals("node1", [...samples(0, 20, true), ...samples(200, 220, true)])).toHaveLength(2);
  });

  it("counts one at a time when the second starts after the first ended", () => {
    const first = activeIntervals("node1", samples(0, 100, true));
    const second = activeIntervals("node2", samples(97, 200, true));
    expect(maxSimultaneous([...first, ...second])).toBe(1);
    expect(overlapsOf([...first, ...second])).toEqual([]);
  });

  it("finds two members that answer at the same time, however shortly, and says when", () => {
    const first = activeIntervals("node1", samples(0, 100, true));
    const second = activeIntervals("node2", [{ sentMs: 42, activeAtMs: 43 }]);
    expect(maxSimultaneous([...first, ...second])).toBe(2);
    expect(overlapsOf([...first, ...second])).toEqual([{ fromMs: 43, untilMs: 43, nodes: ["node1", "node2"] }]);
  });

  it("counts a machine once, also when its probes overtook one another", () => {
    const overtaking: ActivitySample[] = [
      { sentMs: 0, activeAtMs: 40 },
      { sentMs: 5, activeAtMs: undefined },
      { sentMs: 10, activeAtMs: 38 },
      { sentMs: 15, activeAtMs: 45 },
    ];
    expect(maxSimultaneous(activeIntervals("node1", overtaking))).toBe(1);
  });

  it("counts nobody when nobody was seen", () => {
    expect(maxSimultaneous([])).toBe(0);
  });

  it("tells how closely it looked", () => {
    expect(samplingQuality(samples(0, 500, true))).toEqual({ samples: 100, p99GapMs: 5, longestGapMs: 5 });
    expect(samplingQuality([...samples(0, 10, true), ...samples(40, 50, true)]).longestGapMs).toBe(35);
  });
});
