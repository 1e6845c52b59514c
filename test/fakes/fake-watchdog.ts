/** A watchdog under a fake clock that remembers whether it would have reset the VM. */
import type { Watchdog, WatchdogKind } from "../../src/nodeagent/guard/watchdog.ts";
import type { Clock, Timer } from "../../src/lib/clock.ts";

export class FakeWatchdog implements Watchdog {
  readonly kind: WatchdogKind;
  readonly problem?: string;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #timer: Timer | undefined;
  isArmed = false;
  hasFired = false;
  pets = 0;
  /** While true the device takes no write. */
  isBroken = false;

  constructor(clock: Clock, timeoutMs: number, kind: WatchdogKind = "Hardware") {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.kind = kind;
    if (kind === "None") this.problem = "no watchdog device";
  }

  arm(): boolean {
    if (this.kind === "None" || this.isBroken) return false;
    if (this.isArmed) return true;
    this.isArmed = true;
    this.#restart();
    return true;
  }

  pet(): boolean {
    if (!this.isArmed || this.isBroken) return false;
    this.pets += 1;
    this.#restart();
    return true;
  }

  disarm(): boolean {
    if (!this.isArmed) return true;
    this.isArmed = false;
    if (this.isBroken) return false;
    this.#timer?.cancel();
    return true;
  }

  #restart(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#timeoutMs, () => {
      this.hasFired = true;
    });
  }
}
