/**
 * A reboot by the kernel's own switch, which works where processes hang: sync, remount read-only, boot.
 * Source: https://docs.kernel.org/admin-guide/sysrq.html (writing to /proc/sysrq-trigger works whatever kernel.sysrq says).
 *
 * Must never do: create the file. Where the host's root has none, nothing is rebooted.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Clock, sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Reboot } from "../guard/reboot.ts";

/** The kernel syncs and remounts beside; so long it gets for it, in milliseconds. */
const PAUSE_MS = 1_000;
const SYNC_REMOUNT_BOOT = ["s", "u", "b"] as const;

export class SysrqReboot implements Reboot {
  readonly #trigger: string;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(options: { readonly hostRoot: string }, modules: { readonly clock: Clock; readonly log: Logger }) {
    this.#trigger = join(options.hostRoot === "" ? "/" : options.hostRoot, "proc/sysrq-trigger");
    this.#clock = modules.clock;
    this.#log = modules.log;
  }

  async now(reason: string): Promise<void> {
    this.#log.error("this machine is booted anew", { reason });
    try {
      for (const command of SYNC_REMOUNT_BOOT) {
        this.#write(command);
        await sleep(this.#clock, PAUSE_MS);
      }
    } catch (thrown) {
      this.#log.error("this machine cannot be booted anew", { trigger: this.#trigger, error: messageOf(thrown) });
    }
  }

  #write(command: string): void {
    const descriptor = openSync(this.#trigger, constants.O_WRONLY | constants.O_APPEND);
    try {
      writeSync(descriptor, command);
    } finally {
      closeSync(descriptor);
    }
  }
}
