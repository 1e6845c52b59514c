/**
 * One call of Azure Resource Manager: sent once (retries are the caller's, who looks anew before), within its deadline
 * whatever the SDK does, within the budget that all clients of one subscription and identity share, and measured.
 *
 * Must never do: send a write twice.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { CallTimer, type CallTimes } from "../call-times.ts";
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
}

export interface ArmCallsModules {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Shared by every client of the same subscription and identity. */
  readonly limiter: CallLimiter;
}

/** How long a call waits for its turn, in milliseconds. */
const PATIENCE_MS = 500;

export class ArmCalls {
  readonly #modules: ArmCallsModules;
  readonly #timer = new CallTimer();

  constructor(modules: ArmCallsModules) {
    this.#modules = modules;
  }

  /** Of the calls made through this object. */
  callTimes(): CallTimes | undefined {
    return this.#timer.times();
  }

  /** Rejects with `CloudError`. */
  async call<T>(
    action: string,
    kind: CallKind,
    { timeoutMs }: CallDeadline,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, limiter, metrics } = this.#modules;
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    await limiter.admit(kind, action, Math.min(PATIENCE_MS, timeoutMs));
    const sentAtMs = clock.monotonicMs();
    const record = (outcome: string): void => {
      const tookMs = clock.monotonicMs() - sentAtMs;
      this.#timer.add(tookMs);
      const labels = { provider: "azure", action, outcome };
      metrics.observe("understudy_cloud_call_duration_seconds", tookMs / 1_000, labels);
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
    const abort = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const timer = this.#modules.clock.setTimer(timeoutMs, () => {
        const detail = { code: "CallTimeout", action } as const;
        reject(new CloudError(detail, `Azure ${action}: no answer within ${Math.round(timeoutMs)} ms`));
        abort.abort();
      });
      run(abort.signal)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
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

/** The part of an SDK's context that reads by path. */
export interface ArmContext {
  readonly pathUnchecked: (path: string) => {
    get(options: {
      readonly abortSignal: AbortSignal;
    }): PromiseLike<{ readonly status: string; readonly body: unknown }>;
  };
}

/** The JSON behind a path with its `api-version`; throws what `toCloudError` understands. */
export async function getJson(context: ArmContext, path: string, abortSignal: AbortSignal): Promise<unknown> {
  const { status, body } = await context.pathUnchecked(path).get({ abortSignal });
  if (status === "200") return body;
  const { error } = Object(body) as { error?: { code?: string; message?: string } };
  throw Object.assign(new Error(error?.message ?? `status ${status}`), {
    statusCode: Number(status),
    code: error?.code,
  });
}
