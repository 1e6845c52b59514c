/**
 * Asks the server of a zone for one name every 50 ms, past every cache: whether the name was absent at any moment, and what
 * it said. A server that is silent says nothing about the name.
 */
import { type Clock, sleep } from "../../lib/clock.ts";
import { askForAddress, type DnsAnswer, type DnsServerAddress } from "../dns/ask.ts";
import { machineMonotonicMs } from "../machine-clock.ts";

export const WATCH_INTERVAL_MS = 50;
const ASK_TIMEOUT_MS = 1_000;
/** Half an hour of answers; the oldest are forgotten. */
const MAX_ANSWERS = 36_000;

interface Seen {
  readonly atMs: number;
  readonly answer: DnsAnswer;
}

export class NameWatch {
  readonly #name: string;
  readonly #server: () => DnsServerAddress;
  readonly #clock: Clock;
  readonly #seen: Seen[] = [];
  #running: Promise<void> | undefined;
  #isEnding = false;

  /** `server` is asked for before each question: it may not listen yet. */
  constructor(name: string, server: () => DnsServerAddress, modules: { readonly clock: Clock }) {
    this.#name = name;
    this.#server = server;
    this.#clock = modules.clock;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
  }

  /** What the server says now. */
  ask(): Promise<DnsAnswer> {
    return askForAddress(this.#server(), this.#name, ASK_TIMEOUT_MS);
  }

  /** Moments since then, on the machine's clock in ms, at which the server said that the name has no address. */
  absences(sinceMs: number): number[] {
    return this.#since(sinceMs)
      .filter(({ answer }) => answer.code !== "Silent" && answer.addresses.length === 0)
      .map(({ atMs }) => atMs);
  }

  /** How many questions since then were answered. */
  answered(sinceMs: number): number {
    return this.#since(sinceMs).filter(({ answer }) => answer.code !== "Silent").length;
  }

  #since(sinceMs: number): Seen[] {
    return this.#seen.filter(({ atMs }) => atMs >= sinceMs);
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const atMs = machineMonotonicMs();
      this.#seen.push({ atMs, answer: await this.ask() });
      if (this.#seen.length > MAX_ANSWERS) this.#seen.shift();
      await sleep(this.#clock, Math.max(0, atMs + WATCH_INTERVAL_MS - machineMonotonicMs()));
    }
  }
}
