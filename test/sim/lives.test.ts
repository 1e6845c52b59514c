import { expect, test } from "vitest";
import { runSeed } from "./run-seed.ts";

const SEEDS = 100;

test(`${SEEDS} lives under faults violate nothing`, { timeout: 300_000 }, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation } = await runSeed({ seed });
    expect(violation, `replay: npm run sim -- --seed ${seed} --trace`).toBeUndefined();
  }
});

test("a seed lives the same life again", async () => {
  const [first, second] = [await runSeed({ seed: 42, isTraced: true }), await runSeed({ seed: 42, isTraced: true })];
  expect(second.trace).toEqual(first.trace);
  expect(second.steps).toBe(first.steps);
  expect(first.trace.length).toBeGreaterThan(50);
});
