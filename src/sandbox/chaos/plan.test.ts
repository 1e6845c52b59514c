import { describe, expect, it } from "vitest";
import { presetTimings } from "../../api/timings.ts";
import { freePauseMs } from "./bounds.ts";
import { chapterName } from "./faults.ts";
import type { Chapter, PlannedFault } from "./faults.ts";
import { CARDS, cardsOf, chaosPlan, onlyPlan } from "./plan.ts";
import { seededDice } from "./seeded.ts";

const fast = presetTimings("fast");

function chapters(seed: number, count: number): Chapter[] {
  const plan = chaosPlan(seed, fast);
  return Array.from({ length: count }, () => plan.next().value);
}

const all = chapters(7, 400);
const singles = all.filter((chapter) => chapter.faults.length === 1);
const pairs = all.filter((chapter) => chapter.faults.length === 2);
const faults = all.flatMap((chapter): readonly PlannedFault[] => chapter.faults);

describe("the plan of chaos", () => {
  it("is the same for the same seed and another for another", () => {
    expect(chapters(1, 50)).toEqual(chapters(1, 50));
    expect(chapters(1, 50)).not.toEqual(chapters(2, 50));
  });

  it("counts its chapters from one", () => {
    expect(all.map((chapter) => chapter.number)).toEqual(all.map((_, index) => index + 1));
  });

  it("plays every single fault once in each round", () => {
    const names = singles.slice(0, CARDS.length).map(chapterName);
    expect(new Set(names).size).toBe(CARDS.length);
  });

  it("puts a pair after every third single fault", () => {
    expect(pairs.length).toBeGreaterThan(all.length / 5);
    expect(all.slice(0, 4).map((chapter) => chapter.faults.length)).toEqual([1, 1, 1, 2]);
  });

  it("never hits one part with both faults of a pair", () => {
    for (const { faults: pair } of pairs) expect(new Set(pair.map((fault) => fault.victim)).size).toBe(2);
    expect(new Set(pairs.map(chapterName)).size).toBeGreaterThan(pairs.length / 2);
  });

  it("keeps pauses that cost nothing below the longest that costs nothing, and freezes above", () => {
    for (const { kind, lengthMs } of faults) {
      if (kind === "pause-short" || kind === "cut-off-short") expect(lengthMs).toBeLessThan(freePauseMs(fast));
      if (kind === "freeze" || kind === "cut-off" || kind === "cut-off-inbound")
        expect(lengthMs).toBeGreaterThanOrEqual(fast.renewDeadlineMs);
    }
  });

  it("has freezes on both sides of the watchdog and of the session", () => {
    const lengths = faults.filter((fault) => fault.kind === "freeze").map((fault) => fault.lengthMs);
    for (const limit of [fast.watchdogTimeoutMs, fast.sessionDurationMs]) {
      expect(Math.min(...lengths)).toBeLessThan(limit);
      expect(Math.max(...lengths)).toBeGreaterThan(limit);
    }
  });
});

describe("the plan of one fault only", () => {
  it("repeats it, or the two that its name stands for, with other lengths", () => {
    for (const name of ["freeze-active", "api-kill+vm-crash-active"]) {
      const plan = onlyPlan(1, cardsOf(name) ?? [], fast);
      const some = Array.from({ length: 10 }, () => plan.next().value);
      expect(new Set(some.map(chapterName))).toEqual(new Set([name]));
      expect(new Set(some.map((chapter) => chapter.faults[0].lengthMs)).size).toBeGreaterThan(5);
    }
  });

  it("exists for every pair of different parts, and for nothing else", () => {
    for (const { faults: pair } of pairs) expect(cardsOf(chapterName({ faults: pair }))).toHaveLength(2);
    for (const name of [
      "",
      "rain",
      "freeze-active+rain",
      "freeze-active+vm-crash-active",
      "api-kill+leader-kill+cloud-slow",
    ])
      expect(cardsOf(name)).toBeUndefined();
  });
});

describe("dice", () => {
  it("reach both ends, and no further", () => {
    const dice = seededDice(3);
    const thrown = new Set(Array.from({ length: 200 }, () => dice.between(1, 6)));
    expect([...thrown].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("shuffle without losing anything", () => {
    const things = Array.from({ length: 30 }, (_, index) => index);
    const shuffled = seededDice(4).shuffled(things);
    expect(shuffled).not.toEqual(things);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(things);
  });
});
