/**
 * From what was seen of each machine to "how many were active at once". Pure.
 *
 * A machine is active while it holds the address AND itself answers at it. One sample proves that from the send of
 * its probe until the answer; successive samples that all prove it are one interval, unless they lie so far apart that
 * nothing is known about the time between. The observer can fail: two machines whose intervals overlap give 2.
 */
export interface ActivitySample {
  /** When the address was looked for and the probe sent (CLOCK_MONOTONIC, ms). */
  readonly sentMs: number;
  readonly doneMs: number;
  readonly holdsAddress: boolean;
  /** The machine's own name came back. */
  readonly answered: boolean;
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
  for (const sample of samples) {
    if (!sample.holdsAddress || !sample.answered) {
      close();
      continue;
    }
    if (open !== undefined && sample.sentMs - open.untilMs > LONGEST_JOIN_MS) close();
    if (open === undefined) open = { fromMs: sample.sentMs, untilMs: sample.doneMs };
    else open.untilMs = Math.max(open.untilMs, sample.doneMs);
  }
  close();
  return intervals;
}

/** The largest number of machines active at one moment; touching ends do not overlap. */
export function maxSimultaneous(intervals: readonly ActivityInterval[]): number {
  const edges = intervals.flatMap((interval) => [
    { atMs: interval.fromMs, change: 1 },
    { atMs: interval.untilMs, change: -1 },
  ]);
  edges.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let active = 0;
  let most = 0;
  for (const edge of edges) {
    active += edge.change;
    most = Math.max(most, active);
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
