/**
 * What the guard must remove when it cuts hard, written down durably before it is brought up, so that the next life of
 * the guard finds what a killed one left. A record that cannot be read is no proof of anything: the guard then refuses
 * to start, because it could not prove its take-down.
 */
import type { Holding } from "../guard-protocol.ts";

/** One small text, replaced as a whole and durably: a reader finds the old or the new one, never half of either. */
export interface StateFile {
  /** Undefined when there is none. */
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

export interface HoldingRecord {
  readonly bootId: string;
  readonly isWatchdogArmed: boolean;
  readonly holdings: readonly Holding[];
}

const VERSION = 1;
const MAX_HOLDINGS = 4_096;

export class Holdings {
  readonly #file: StateFile;
  readonly #bootId: string;
  readonly #held = new Map<string, Holding>();
  #isWatchdogArmed = false;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(file: StateFile, bootId: string) {
    this.#file = file;
    this.#bootId = bootId;
  }

  /**
   * Takes over what an earlier life recorded. Processes of another boot are gone, and their numbers may be others'.
   * Throws when the record exists but cannot be understood.
   */
  async load(): Promise<void> {
    const text = await this.#file.read();
    if (text === undefined) return;
    const record = parseRecord(text);
    this.#isWatchdogArmed = record.isWatchdogArmed && record.bootId === this.#bootId;
    for (const holding of record.holdings)
      if (holding.kind !== "process-group" || record.bootId === this.#bootId) this.#held.set(keyOf(holding), holding);
  }

  get all(): readonly Holding[] {
    return [...this.#held.values()];
  }

  /** Whether an earlier life of this boot left the watchdog running. */
  get isWatchdogArmed(): boolean {
    return this.#isWatchdogArmed;
  }

  /** Resolves when the holding is durable; false when there are too many. */
  async add(holding: Holding): Promise<boolean> {
    if (this.#held.size >= MAX_HOLDINGS && !this.#held.has(keyOf(holding))) return false;
    this.#held.set(keyOf(holding), holding);
    await this.save();
    return true;
  }

  /** Forgets it; durable with the next `save`. */
  remove(holding: Holding): void {
    this.#held.delete(keyOf(holding));
  }

  clear(): void {
    this.#held.clear();
  }

  setWatchdogArmed(isArmed: boolean): void {
    this.#isWatchdogArmed = isArmed;
  }

  /** Resolves when a write that began after this call, and so carries what holds now, is durable. */
  save(): Promise<void> {
    if (this.#writing === undefined) return this.#write();
    this.#next ??= this.#writing.catch(() => undefined).then(() => this.#write());
    return this.#next;
  }

  async #write(): Promise<void> {
    this.#next = undefined;
    const record: HoldingRecord = { bootId: this.#bootId, isWatchdogArmed: this.#isWatchdogArmed, holdings: this.all };
    const writing = this.#file.write(JSON.stringify({ version: VERSION, ...record }));
    this.#writing = writing;
    try {
      await writing;
    } finally {
      if (this.#writing === writing) this.#writing = undefined;
    }
  }
}

/** Two holdings with the same key are the same thing. */
export function keyOf(holding: Holding): string {
  switch (holding.kind) {
    case "address":
      return `address ${holding.interface} ${holding.cidr}`;
    case "process-group":
      return `process-group ${holding.processGroup} ${holding.startTicks}`;
    case "probe-port":
    case "service-port":
      return `${holding.kind} ${holding.port}`;
  }
}

/** Throws when `text` is no record. */
export function parseRecord(text: string): HoldingRecord {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new TypeError("the record of holdings is no object");
  const record = value as Partial<HoldingRecord> & { version?: unknown };
  if (record.version !== VERSION || typeof record.bootId !== "string" || !Array.isArray(record.holdings))
    throw new TypeError(`the record of holdings is not of version ${VERSION}`);
  if (!record.holdings.every(isHolding)) throw new TypeError("the record of holdings names something unknown");
  return { bootId: record.bootId, isWatchdogArmed: record.isWatchdogArmed === true, holdings: record.holdings };
}

export function isHolding(value: unknown): value is Holding {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  const fields = value as Record<string, unknown>;
  switch (fields["kind"]) {
    case "address":
      return typeof fields["interface"] === "string" && typeof fields["cidr"] === "string";
    case "process-group":
      return (
        Number.isInteger(fields["processGroup"]) &&
        Number(fields["processGroup"]) > 1 &&
        Number.isFinite(fields["startTicks"])
      );
    case "probe-port":
    case "service-port":
      return Number.isInteger(fields["port"]);
    default:
      return false;
  }
}
