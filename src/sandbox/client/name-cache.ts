/**
 * The resolver of the client's site: asks for a name's address and remembers it for its TTL, as every resolver between
 * clients and a zone does. Nobody is asked twice at once.
 * Must never do: answer with an address whose time is over, or remember a failure.
 */
import type { Clock } from "../../lib/clock.ts";

export interface Resolved {
  readonly address: string;
  /** In seconds. */
  readonly ttl: number;
}

/** Rejects when there is no answer. */
export type LookUp = () => Promise<Resolved>;

export class NameCache {
  readonly #lookUp: LookUp;
  readonly #clock: Clock;
  #known: { readonly address: string; readonly untilMs: number } | undefined;
  #asking: Promise<string | undefined> | undefined;

  constructor(lookUp: LookUp, modules: { readonly clock: Clock }) {
    this.#lookUp = lookUp;
    this.#clock = modules.clock;
  }

  /** Undefined: the name has no address, or nobody says. Never rejects. */
  address(): Promise<string | undefined> {
    if (this.#known !== undefined && this.#clock.monotonicMs() < this.#known.untilMs) {
      return Promise.resolve(this.#known.address);
    }
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<string | undefined> {
    // The TTL counts from when the answer was given: the time of the question is the earliest that can be.
    const askedMs = this.#clock.monotonicMs();
    this.#known = undefined;
    try {
      const { address, ttl } = await this.#lookUp();
      this.#known = { address, untilMs: askedMs + ttl * 1_000 };
      return address;
    } catch {
      return undefined;
    }
  }
}
