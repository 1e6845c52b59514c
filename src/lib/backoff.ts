/**
 * Exponential backoff with jitter, as a value: the delay for the n-th failure in a row. Jitter is down only
 * (between half and all of the nominal delay), so that the stated maximum holds.
 */
import type { Random } from "./random.ts";

export interface Backoff {
  /** Delay after the first failure, milliseconds > 0. */
  readonly baseMs: number;
  /** The delay never exceeds this. */
  readonly maxMs: number;
}

/** Delay in milliseconds after `failures` (>= 1) failures in a row. */
export function backoffDelayMs(backoff: Backoff, failures: number, random: Random): number {
  // 2 ** 30 is beyond every maximum in use, and stays far from Infinity.
  const nominalMs = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures - 1, 30));
  return nominalMs * (0.5 + 0.5 * random.next());
}
