import { describe, expect, it } from "vitest";
import { activeIntervals, maxSimultaneous, samplingQuality } from "./activity.ts";
import type { ActivitySample } from "./activity.ts";

function samples(fromMs: number, untilMs: number, answered: boolean, holdsAddress = answered): ActivitySample[] {
  const list: ActivitySample[] = [];
  for (let sentMs = fromMs; sentMs < untilMs; sentMs += 5)
    list.push({ sentMs, doneMs: sentMs + 2, holdsAddress, answered });
  return list;
}

describe("activity seen by the observer", () => {
  it("joins successive proofs and ends with the first sample that proves nothing", () => {
    const seen = [...samples(0, 100, true), ...samples(100, 200, false), ...samples(200, 300, true)];
    expect(activeIntervals("node1", seen)).toEqual([
      { node: "node1", fromMs: 0, untilMs: 97 },
      { node: "node1", fromMs: 200, untilMs: 297 },
    ]);
  });

  it("says nothing about a time in which nobody looked", () => {
    expect(activeIntervals("node1", [...samples(0, 20, true), ...samples(200, 220, true)])).toHaveLength(2);
  });

  it("does not call a machine active that holds the address but does not answer, or answers without holding it", () => {
    expect(activeIntervals("node1", samples(0, 50, false, true))).toEqual([]);
    expect(activeIntervals("node1", samples(0, 50, true, false))).toEqual([]);
  });

  it("counts one at a time when the second starts where the first ended", () => {
    const first = activeIntervals("node1", samples(0, 100, true));
    const second = activeIntervals("node2", samples(97, 200, true));
    expect(maxSimultaneous([...first, ...second])).toBe(1);
  });

  it("finds two members that answer at the same moment, however short", () => {
    const first = activeIntervals("node1", samples(0, 100, true));
    const second = activeIntervals("node2", samples(95, 96, true));
    expect(maxSimultaneous([...first, ...second])).toBe(2);
  });

  it("counts nobody when nobody was seen", () => {
    expect(maxSimultaneous([])).toBe(0);
  });

  it("tells how closely it looked", () => {
    expect(samplingQuality(samples(0, 500, true))).toEqual({ samples: 100, p99GapMs: 5, longestGapMs: 5 });
    expect(samplingQuality([...samples(0, 10, true), ...samples(40, 50, true)]).longestGapMs).toBe(35);
  });
});
