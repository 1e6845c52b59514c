/** Random streams of one seed: each user has its own, so that a change in one place leaves the others as they were. */
import type { Random } from "../../src/lib/random.ts";
import { seededRandom } from "../fakes/seeded-random.ts";

export class Seeds {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The stream called `name`. */
  stream(name: string): Random {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    return seededRandom((hash ^ (hash >>> 15)) >>> 0);
  }
}

export function chance(random: Random, probability: number): boolean {
  return random.next() < probability;
}

export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.next();
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random.next() * from.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}
