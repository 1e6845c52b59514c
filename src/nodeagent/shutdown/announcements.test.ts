import { expect, test } from "vitest";
import { announcesShutdown, isScheduledNow, isStopping } from "./announcements.ts";

const NOW = Date.UTC(2026, 0, 1);

test("a shutdown counts when its time has come, not when it is scheduled for later", () => {
  const scheduled = (atMs: number): string => `USEC=${atMs * 1_000}\nWARN_WALL=1\nMODE=poweroff\n`;
  expect(isScheduledNow(scheduled(NOW - 1_000), NOW)).toBe(true);
  expect(isScheduledNow(scheduled(NOW + 2_000), NOW)).toBe(true);
  expect(isScheduledNow(scheduled(NOW + 300_000), NOW)).toBe(false);
  expect(isScheduledNow("MODE=poweroff", NOW)).toBe(false);
});

test("only a system that says it runs is taken to run", () => {
  expect(isStopping("stopping\n")).toBe(true);
  expect(isStopping("running\n")).toBe(false);
  expect(isStopping("degraded\n")).toBe(false);
  expect(isStopping("offline\n")).toBeUndefined();
  expect(isStopping("")).toBeUndefined();
});

test("the announcement of a shutdown, and not of its end or of anything else", () => {
  const signal = (member: string, begins: boolean): string =>
    JSON.stringify({ type: "signal", sender: ":1.5", member, payload: { type: "b", data: [begins] } });
  expect(announcesShutdown(signal("PrepareForShutdown", true))).toBe(true);
  expect(announcesShutdown(signal("PrepareForShutdown", false))).toBe(false);
  expect(announcesShutdown(signal("PrepareForSleep", true))).toBe(false);
  expect(announcesShutdown("Monitoring bus message stream for PrepareForShutdown.")).toBe(false);
});
