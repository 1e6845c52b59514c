/** Numbers that look random and depend on a seed alone (mulberry32): the same seed gives the same chaos everywhere. */
export interface Dice {
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** The same things in another order. */
  shuffled<T>(things: readonly T[]): T[];
}

export const MAX_SEED = 0xffff_ffff;

/** `seed`: a whole number from 0 to `MAX_SEED`. */
export function seededDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    between,
    pick: (from) => from[between(0, from.length - 1)] ?? from[0],
    shuffled: (things) => {
      const left = [...things];
      return things.flatMap(() => left.splice(between(0, left.length - 1), 1));
    },
  };
}
