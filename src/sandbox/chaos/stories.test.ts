import { expect, it } from "vitest";
import { CARDS } from "./plan.ts";
import { storyOf } from "./stories.ts";

const cast = { active: "node1", standby: "node2", leader: "controller-2", otherController: "controller-1" };

it("every fault has a story of its own that names who is hit", () => {
  const stories = CARDS.map((card) => storyOf({ ...card, afterMs: 0, lengthMs: 1_500 }, cast));
  expect(new Set(stories).size).toBe(CARDS.length);
  for (const [index, { victim }] of CARDS.entries()) {
    if (victim === "active" || victim === "standby") expect(stories[index]).toContain(cast[victim]);
  }
});

it("the second fault of a pair says how much later it comes", () => {
  const crash = { kind: "vm-crash", victim: "active", afterMs: 700, lengthMs: 1_500 } as const;
  expect(storyOf(crash, cast)).toBe("700 ms later node1, the active member, loses its power; it is back after 1.50 s");
});
