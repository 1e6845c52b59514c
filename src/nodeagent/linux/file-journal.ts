/**
 * The journal of commands as one JSON file, replaced as a whole. Not flushed to the disk: it outlives this process, not
 * this boot, and a start must not wait for a disk.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type CommandJournal, type JournalEntry, readEntries } from "../command/journal.ts";

export class FileJournal implements CommandJournal {
  readonly #path: string;
  readonly #entries = new Map<string, JournalEntry>();

  /** Takes over what an earlier life left. Throws when a file is there and cannot be read: what it names may be up. */
  constructor(path: string) {
    this.#path = path;
    for (const entry of readEntries(parsed(path))) this.#entries.set(entry.key, entry);
  }

  entries(): readonly JournalEntry[] {
    return [...this.#entries.values()];
  }

  add(entry: JournalEntry): void {
    this.#entries.set(entry.key, entry);
    this.#write();
  }

  remove(key: string): void {
    if (this.#entries.delete(key)) this.#write();
  }

  #write(): void {
    const draft = `${this.#path}.new`;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, JSON.stringify(this.entries()), { mode: 0o600 });
    renameSync(draft, this.#path);
  }
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return [];
    throw thrown;
  }
}
