import { describe, expect, test } from "vitest";
import { presetTimings } from "../../api/timings.ts";
import { parseAgentOptions, UsageError } from "./options.ts";

test("one flag is enough; the rest has the defaults of the installation's settings", () => {
  expect(parseAgentOptions(["--node", "n1"])).toMatchObject({
    node: "n1",
    namespace: "understudy-system",
    timings: presetTimings("default"),
    peerPort: 29_740,
    metricsPort: 9_811,
    watchdogMode: "Auto",
    addressBackend: "linux",
  });
});

test("a session duration by hand derives the rest", () => {
  const { timings } = parseAgentOptions(["--node", "n1", "--preset", "default", "--session-duration", "30s"]);
  expect(timings.sessionDurationMs).toBe(30_000);
  expect(timings.watchdogTimeoutMs).toBe(14_000);
});

test("a folder of settings is followed from what the flags say", () => {
  const argv = [
    "--node",
    "n1",
    "--preset",
    "fast",
    "--session-duration",
    "6s",
    "--settings-dir",
    "/etc/understudy/settings",
  ];
  const { session, settingsFolder } = parseAgentOptions(argv);
  expect(session).toEqual({ preset: "fast", "session-duration": "6s", "stop-budget": undefined });
  expect(settingsFolder).toBe("/etc/understudy/settings");
});

describe("wrong usage says which flag and what is expected", () => {
  test.each([
    [[], "--node"],
    [["--node", "n1", "--preset", "slow"], "--preset must be one of default, fast"],
    [["--node", "n1", "--session-duration", "soon"], "--session-duration must be a duration"],
    [["--node", "n1", "--session-duration", "2s"], "cannot be used"],
    [["--node", "n1", "--peer-port", "x"], "--peer-port must be a port"],
    [["--node", "n1", "--watchdog-mode", "Maybe"], "--watchdog-mode"],
    [["--node", "n1", "--delay-warning-percent", "0"], "--delay-warning-percent must be a number from 1 to 100"],
    [["--node", "n1", "--unknown"], "--unknown"],
  ])("%j", (argv, text) => {
    expect(() => parseAgentOptions(argv)).toThrow(UsageError);
    expect(() => parseAgentOptions(argv)).toThrow(text);
  });
});
