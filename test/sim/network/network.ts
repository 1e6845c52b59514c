/**
 * What lies between the machines: loss, delay, reordering, repetition, cuts in one direction, and messages that arrive
 * long after their sender gave up or died. A site is a machine's name, or one of the two services below.
 */
import type { Random } from "../../../src/lib/random.ts";
import type { Scheduler } from "../engine/scheduler.ts";

export const API = "api";
export const CLOUD = "cloud";

/** Chances and times of one direction; milliseconds. */
export interface Quality {
  lossChance: number;
  /** Usual delay: between a quarter of it and twice it. */
  delayMs: number;
  /** A message takes a detour of up to `lateMs`. */
  lateChance: number;
  lateMs: number;
  /** The detour takes at least so long. */
  leastLateMs: number;
  repeatChance: number;
}

export const GOOD: Quality = { lossChance: 0, delayMs: 0.8, lateChance: 0, lateMs: 0, leastLateMs: 0, repeatChance: 0 };

export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #cuts = new Map<string, number>();
  /** Of datagrams between members. */
  readonly peers: Quality = { ...GOOD };
  /** Of requests and answers, by the client's site; absent: good. */
  readonly clients = new Map<string, Quality>();
  /** Called when a cut in this direction ends. */
  readonly #onHeal = new Map<string, Set<() => void>>();

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  qualityOf(client: string): Quality {
    const known = this.clients.get(client);
    if (known !== undefined) return known;
    const made = { ...GOOD };
    this.clients.set(client, made);
    return made;
  }

  /** Cuts add up: each needs a `heal` of its own. */
  cut(from: string, to: string): void {
    const key = `${from}>${to}`;
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
  }

  heal(from: string, to: string): void {
    const key = `${from}>${to}`;
    const left = (this.#cuts.get(key) ?? 0) - 1;
    if (left > 0) this.#cuts.set(key, left);
    else if (this.#cuts.delete(key)) {
      const waiting = this.#onHeal.get(key);
      this.#onHeal.delete(key);
      for (const tell of waiting ?? []) tell();
    }
  }

  healAll(): void {
    for (const key of this.#cuts.keys()) {
      const [from = "", to = ""] = key.split(">");
      this.#cuts.set(key, 1);
      this.heal(from, to);
    }
    Object.assign(this.peers, GOOD);
    for (const quality of this.clients.values()) Object.assign(quality, GOOD);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Sites whose requests for session Leases fail while all others work. */
  readonly leaseless = new Set<string>();

  /** Detours that only changes of disks from this site take. */
  readonly diskDetours = new Map<string, Pick<Quality, "lateMs" | "leastLateMs">>();

  /** Watches of this site stand still: a cut of a way that carries nothing else. */
  static watchesOf(site: string): string {
    return `${site}'s watches`;
  }

  /** Calls `tell` once, when the cut ends; at once when there is none. */
  whenHealed(from: string, to: string, tell: () => void): void {
    if (!this.isCut(from, to)) return tell();
    const key = `${from}>${to}`;
    const waiting = this.#onHeal.get(key) ?? new Set();
    waiting.add(tell);
    this.#onHeal.set(key, waiting);
  }

  /** Carries one message; `arrive` may run once, twice or never. False: it is surely lost. */
  carry(from: string, to: string, quality: Quality, arrive: () => void): void {
    const { lossChance, repeatChance } = quality;
    if (this.isCut(from, to) || (lossChance > 0 && this.#random.next() < lossChance)) return;
    this.#deliver(from, to, quality, arrive);
    if (repeatChance > 0 && this.#random.next() < repeatChance) this.#deliver(from, to, quality, arrive);
  }

  #deliver(from: string, to: string, quality: Quality, arrive: () => void): void {
    const { delayMs, lateChance, lateMs, leastLateMs } = quality;
    const isLate = lateChance > 0 && this.#random.next() < lateChance;
    const takesMs =
      delayMs * (0.25 + 1.75 * this.#random.next()) +
      (isLate ? leastLateMs + (lateMs - leastLateMs) * this.#random.next() : 0);
    this.#scheduler.after(takesMs, () => {
      // What is late has left the cut part of the way already.
      if (isLate || !this.isCut(from, to)) arrive();
    });
  }
}
