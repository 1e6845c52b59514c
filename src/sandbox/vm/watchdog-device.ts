/**
 * A machine's `/dev/watchdog` as a FIFO, with its timeout in a file beside it (seconds, as in sysfs). The hypervisor
 * holds it open for reading and writing, so that neither opening nor closing at the other end ever blocks or ends it.
 */
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { run } from "../network/ip-command.ts";
import type { Watchdog } from "./watchdog.ts";

export interface WatchdogDevice {
  close(): void;
}

export async function openWatchdogDevice(path: string, watchdog: Watchdog): Promise<WatchdogDevice> {
  await run("mkfifo", ["-m", "600", path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on("data", (chunk: Buffer) => watchdog.written(chunk.toString("latin1")));
    socket.unref();
    return { close: () => void socket.destroy() };
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** The timeout that the machine set, in ms; undefined when the file holds no whole number of seconds. */
export function readTimeoutMs(file: string): number | undefined {
  const seconds = Number(readFileSync(file, "utf8").trim());
  return Number.isInteger(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
}
