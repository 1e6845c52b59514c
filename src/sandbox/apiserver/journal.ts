/**
 * The store on disk: one JSON line per change, appended before the change is announced to watchers or answered to the
 * client, and rewritten as a snapshot when it has grown. It survives the end of the process at any point (`kill -9`),
 * because every line is handed to the kernel at once; it does not promise to survive a loss of power.
 *
 * Invariant: versions go on after a restart, never back. A last line cut short is dropped: nobody was told of it.
 */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { isJsonObject, type ApiObject } from "./json.ts";
import type { Change, Store, StoredEntry } from "./store.ts";

/** Lines after which a new snapshot is written; a few seconds of a busy sandbox, some tens of MB. */
const SNAPSHOT_AFTER_LINES = 20_000;

interface SnapshotLine {
  readonly snapshot: number;
}
interface EntryLine extends StoredEntry {
  readonly entry: true;
}
interface ChangeLine extends Omit<Change, "previous"> {
  readonly change: true;
}
type Line = SnapshotLine | EntryLine | ChangeLine;

export class Journal {
  readonly #path: string;
  readonly #store: Store;
  #file: number;
  #lines = 0;

  /** Fills `store` from `path`, if it exists, and from now on writes every change of it there. */
  constructor(path: string, store: Store) {
    this.#path = path;
    this.#store = store;
    if (existsSync(path)) load(readLines(path), store);
    this.#file = this.#writeSnapshot();
    store.listen((change) => this.#append(change));
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(change: Change): void {
    const { previous: _previous, ...rest } = change;
    const line: ChangeLine = { change: true, ...rest };
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    this.#lines++;
    if (this.#lines < SNAPSHOT_AFTER_LINES) return;
    closeSync(this.#file);
    this.#file = this.#writeSnapshot();
  }

  /** Complete under another name first: at every moment one whole journal has the right name. */
  #writeSnapshot(): number {
    const first: SnapshotLine = { snapshot: this.#store.version };
    const entries = this.#store.entries().map((entry): EntryLine => ({ entry: true, ...entry }));
    const text = [first, ...entries].map((line) => `${JSON.stringify(line)}\n`).join("");
    const fresh = `${this.#path}.new`;
    writeFileSync(fresh, text, { mode: 0o600 });
    renameSync(fresh, this.#path);
    this.#lines = 0;
    return openSync(this.#path, "a");
  }
}

function readLines(path: string): Line[] {
  const texts = readFileSync(path, "utf8").split("\n");
  // What follows the last newline is a line cut short, or nothing.
  texts.pop();
  return texts.map((text, index) => {
    const line: unknown = JSON.parse(text);
    if (!isJsonObject(line)) throw new Error(`${path}:${index + 1}: not a journal line`);
    return line as unknown as Line;
  });
}

function load(lines: readonly Line[], store: Store): void {
  const entries: StoredEntry[] = [];
  let version = 0;
  for (const line of lines) {
    if ("snapshot" in line) version = line.snapshot;
    else if ("entry" in line) entries.push({ storage: line.storage, key: line.key, object: line.object as ApiObject });
  }
  store.restore(version, entries);
  for (const line of lines) if ("change" in line) store.replay(line);
}
