/**
 * Promises under the state folder, which a boot of the machine empties: they outlive a guard, not the machine. That
 * nothing is found for this boot means that no guard of this boot gave any; what was given before may still bind, and a
 * fresh machine waits as long as a promise can last.
 */
import type { StateFile } from "./holdings.ts";
import type { PromiseRecord } from "./promise-state.ts";

const VERSION = 1;

export interface LoadedPromises {
  readonly records: readonly PromiseRecord[];
  /** A guard of this very boot has kept this record. */
  readonly isOfThisBoot: boolean;
}

export class PromiseStore {
  readonly #file: StateFile;
  readonly #bootId: string;

  constructor(file: StateFile, bootId: string) {
    this.#file = file;
    this.#bootId = bootId;
  }

  /** Throws when the record exists but cannot be understood: this node may have promised anything. */
  async load(): Promise<LoadedPromises> {
    const text = await this.#file.read();
    if (text === undefined) return { records: [], isOfThisBoot: false };
    const value: unknown = JSON.parse(text);
    if (!isRecordFile(value)) throw new TypeError(`the record of promises is not of version ${VERSION}`);
    return { records: value.promises, isOfThisBoot: value.bootId === this.#bootId };
  }

  async write(records: readonly PromiseRecord[]): Promise<void> {
    await this.#file.write(JSON.stringify({ version: VERSION, bootId: this.#bootId, promises: records }));
  }
}

interface RecordFile {
  readonly bootId: string;
  readonly promises: readonly PromiseRecord[];
}

function isRecordFile(value: unknown): value is RecordFile {
  if (typeof value !== "object" || value === null) return false;
  const { version, bootId, promises } = value as Record<string, unknown>;
  return (
    version === VERSION && typeof bootId === "string" && Array.isArray(promises) && promises.every(isPromiseRecord)
  );
}

function isPromiseRecord(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { groupUid, node, session, epoch, bindMs } = value as Record<string, unknown>;
  const areTexts = [groupUid, node, session].every((text) => typeof text === "string");
  return areTexts && Number.isSafeInteger(epoch) && typeof bindMs === "number" && bindMs > 0;
}

/** How long a node whose machine booted activates nothing: the longest promise it may have forgotten, less its uptime. */
export function bootWaitMs(loaded: LoadedPromises, longestPromiseMs: number, uptimeMs: number): number {
  return loaded.isOfThisBoot ? 0 : Math.max(0, longestPromiseMs - uptimeMs);
}
