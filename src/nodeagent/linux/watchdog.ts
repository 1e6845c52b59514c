/**
 * A watchdog device of Linux: opening it starts the timer, any write restarts it, `V` before the close stops it (the
 * magic close); a close without it leaves the timer running, which is what a killed guard must leave behind.
 * Sources: https://docs.kernel.org/watchdog/watchdog-api.html, Documentation/ABI/testing/sysfs-class-watchdog.
 *
 * The sandbox puts a FIFO in the device's place; it is opened without blocking, so that a missing reader is "no device".
 */
import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import type { Timings } from "../../api/timings.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import {
  judgeWatchdog,
  type Watchdog,
  type WatchdogFacts,
  type WatchdogKind,
  type WatchdogMode,
} from "../guard/watchdog.ts";

export interface LinuxWatchdogOptions {
  readonly mode: WatchdogMode;
  /** `/dev/watchdog0` or a FIFO. */
  readonly device: string;
  /** Folder with `timeout` (seconds), and where the driver has them `identity` and `nowayout`. */
  readonly sysfs: string;
  readonly timings: Timings;
}

export class LinuxWatchdog implements Watchdog {
  readonly kind: WatchdogKind;
  readonly problem?: string;
  readonly #device: string;
  readonly #log: Logger;
  #descriptor: number | undefined;

  constructor(options: LinuxWatchdogOptions, modules: { readonly log: Logger }) {
    this.#device = options.device;
    this.#log = modules.log;
    const { kind, problem } = judgeWatchdog(options.mode, readWatchdogFacts(options), options.timings);
    this.kind = kind;
    if (problem !== undefined) this.problem = problem;
  }

  get isArmed(): boolean {
    return this.#descriptor !== undefined;
  }

  arm(): boolean {
    if (this.kind === "None") return false;
    if (this.#descriptor !== undefined) return true;
    try {
      this.#descriptor = openSync(this.#device, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (thrown) {
      this.#log.error("watchdog cannot be opened", { device: this.#device, error: messageOf(thrown) });
      return false;
    }
    // Opening starts a device's timer; the write tells it to the sandbox as well.
    if (this.#write("1")) return true;
    this.disarm();
    return false;
  }

  pet(): boolean {
    return this.#write("1");
  }

  disarm(): boolean {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return true;
    const isStopped = this.#write("V");
    this.#descriptor = undefined;
    closeSync(descriptor);
    return isStopped;
  }

  #write(text: string): boolean {
    if (this.#descriptor === undefined) return false;
    try {
      return writeSync(this.#descriptor, text) === text.length;
    } catch (thrown) {
      this.#log.error("watchdog does not take a write", { device: this.#device, error: messageOf(thrown) });
      return false;
    }
  }
}

/** The folder of sysfs that describes `device`: `/dev/watchdog` is the first device by another name. */
export function sysfsFolder(device: string): string {
  const name = basename(device);
  return join("/sys/class/watchdog", name === "watchdog" ? "watchdog0" : name);
}

/** Reads without opening the device: opening would start it. */
export function readWatchdogFacts(options: Pick<LinuxWatchdogOptions, "device" | "sysfs">): WatchdogFacts {
  if (!existsSync(options.device)) return { isPresent: false };
  const identity = readText(join(options.sysfs, "identity"));
  const seconds = Number(readText(join(options.sysfs, "timeout")) ?? Number.NaN);
  return {
    isPresent: true,
    ...(identity === undefined ? {} : { identity }),
    ...(seconds > 0 ? { timeoutMs: seconds * 1_000 } : {}),
    isNowayout: readText(join(options.sysfs, "nowayout")) === "1",
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined; // a driver without this attribute
  }
}
