import { expect, test } from "vitest";
import {
  beginReading,
  hurryReading,
  isReadingDue,
  type MonitorTimings,
  type Reading,
  startMonitor,
  takeReading,
  type Verdict,
} from "./schedule.ts";

const timings: MonitorTimings = {
  intervalMs: 10_000,
  timeoutMs: 5_000,
  retryIntervalMs: 2_000,
  startDelayMs: 0,
  retries: 2,
  whenUnreadable: "Warn",
};
const good: Reading = { result: "good" };
const bad: Reading = { result: "bad", reason: "X", message: "", isProven: false };
const proven: Reading = { ...bad, isProven: true };
const unknown: Reading = { result: "unknown", message: "" };

const cases: readonly {
  name: string;
  readings: readonly Reading[];
  verdicts: readonly Verdict[];
  timings?: Partial<MonitorTimings>;
}[] = [
  {
    name: "bad counts only after `retries` more bad readings",
    readings: [bad, bad, bad],
    verdicts: ["suspected", "suspected", "bad"],
  },
  {
    name: "one good reading forgets the bad ones",
    readings: [bad, bad, good, bad],
    verdicts: ["suspected", "suspected", "good", "suspected"],
  },
  { name: "a proven fact counts at once", readings: [proven], verdicts: ["bad"] },
  {
    name: "unreadable is no verdict and does not forget",
    readings: [bad, unknown, bad, bad],
    verdicts: ["suspected", "unknown", "suspected", "bad"],
  },
  {
    name: "unreadable counts as bad under Recover",
    readings: [unknown],
    verdicts: ["bad"],
    timings: { whenUnreadable: "Recover", retries: 0 },
  },
  {
    name: "after a verdict the count starts again",
    readings: [bad, bad, bad, bad],
    verdicts: ["suspected", "suspected", "bad", "suspected"],
  },
];

test.each(cases)("$name", ({ readings, verdicts, timings: changed }) => {
  let state = startMonitor(timings, 0);
  const found = readings.map((reading) => {
    const taken = takeReading(beginReading(state), { ...timings, ...changed }, reading, 1_000);
    state = taken.state;
    return taken.verdict;
  });
  expect(found).toEqual(verdicts);
});

test("a suspicion is confirmed after the retry interval, everything else after the interval", () => {
  const state = startMonitor(timings, 0);
  expect(takeReading(state, timings, bad, 50).state.nextAtMs).toBe(2_050);
  expect(takeReading(state, timings, good, 50).state.nextAtMs).toBe(10_050);
});

test("a reading is due once, and a local change brings it forward", () => {
  const state = startMonitor({ ...timings, startDelayMs: 30_000 }, 0);
  expect(isReadingDue(state, 29_999)).toBe(false);
  expect(isReadingDue(state, 30_000)).toBe(true);
  expect(isReadingDue(beginReading(state), 30_000)).toBe(false);
  expect(isReadingDue(hurryReading(state, 5), 5)).toBe(true);
});
