/**
 * Warnings before a timeout strikes: a renewal, a heartbeat or a monitor's reading that used most of the time it is
 * allowed (`monitor.delayWarningPercent`). What exceeded it has consequences of its own and is not repeated here, except
 * for readings, whose timeout may pass unnoticed.
 *
 * Must never do: repeat itself for every datagram of a slow network.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";

export interface Delay {
  readonly what: "Renewal" | "Heartbeat" | "Monitor";
  /** The peer, or the part that was read; empty for the session. */
  readonly subject: string;
  readonly tookMs: number;
  readonly limitMs: number;
}

export interface DelayModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tell: (delay: Delay) => void;
}

export const DELAY_WARNING_PERCENT = 80;
/** The same is not told again for so long, in milliseconds. */
const QUIET_MS = 60_000;
/** Subjects remembered; the one told longest ago is forgotten first. */
const MAX_SUBJECTS = 256;

export class DelayWarnings {
  readonly #percent: number;
  readonly #modules: DelayModules;
  readonly #toldMs = new Map<string, number>();
  readonly #heardMs = new Map<string, number>();
  #renewedMs: number | undefined;

  constructor(options: { readonly percent: number }, modules: DelayModules) {
    this.#percent = options.percent;
    this.#modules = modules;
  }

  /** The right was prolonged as of `baseMs`; it may be so every `limitMs` at the latest. */
  renewed(baseMs: number, limitMs: number): void {
    const before = this.#renewedMs;
    this.#renewedMs = baseMs;
    if (before !== undefined) this.#gap("Renewal", "", baseMs - before, limitMs);
  }

  heard(peer: string, limitMs: number): void {
    const nowMs = this.#modules.clock.monotonicMs();
    const before = this.#heardMs.get(peer);
    this.#heardMs.delete(peer);
    this.#heardMs.set(peer, nowMs);
    this.#forgetOldest(this.#heardMs);
    if (before !== undefined) this.#gap("Heartbeat", peer, nowMs - before, limitMs);
  }

  read(part: string, tookMs: number, limitMs: number): void {
    if (this.#isLate(tookMs, limitMs)) this.#warn({ what: "Monitor", subject: part, tookMs, limitMs });
  }

  #gap(what: Delay["what"], subject: string, tookMs: number, limitMs: number): void {
    if (this.#isLate(tookMs, limitMs) && tookMs < limitMs) this.#warn({ what, subject, tookMs, limitMs });
  }

  #isLate(tookMs: number, limitMs: number): boolean {
    return tookMs * 100 >= limitMs * this.#percent;
  }

  #warn(delay: Delay): void {
    const { clock, log, metrics, tell } = this.#modules;
    metrics.count("understudy_delay_warnings_total", { what: delay.what });
    const key = `${delay.what} ${delay.subject}`;
    const toldMs = this.#toldMs.get(key);
    const nowMs = clock.monotonicMs();
    if (toldMs !== undefined && nowMs - toldMs < QUIET_MS) return;
    this.#toldMs.delete(key);
    this.#toldMs.set(key, nowMs);
    this.#forgetOldest(this.#toldMs);
    log.warn("late", { ...delay });
    tell(delay);
  }

  #forgetOldest(known: Map<string, number>): void {
    const [oldest] = known.keys();
    if (known.size > MAX_SUBJECTS && oldest !== undefined) known.delete(oldest);
  }
}

/** For people: what was late, by how much, and what to do. */
export function delaySentence({ what, subject, tookMs, limitMs }: Delay): string {
  const measured = `${Math.round(tookMs)} ms of ${limitMs} ms`;
  switch (what) {
    case "Renewal":
      return `the session was renewed after ${measured}: at the limit everything is taken down. Look at the API server, or use a longer session`;
    case "Heartbeat":
      return `a heartbeat of ${subject} came after ${measured}: at the limit it counts as lost. Look at the network between the members, or use a longer session`;
    case "Monitor":
      return `reading ${subject} took ${measured}: lengthen its monitor's timeout, or find out what slows it down`;
  }
}
