/**
 * From the client's requests to "for how long was the service away". Pure.
 * Outage of a fault = the longest time between the sends of two successive answered requests around it. Without a
 * fault that is the interval of the requests, so no outage is ever reported as less than that.
 */
export interface ClientSample {
  /** Send of the request, on the machine's monotonic clock (CLOCK_MONOTONIC), in ms. */
  readonly sentMs: number;
  /** Who answered; undefined when nobody did in time. */
  readonly answeredBy: string | undefined;
}

export interface Outage {
  readonly durationMs: number;
  /** Send of the last answered request before the gap. */
  readonly fromMs: number;
  /** Send of the first answered request after it. */
  readonly untilMs: number;
  readonly before: string;
  readonly after: string;
}

/** The longest gap that touches the time from `faultMs` until `untilMs`; undefined when no answer came after it. */
export function outageAround(samples: readonly ClientSample[], faultMs: number, untilMs: number): Outage | undefined {
  let longest: Outage | undefined;
  let last: { readonly sentMs: number; readonly answeredBy: string } | undefined;
  for (const sample of [...samples].sort((a, b) => a.sentMs - b.sentMs)) {
    if (sample.answeredBy === undefined) continue;
    const current = { sentMs: sample.sentMs, answeredBy: sample.answeredBy };
    if (last !== undefined && current.sentMs >= faultMs && last.sentMs <= untilMs) {
      const durationMs = current.sentMs - last.sentMs;
      if (longest === undefined || durationMs > longest.durationMs) {
        longest = {
          durationMs,
          fromMs: last.sentMs,
          untilMs: current.sentMs,
          before: last.answeredBy,
          after: current.answeredBy,
        };
      }
    }
    last = current;
  }
  return last !== undefined && last.sentMs >= untilMs ? longest : undefined;
}
