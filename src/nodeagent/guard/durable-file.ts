/** `StateFile` on a real file: written beside it, flushed, renamed over it, and the folder flushed (rename(2), fsync(2)). */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { StateFile } from "./holdings.ts";

export class DurableFile implements StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, "utf8");
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw thrown;
    }
  }

  async write(text: string): Promise<void> {
    const folder = dirname(this.#path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.new`;
    await flushed(draft, "w", text);
    await rename(draft, this.#path);
    await flushed(folder, "r");
  }
}

async function flushed(path: string, flags: "w" | "r", text?: string): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    if (text !== undefined) await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
