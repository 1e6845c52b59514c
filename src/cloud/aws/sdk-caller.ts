/**
 * One call to an AWS service through the SDK: within its deadline and budget, measured, its failure a `CloudError`. The
 * SDK sends each call once (`maxAttempts: 1`): retries are the reconcile loop's, which looks at the grant again before it
 * writes. Only a read whose kept-alive connection turned out to be closed is sent a second time.
 * Must never do: run longer than `timeoutMs`, or send a write twice.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { CallTimes } from "../call-times.ts";
import { CallTimer } from "../call-times.ts";
import { withinDeadline } from "../deadline.ts";
import { CloudError } from "../errors.ts";
import type { CallKind, CallLimiter } from "../rate-limit.ts";
import { isAllowedDryRun, isCutConnection, toCloudError } from "./ec2-errors.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** How a client of the SDK is made, whatever the service. */
export interface AwsClientOptions {
  readonly region: string;
  /** VPC endpoint or emulator; omitted: AWS's own for the region. */
  readonly endpoint?: string;
  /** Omitted: the SDK's default chain (environment, IRSA, Pod Identity, instance profile). */
  readonly credentials?: AwsCredentials;
}

export interface AwsCallerModules {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Shared by every client of the same region and identity. */
  readonly limiter: CallLimiter;
}

export interface AwsCallOptions {
  readonly timeoutMs: number;
  readonly dryRun?: boolean;
  /** Called when the call's turn has come, immediately before it is sent. What it throws is thrown; nothing is sent. */
  readonly beforeSend?: () => void;
}

/** How long a TCP and TLS connection may take, in ms; the call's own deadline still holds. */
const CONNECTION_TIMEOUT_MS = 2_000;

export function sdkConfiguration(options: AwsClientOptions) {
  return {
    region: options.region,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS },
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  };
}

export class SdkCaller {
  readonly #service: string;
  readonly #readPatienceMs: number;
  readonly #modules: AwsCallerModules;
  readonly #timer = new CallTimer();

  /** `readPatienceMs`: how long a read waits for its turn; a write waits until its deadline. */
  constructor(service: string, readPatienceMs: number, modules: AwsCallerModules) {
    this.#service = service;
    this.#readPatienceMs = readPatienceMs;
    this.#modules = modules;
  }

  callTimes(): CallTimes | undefined {
    return this.#timer.times();
  }

  /** Undefined: a dry run that is allowed. */
  async call<T>(
    action: string,
    kind: CallKind,
    options: AwsCallOptions,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const { clock, limiter } = this.#modules;
    const endsAtMs = clock.monotonicMs() + options.timeoutMs;
    const patienceMs = kind === "read" ? Math.min(this.#readPatienceMs, options.timeoutMs) : options.timeoutMs;
    // Thousands of objects check what they may do; none of that may stand in the way of a move.
    if (options.dryRun === true && kind === "write") limiter.admitSpare(kind, action);
    else await limiter.admit(kind, action, patienceMs);
    options.beforeSend?.();
    const sentAtMs = clock.monotonicMs();
    try {
      const answer = await this.#within(action, endsAtMs - sentAtMs, (signal) =>
        this.#sendOnce(action, kind, signal, send),
      );
      limiter.answered(kind);
      this.#record(action, sentAtMs, "ok");
      return answer;
    } catch (thrown) {
      if (options.dryRun === true && isAllowedDryRun(thrown)) {
        this.#record(action, sentAtMs, "ok");
        return undefined;
      }
      const error = toCloudError(action, thrown, this.#service);
      if (error.code === "Throttled") limiter.throttled(kind);
      this.#record(action, sentAtMs, error.code);
      throw error;
    }
  }

  /** A write once; a read a second time when its kept-alive connection turned out to be closed, out of the same budget. */
  async #sendOnce<T>(
    action: string,
    kind: CallKind,
    signal: AbortSignal,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await send(signal);
    } catch (thrown) {
      if (kind !== "read" || signal.aborted || !isCutConnection(thrown)) throw thrown;
      try {
        await this.#modules.limiter.admit(kind, action, this.#readPatienceMs);
      } catch {
        // No budget for a second try: what is known is how the first one ended.
        throw thrown;
      }
      return await send(signal);
    }
  }

  #record(action: string, sentAtMs: number, outcome: string): void {
    const { clock, metrics } = this.#modules;
    const durationMs = clock.monotonicMs() - sentAtMs;
    this.#timer.add(durationMs);
    const labels = { provider: "aws", action, outcome };
    metrics.observe("understudy_cloud_call_duration_seconds", durationMs / 1_000, labels);
  }

  /** Rejects with `CallTimeout` at the deadline even when the SDK (say, its credential chain) does not heed the signal. */
  #within<T>(action: string, timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const detail = { code: "CallTimeout", action } as const;
    const text = `${this.#service} ${action}: no answer within ${Math.round(timeoutMs)} ms`;
    return withinDeadline(this.#modules.clock, timeoutMs, run, () => new CloudError(detail, text));
  }
}
