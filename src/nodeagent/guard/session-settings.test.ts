import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { deriveTimings, presetTimings, type Timings } from "../../api/timings.ts";
import { silentLog } from "../../lib/log.ts";
import { changeOf, type SessionSettings, SETTINGS_INTERVAL_MS, SettingsFollower } from "./session-settings.ts";

const FAST = presetTimings("fast");

describe("a change of the settings", () => {
  test.each<[SessionSettings, object | undefined]>([
    [{}, undefined],
    [{ preset: "fast", "session-duration": "", "stop-budget": "" }, undefined],
    [{ "session-duration": "4500ms" }, undefined],
    [{ "session-duration": "6s" }, { timings: deriveTimings("fast", 6_000) }],
    [{ "stop-budget": "700ms" }, { timings: deriveTimings("fast", undefined, 700) }],
    [{ preset: "default" }, { problem: "preset default needs a restart of the agent, which runs with fast" }],
    [{ "session-duration": "soon" }, { problem: "session-duration soon is no duration" }],
    [{ "stop-budget": "-1s" }, { problem: "stop-budget -1s is no duration" }],
    [{ "session-duration": "1s" }, { problem: expect.stringContaining("cannot be used") }],
  ])("%o is judged", (settings, expected) => {
    const change = changeOf(settings, { preset: "fast" }, FAST);
    if (expected === undefined) expect(change).toBeUndefined();
    else expect(change).toEqual(expected);
  });
});

test("what no file says is as the flags say", () => {
  const flags = { preset: "fast", "session-duration": "6s" } as const;
  expect(changeOf({}, flags, deriveTimings("fast", 6_000))).toBeUndefined();
  expect(changeOf({ "stop-budget": "700ms" }, flags, FAST)).toEqual({ timings: deriveTimings("fast", 6_000, 700) });
});

describe("a running guard", () => {
  function followed(watchdogProblem: (timings: Timings) => string | undefined = () => undefined) {
    const clock = new FakeClock();
    const files: { settings: SessionSettings | Error } = { settings: {} };
    const taken: Timings[] = [];
    const warnings: unknown[] = [];
    const follower = new SettingsFollower({ preset: "fast" }, FAST, {
      clock,
      log: { ...silentLog, warn: (_message, fields) => void warnings.push(fields?.["problem"]) },
      read: () => (files.settings instanceof Error ? Promise.reject(files.settings) : Promise.resolve(files.settings)),
      watchdogProblem,
      onTimings: (timings) => void taken.push(timings),
    });
    follower.start();
    return { clock, files, taken, warnings, follower };
  }

  test("takes a changed duration over once, and back again", async () => {
    const { clock, files, taken } = followed();
    files.settings = { "session-duration": "6s" };
    await clock.advance(3 * SETTINGS_INTERVAL_MS);
    expect(taken).toEqual([deriveTimings("fast", 6_000)]);
    files.settings = {};
    await clock.advance(SETTINGS_INTERVAL_MS);
    expect(taken.at(-1)).toEqual(FAST);
  });

  test("keeps what it has when its watchdog does not fit, and says so once", async () => {
    const { clock, files, taken, warnings } = followed(() => "the device fires too early");
    files.settings = { "session-duration": "9s" };
    await clock.advance(3 * SETTINGS_INTERVAL_MS);
    expect(taken).toEqual([]);
    expect(warnings).toEqual(["the device fires too early"]);
  });

  test("keeps what it has while the settings cannot be read", async () => {
    const { clock, files, taken, warnings } = followed();
    files.settings = new Error("EIO");
    await clock.advance(2 * SETTINGS_INTERVAL_MS);
    expect(taken).toEqual([]);
    expect(warnings).toEqual(["the settings cannot be read: EIO"]);
    files.settings = { "session-duration": "6s" };
    await clock.advance(SETTINGS_INTERVAL_MS);
    expect(taken).toHaveLength(1);
  });

  test("looks no more when it has ended", async () => {
    const { clock, files, taken, follower } = followed();
    files.settings = { "session-duration": "6s" };
    follower.close();
    await clock.advance(3 * SETTINGS_INTERVAL_MS);
    expect(taken).toEqual([]);
  });
});
