import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { presetTimings } from "../../src/api/timings.ts";
import { silentLog } from "../../src/lib/log.ts";
import { judgeWatchdog, type WatchdogFacts, type WatchdogMode } from "../../src/nodeagent/guard/watchdog.ts";
import { LinuxWatchdog, sysfsFolder } from "../../src/nodeagent/linux/watchdog.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeWatchdog } from "../fakes/fake-watchdog.ts";
import { watchdogContract, type WatchdogSetting } from "./watchdog-contract.ts";

const timings = presetTimings("default");

watchdogContract("fake", () => {
  const clock = new FakeClock();
  const watchdog = new FakeWatchdog(clock, timings.watchdogTimeoutMs);
  const observe = async () => ({ isRunning: clock.timersPending > 0, restarts: watchdog.pets });
  return { watchdog, observe, dispose: () => undefined };
});

/** The sandbox's watchdog: a FIFO whose reader is the hypervisor. */
function fifo(): WatchdogSetting & { readonly closeReader: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "understudy-watchdog-"));
  const device = join(folder, "watchdog");
  execFileSync("mkfifo", [device]);
  writeFileSync(join(folder, "timeout"), `${timings.watchdogTimeoutMs / 1_000}\n`);
  const reader = openSync(device, constants.O_RDONLY | constants.O_NONBLOCK);
  const watchdog = new LinuxWatchdog({ mode: "Auto", device, sysfs: folder, timings }, { log: silentLog });
  let written = "";
  const observe = async () => {
    const buffer = Buffer.alloc(64);
    try {
      written += buffer.toString("utf8", 0, readSync(reader, buffer));
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN")) throw thrown;
    }
    const sinceStop = written.slice(written.lastIndexOf("V") + 1);
    return { isRunning: sinceStop !== "", restarts: Math.max(0, sinceStop.length - 1) };
  };
  const closeReader = (): void => closeSync(reader);
  const dispose = (): void => {
    watchdog.disarm();
    rmSync(folder, { recursive: true });
  };
  return { watchdog, observe, dispose, closeReader };
}

watchdogContract("a device that is a FIFO", () => {
  const setting = fifo();
  return {
    ...setting,
    dispose: () => {
      setting.dispose();
      setting.closeReader();
    },
  };
});

test("a device that cannot be opened is not armed", () => {
  const { watchdog, closeReader, dispose } = fifo();
  closeReader();
  expect(watchdog.arm()).toBe(false);
  expect(watchdog.isArmed).toBe(false);
  dispose();
});

test("/dev/watchdog is described where its first device is", () => {
  expect(sysfsFolder("/dev/watchdog")).toBe("/sys/class/watchdog/watchdog0");
  expect(sysfsFolder("/dev/watchdog1")).toBe("/sys/class/watchdog/watchdog1");
});

describe("which watchdog can be relied on", () => {
  const hardware: WatchdogFacts = { isPresent: true, identity: "i6300ESB timer", timeoutMs: 7_000 };
  const soft: WatchdogFacts = { isPresent: true, identity: "Software Watchdog", timeoutMs: 7_000 };
  test.each<[string, WatchdogMode, WatchdogFacts, string]>([
    ["hardware", "Auto", hardware, "Hardware"],
    ["the kernel's softdog", "Auto", soft, "Soft"],
    ["a device where hardware is demanded but softdog is there", "Hardware", soft, "None"],
    ["one that is switched off", "Off", hardware, "None"],
    ["none", "Auto", { isPresent: false }, "None"],
    ["one that fires later than the timings rely on", "Auto", { ...hardware, timeoutMs: 60_000 }, "None"],
    ["one that fires within a take-down", "Auto", { ...hardware, timeoutMs: 5_000 }, "None"],
    ["one whose timeout is unknown", "Auto", { isPresent: true }, "None"],
    ["one that cannot be stopped", "Auto", { ...hardware, isNowayout: true }, "None"],
  ])("%s under %s", (_name, mode, facts, kind) => {
    expect(judgeWatchdog(mode, facts, timings).kind).toBe(kind);
  });
});
