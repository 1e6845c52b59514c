/**
 * One call to Azure through the SDK: within its deadline and budget, measured, its failure a `CloudError`. Each call is sent
 * once (retries are the caller's, who looks anew before); only a read whose kept-alive connection turned out to be closed
 * is sent a second time.
 * Must never do: run longer than `timeoutMs`, or send a write twice.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { CallTimer, type CallTimes } from "../call-times.ts";
import { withinDeadline } from "../deadline.ts";
import { CloudError } from "../errors.ts";
import type { CallKind, CallLimiter, CallLimits } from "../rate-limit.ts";
import { isCutConnection, toCloudError } from "./azure-errors.ts";

/** Azure Resource Manager's buckets per subscription and identity ("Understand how Azure Resource Manager throttles requests"). */
export const ARM_CALL_LIMITS: CallLimits = {
  read: { capacity: 250, refillPerSecond: 25 },
  write: { capacity: 200, refillPerSecond: 10 },
};

export interface CallDeadline {
  readonly timeoutMs: number;
  /** Called when the call's turn has come, immediately before it is sent. What it throws is thrown; nothing is sent. */
  readonly beforeSend?: () => void;
}

export interface AzureCallerModules {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Shared by every client of the same subscription and identity. */
  readonly limiter: CallLimiter;
}

/** How long a call waits for its turn, in milliseconds. */
const PATIENCE_MS = 500;

export class AzureCaller {
  readonly #modules: AzureCallerModules;
  readonly #timer = new CallTimer();

  constructor(modules: AzureCallerModules) {
    this.#modules = modules;
  }

  /** Of every call of this subscription and identity. */
  callTimes(): CallTimes | undefined {
    return this.#timer.times();
  }

  async call<T>(
    action: string,
    kind: CallKind,
    { timeoutMs, beforeSend }: CallDeadline,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, limiter, metrics } = this.#modules;
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    await limiter.admit(kind, action, Math.min(PATIENCE_MS, timeoutMs));
    beforeSend?.();
    const sentAtMs = clock.monotonicMs();
    const record = (outcome: string): void => {
      const durationMs = clock.monotonicMs() - sentAtMs;
      this.#timer.add(durationMs);
      const labels = { provider: "azure", action, outcome };
      metrics.observe("understudy_cloud_call_duration_seconds", durationMs / 1_000, labels);
    };
    try {
      const answer = await this.#within(action, Math.max(0, endsAtMs - sentAtMs), (signal) =>
        sendOnce(kind, signal, send),
      );
      limiter.answered(kind);
      record("ok");
      return answer;
    } catch (thrown) {
      const error = toCloudError(action, thrown);
      if (error.code === "Throttled") limiter.throttled(kind);
      record(error.code);
      throw error;
    }
  }

  /** Rejects with `CallTimeout` at the deadline even when the SDK (say, its token request) does not heed the signal. */
  #within<T>(action: string, timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const detail = { code: "CallTimeout", action } as const;
    const text = `Azure ${action}: no answer within ${Math.round(timeoutMs)} ms`;
    return withinDeadline(this.#modules.clock, timeoutMs, run, () => new CloudError(detail, text));
  }
}

/** A write once; a read a second time when its kept-alive connection turned out to be closed. */
async function sendOnce<T>(kind: CallKind, signal: AbortSignal, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await send(signal);
  } catch (thrown) {
    if (kind !== "read" || signal.aborted || !isCutConnection(thrown)) throw thrown;
    return await send(signal);
  }
}
