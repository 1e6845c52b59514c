/**
 * `StateFile` on a real file: written beside it and renamed over it (rename(2)), so that whatever kills this process
 * leaves the old or the new text. It is not flushed to a disk: what it records concerns processes and addresses of this
 * boot and promises that a fresh boot waits for anyway, it belongs on a tmpfs, and a flush would delay every activation.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { StateFile } from "./holdings.ts";

export class DurableFile implements StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<string | undefined> {
    try {
      const text = await readFile(this.#path, "utf8");
      // Only a loss of power, on a disk, leaves a name without its text: this is another boot, and nothing is left of it.
      return /[^\0]/.test(text) ? text : undefined;
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw thrown;
    }
  }

  async write(text: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.new`;
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, this.#path);
  }
}
