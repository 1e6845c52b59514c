/** What every watchdog must do. `observe` says what the timer behind it does. */
import { describe, expect, test } from "vitest";
import type { Watchdog } from "../../src/nodeagent/guard/watchdog.ts";

export interface WatchdogSetting {
  readonly watchdog: Watchdog;
  /** Whether the timer runs, and how often it was restarted since it was started. */
  observe(): Promise<{ readonly isRunning: boolean; readonly restarts: number }>;
  readonly dispose: () => void;
}

export function watchdogContract(name: string, setUp: () => WatchdogSetting): void {
  describe(`watchdog: ${name}`, () => {
    const withSetting = async (run: (setting: WatchdogSetting) => Promise<void>): Promise<void> => {
      const setting = setUp();
      try {
        await run(setting);
      } finally {
        setting.dispose();
      }
    };

    test("does not run before it is armed", () =>
      withSetting(async ({ watchdog, observe }) => {
        expect(watchdog.isArmed).toBe(false);
        expect(watchdog.pet()).toBe(false);
        expect(await observe()).toEqual({ isRunning: false, restarts: 0 });
      }));

    test("runs once armed, and arming again does not restart it", () =>
      withSetting(async ({ watchdog, observe }) => {
        expect(watchdog.arm()).toBe(true);
        const before = await observe();
        expect(before.isRunning).toBe(true);
        expect(watchdog.arm()).toBe(true);
        expect(await observe()).toEqual(before);
      }));

    test("every pet restarts it", () =>
      withSetting(async ({ watchdog, observe }) => {
        watchdog.arm();
        const before = (await observe()).restarts;
        expect(watchdog.pet()).toBe(true);
        expect(watchdog.pet()).toBe(true);
        expect((await observe()).restarts).toBe(before + 2);
      }));

    test("stops when disarmed, and can be armed again", () =>
      withSetting(async ({ watchdog, observe }) => {
        watchdog.arm();
        expect(watchdog.disarm()).toBe(true);
        expect(watchdog.isArmed).toBe(false);
        expect((await observe()).isRunning).toBe(false);
        expect(watchdog.disarm()).toBe(true);
        expect(watchdog.arm()).toBe(true);
        expect((await observe()).isRunning).toBe(true);
      }));
  });
}
