/** How long recent cloud calls took, for `status.callTime`: the last `MAX_SAMPLES` calls of one region and identity. */

export interface CallTimes {
  readonly p99Ms: number;
  readonly maxMs: number;
}

const MAX_SAMPLES = 512;

export class CallTimer {
  readonly #samples: number[] = [];

  add(durationMs: number): void {
    this.#samples.push(durationMs);
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }

  /** Undefined before the first call. */
  times(): CallTimes | undefined {
    const sorted = this.#samples.toSorted((a, b) => a - b);
    const maxMs = sorted.at(-1);
    const p99Ms = sorted[Math.ceil(sorted.length * 0.99) - 1];
    return maxMs === undefined || p99Ms === undefined ? undefined : { p99Ms, maxMs };
  }
}
