/**
 * The watchdog of a virtual machine, as the Linux watchdog device behaves (Documentation/watchdog/watchdog-api): the
 * first write starts it, every write pets it, a write that contains `V` stops it, and `timeoutMs` without a write
 * resets the machine. Pure but for its clock; `watchdog-device.ts` feeds it from a FIFO.
 *
 * Unlike the kernel's it cannot see the file being closed, so `V` stops it at once instead of at the close.
 */
import type { Clock, Timer } from "../../lib/clock.ts";

export class Watchdog {
  readonly #clock: Clock;
  readonly #timeoutMs: () => number;
  readonly #reset: () => void;
  #timer: Timer | undefined;
  #pets = 0;

  constructor(
    options: { readonly timeoutMs: () => number },
    modules: { readonly clock: Clock; readonly reset: () => void },
  ) {
    this.#clock = modules.clock;
    this.#timeoutMs = options.timeoutMs;
    this.#reset = modules.reset;
  }

  get armed(): boolean {
    return this.#timer !== undefined;
  }

  get pets(): number {
    return this.#pets;
  }

  /** Something was written to the device. */
  written(text: string): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (text === "" || text.includes("V")) return;
    this.#pets += 1;
    this.#timer = this.#clock.setTimer(this.#timeoutMs(), () => {
      this.#timer = undefined;
      this.#reset();
    });
  }

  /** The machine lost its power: a reset of a machine that is off means nothing. */
  powerOff(): void {
    this.written("");
  }
}
