/** Load, memory and pressure from /proc (proc(5), Documentation/accounting/psi.rst), and a folder for what was found. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { DetailsStore, SystemFacts } from "../details/port.ts";

const FILES: Readonly<Record<string, { readonly path: string; readonly pick: RegExp }>> = {
  load: { path: "/proc/loadavg", pick: /^.+$/m },
  uptimeSeconds: { path: "/proc/uptime", pick: /^[0-9.]+/ },
  memoryAvailable: { path: "/proc/meminfo", pick: /^MemAvailable:.*$/m },
  swapFree: { path: "/proc/meminfo", pick: /^SwapFree:.*$/m },
  cpuPressure: { path: "/proc/pressure/cpu", pick: /^some.*$/m },
  ioPressure: { path: "/proc/pressure/io", pick: /^full.*$/m },
  memoryPressure: { path: "/proc/pressure/memory", pick: /^full.*$/m },
};

export class LinuxSystemFacts implements SystemFacts {
  async read(): Promise<Readonly<Record<string, string>>> {
    const found = await Promise.all(
      Object.entries(FILES).map(async ([name, { path, pick }]) => {
        const text = await readFile(path, "utf8").catch(() => "");
        const picked = pick.exec(text)?.[0];
        return picked === undefined ? [] : [[name, picked.replaceAll(/\s+/g, " ")] as const];
      }),
    );
    return Object.fromEntries(found.flat());
  }
}

/** Files kept; the names begin with their time, so that the oldest sort first. */
const MAX_FILES = 16;

export class DetailsFolder implements DetailsStore {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(folder: string, modules: { readonly log: Logger }) {
    this.#folder = folder;
    this.#log = modules.log;
  }

  async keep(name: string, text: string): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(join(this.#folder, name), text, { mode: 0o600 });
      const old = (await readdir(this.#folder)).toSorted().slice(0, -MAX_FILES);
      await Promise.all(old.map((file) => rm(join(this.#folder, file), { force: true })));
    } catch (thrown) {
      this.#log.warn("details cannot be kept", { folder: this.#folder, error: messageOf(thrown) });
    }
  }
}
