import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { Watchdog } from "./watchdog.ts";

function started(): { clock: FakeClock; watchdog: Watchdog; resets: () => number } {
  const clock = new FakeClock();
  let resets = 0;
  const watchdog = new Watchdog({ timeoutMs: () => 2_000 }, { clock, reset: () => void (resets += 1) });
  return { clock, watchdog, resets: () => resets };
}

describe("emulated watchdog", () => {
  it("does nothing before the first write", async () => {
    const { clock, watchdog, resets } = started();
    await clock.advance(60_000);
    expect(watchdog.armed).toBe(false);
    expect(resets()).toBe(0);
  });

  it("resets the machine once its timeout passed without a write", async () => {
    const { clock, watchdog, resets } = started();
    watchdog.written("\0");
    await clock.advance(1_999);
    expect(resets()).toBe(0);
    await clock.advance(1);
    expect(resets()).toBe(1);
    expect(watchdog.armed).toBe(false);
  });

  it("is content as long as somebody writes", async () => {
    const { clock, watchdog, resets } = started();
    for (let pet = 0; pet < 10; pet++) {
      watchdog.written("\0");
      await clock.advance(1_500);
    }
    expect(resets()).toBe(0);
    expect(watchdog.pets).toBe(10);
  });

  it("stops at the magic character and at the loss of power", async () => {
    const { clock, watchdog, resets } = started();
    watchdog.written("\0");
    watchdog.written("V");
    await clock.advance(5_000);
    watchdog.written("\0");
    watchdog.powerOff();
    await clock.advance(5_000);
    expect(resets()).toBe(0);
  });
});
