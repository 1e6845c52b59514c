/**
 * From what was seen of each machine to "how many were active at once". Pure.
 *
 * A machine is active while it holds the address AND itself answers at it. An answer carries the moment at which the
 * service gave it; the address was there when the probe was sent and when the answer had come. Successive samples that
 * all prove activity are one interval, from the first such moment to the last, unless they lie so far apart that
 * nothing is known about the time between. The observer can fail: two machines whose intervals overlap give 2.
 */
export interface ActivitySample {
  /** When the address was looked for and the probe sent (CLOCK_MONOTONIC, ms). */
  readonly sentMs: number;
  /** When this very machine, holding the address, answered; undefined: it did not. */
  readonly activeAtMs: number | undefined;
}

export interface ActivityInterval {
  readonly node: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Longest time between two samples that are still taken as one stretch of activity, in ms. */
const LONGEST_JOIN_MS = 50;

/** The stretches in which one machine was proven active. `samples` in order of `sentMs`. */
export function activeIntervals(node: string, samples: readonly ActivitySample[]): ActivityInterval[] {
  const intervals: ActivityInterval[] = [];
  let open: { fromMs: number; untilMs: number } | undefined;
  const close = (): void => {
    if (open !== undefined) intervals.push({ node, ...open });
    open = undefined;
  };
  for (const { activeAtMs } of samples) {
    if (activeAtMs === undefined) {
      close();
      continue;
    }
    if (open !== undefined && activeAtMs - open.untilMs > LONGEST_JOIN_MS) close();
    if (open === undefined) open = { fromMs: activeAtMs, untilMs: activeAtMs };
    else open.untilMs = Math.max(open.untilMs, activeAtMs);
  }
  close();
  return intervals;
}

export interface Overlap {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly nodes: readonly string[];
}

/** Every two intervals of different machines that have time in common: what must never be. */
export function overlapsOf(intervals: readonly ActivityInterval[]): Overlap[] {
  return intervals.flatMap((one, index) =>
    intervals.slice(index + 1).flatMap((other) => {
      const fromMs = Math.max(one.fromMs, other.fromMs);
      const untilMs = Math.min(one.untilMs, other.untilMs);
      return one.node === other.node || fromMs > untilMs ? [] : [{ fromMs, untilMs, nodes: [one.node, other.node] }];
    }),
  );
}

/** The largest number of different machines active at one moment. */
export function maxSimultaneous(intervals: readonly ActivityInterval[]): number {
  const edges = intervals.flatMap(({ node, fromMs, untilMs }) => [
    { node, atMs: fromMs, change: 1 },
    { node, atMs: untilMs, change: -1 },
  ]);
  edges.sort((a, b) => a.atMs - b.atMs || b.change - a.change);
  // A machine's own intervals may overlap: probes overtake one another. That is still one machine.
  const open = new Map<string, number>();
  let most = 0;
  for (const { node, change } of edges) {
    open.set(node, (open.get(node) ?? 0) + change);
    most = Math.max(most, [...open.values()].filter((count) => count > 0).length);
  }
  return most;
}

export interface SamplingQuality {
  readonly samples: number;
  /** 99 of 100 gaps between the starts of samples are at most this long, in ms. */
  readonly p99GapMs: number;
  readonly longestGapMs: number;
}

/** How closely a machine was watched; a verdict of "never two" is worth no more than this. */
export function samplingQuality(samples: readonly ActivitySample[]): SamplingQuality {
  const gaps: number[] = [];
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (before !== undefined) gaps.push(sample.sentMs - before.sentMs);
  }
  gaps.sort((a, b) => a - b);
  return {
    samples: samples.length,
    p99GapMs: gaps[Math.ceil(gaps.length * 0.99) - 1] ?? 0,
    longestGapMs: gaps.at(-1) ?? 0,
  };
}
