/**
 * True time and the order of everything that happens in a simulated world. One event at a time; between two events every
 * promise that can settle has settled, so that a process is either idle or waiting for something the world gives it.
 *
 * Same seed, same events: ties are broken by the order in which events were asked for.
 */
export interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export class Scheduler {
  #nowMs = 0;
  #order = 0;
  #heap: Entry[] = [];
  /** Events that ran. */
  steps = 0;
  #isEntered = false;
  #stop: string | undefined;

  get nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, run: () => void): Entry {
    const entry: Entry = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run };
    this.#push(entry);
    return entry;
  }

  after(delayMs: number, run: () => void): Entry {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Code of a process ran in this event: its promises must settle before the next. */
  entered(): void {
    this.#isEntered = true;
  }

  /** Ends `runUntil` after the present event. */
  stop(why: string): void {
    this.#stop ??= why;
  }

  get stopped(): string | undefined {
    return this.#stop;
  }

  /** Runs every event up to `endMs`; `after` is called when an event and all it caused at once have ended. */
  async runUntil(endMs: number, after: () => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const pump = (): void => {
        try {
          after();
          for (;;) {
            const entry = this.#stop === undefined ? this.#heap[0] : undefined;
            if (entry === undefined || entry.atMs > endMs) {
              this.#nowMs = Math.max(this.#nowMs, this.#stop === undefined ? endMs : this.#nowMs);
              resolve();
              return;
            }
            this.#pop();
            const { run } = entry;
            if (run === undefined) continue;
            this.#nowMs = entry.atMs;
            this.#isEntered = false;
            this.steps += 1;
            run();
            if (this.#isEntered) break;
            after();
          }
          // A new turn of the event loop: every promise chain has run to its end by then.
          setImmediate(pump);
        } catch (thrown) {
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      };
      setImmediate(pump);
    });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let least = left;
      if (right !== undefined && isBefore(right, left)) {
        child += 1;
        least = right;
      }
      if (isBefore(last, least)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
