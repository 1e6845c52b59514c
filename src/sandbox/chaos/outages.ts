/**
 * From what the client saw to "for how long was the service away", and from many such times to figures. Pure.
 *
 * An outage of a stretch of time: the gaps between the sends of successive answered requests that are longer than noise,
 * added up; when there is none, the longest gap. (The sum, since a service that comes and goes is away for all of it.)
 */
import type { ClientSample } from "../client/outage.ts";
import { NOISE_MS } from "./bounds.ts";

/**
 * `samples` must reach beyond both ends. Undefined: no answer came at or after `untilMs`, so that the outage has no end.
 */
export function outageMs(samples: readonly ClientSample[], fromMs: number, untilMs: number): number | undefined {
  const answered = samples
    .filter((sample) => sample.answeredBy !== undefined)
    .map((sample) => sample.sentMs)
    .sort((a, b) => a - b);
  if (!answered.some((sentMs) => sentMs >= untilMs)) return undefined;
  const gaps = answered.flatMap((sentMs, index) => {
    const before = answered[index - 1];
    return before === undefined || sentMs < fromMs || before > untilMs ? [] : [sentMs - before];
  });
  const long = gaps.filter((gap) => gap > NOISE_MS);
  return long.length > 0 ? long.reduce((sum, gap) => sum + gap, 0) : Math.max(0, ...gaps);
}

/** The nearest-rank percentile of numbers in any order; `share` in (0, 1]. Undefined for no numbers. */
export function percentile(numbers: readonly number[], share: number): number | undefined {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** Upper ends of the histogram's classes, in ms; what is longer falls into one more. */
export const HISTOGRAM_MS = [50, 100, 300, 600, 1_000, 2_000, 3_000, 4_000, 5_000, 5_600, 10_000] as const;

/** How many numbers fall into each class; one longer than `HISTOGRAM_MS`. */
export function histogram(numbers: readonly number[]): number[] {
  const counts = Array.from({ length: HISTOGRAM_MS.length + 1 }, () => 0);
  for (const number of numbers) {
    const index = HISTOGRAM_MS.findIndex((end) => number <= end);
    const place = index < 0 ? HISTOGRAM_MS.length : index;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
}
