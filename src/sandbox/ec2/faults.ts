/** What can be made to go wrong with the EC2 endpoint, per action. The first fault that matches and is not used up decides each aspect. */

export type FaultOutcome =
  /** Refused before anything happens. */
  | { readonly type: "error"; readonly code: string; readonly message?: string; readonly status?: number }
  /** RequestLimitExceeded, 503 (EC2 user guide, "Request throttling"). */
  | { readonly type: "throttle" }
  /** Carried out, then the connection is cut instead of an answer. */
  | { readonly type: "loseReply" }
  /** The connection is cut at once; nothing is carried out. */
  | { readonly type: "unreachable" }
  /** Nothing is carried out and nobody answers until the client gives up. */
  | { readonly type: "hang" };

export interface Fault {
  /** Omitted: every action. */
  readonly actions?: readonly string[];
  /** Time of the whole call in ms; half of it passes before the call takes effect. */
  readonly latencyMs?: number;
  /** Reads answer from the state of so many ms ago (eventual consistency). */
  readonly staleMs?: number;
  readonly outcome?: FaultOutcome;
  /** How many calls it hits; omitted: until it is removed. */
  readonly times?: number;
}

export interface CallConditions {
  readonly latencyMs: number;
  readonly staleMs: number;
  readonly outcome: FaultOutcome | undefined;
}

/** Most faults at once: a test that leaks them fails early. */
const MAX_FAULTS = 100;

export class FaultInjector {
  readonly #faults: { readonly fault: Fault; left: number }[] = [];
  /** Latency of every call that no fault sets, in ms. */
  defaultLatencyMs: number;

  constructor(defaultLatencyMs = 0) {
    this.defaultLatencyMs = defaultLatencyMs;
  }

  /** Later faults are asked first. Returns the function that removes it. */
  inject(fault: Fault): () => void {
    if (this.#faults.length >= MAX_FAULTS) throw new RangeError(`more than ${MAX_FAULTS} faults at once`);
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
    this.#faults.unshift(entry);
    return () => {
      const index = this.#faults.indexOf(entry);
      if (index >= 0) this.#faults.splice(index, 1);
    };
  }

  clear(): void {
    this.#faults.length = 0;
  }

  /** The conditions of the next call of `action`; uses up one of each fault that contributes. */
  next(action: string): CallConditions {
    const used = new Set<{ left: number }>();
    const pick = <K extends "latencyMs" | "staleMs" | "outcome">(aspect: K): Fault[K] | undefined => {
      const entry = this.#faults.find(
        (candidate) => matches(candidate, action) && candidate.fault[aspect] !== undefined,
      );
      if (entry === undefined) return undefined;
      used.add(entry);
      return entry.fault[aspect];
    };
    const conditions = {
      latencyMs: pick("latencyMs") ?? this.defaultLatencyMs,
      staleMs: pick("staleMs") ?? 0,
      outcome: pick("outcome"),
    };
    for (const entry of used) entry.left--;
    return conditions;
  }
}

function matches(entry: { readonly fault: Fault; readonly left: number }, action: string): boolean {
  return entry.left > 0 && (entry.fault.actions === undefined || entry.fault.actions.includes(action));
}
