/** A deadline for whatever does not keep one itself. */
import type { Clock } from "../lib/clock.ts";

/** Rejects with `late()` after `timeoutMs` even when `run` does not heed its signal (say, an SDK that fetches credentials). */
export function withinDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
  late: () => Error,
): Promise<T> {
  const abort = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => {
      reject(late());
      abort.abort();
    });
    run(abort.signal)
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}
