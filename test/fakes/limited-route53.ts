/** A `Route53Port` within a budget, as the SDK adapter is; notes when each request was sent, each page as one. */
import { PAGE_SIZE } from "../../src/cloud/aws/route53-client.ts";
import type {
  ChangeInfo,
  HostedZone,
  RecordChange,
  RecordSet,
  Route53CallOptions,
  Route53Port,
} from "../../src/cloud/aws/route53-ports.ts";
import type { CallKind, CallLimiter } from "../../src/cloud/rate-limit.ts";
import type { Clock } from "../../src/lib/clock.ts";

const READ_PATIENCE_MS = 2_000;
const SECOND_MS = 1_000;

export class LimitedRoute53 implements Route53Port {
  readonly sent: { readonly action: string; readonly atMs: number }[] = [];
  readonly #inner: Route53Port;
  readonly #modules: { readonly clock: Clock; readonly limiter: CallLimiter };

  constructor(inner: Route53Port, modules: { readonly clock: Clock; readonly limiter: CallLimiter }) {
    this.#inner = inner;
    this.#modules = modules;
  }

  busiestSecond(): number {
    let first = 0;
    return this.sent.reduce((most, { atMs }, index) => {
      while (atMs - (this.sent[first]?.atMs ?? atMs) >= SECOND_MS) first++;
      return Math.max(most, index - first + 1);
    }, 0);
  }

  async hostedZone(zoneId: string, options: Route53CallOptions): Promise<HostedZone> {
    await this.#turn("GetHostedZone", "read", options);
    return await this.#inner.hostedZone(zoneId, options);
  }

  async recordsOf(zoneId: string, name: string, options: Route53CallOptions): Promise<RecordSet[]> {
    await this.#turn("ListResourceRecordSets", "read", options);
    return await this.#inner.recordsOf(zoneId, name, options);
  }

  async recordsOfZone(zoneId: string, options: Route53CallOptions): Promise<RecordSet[]> {
    const records = await this.#inner.recordsOfZone(zoneId, options);
    for (let from = 0; from <= records.length; from += PAGE_SIZE)
      await this.#turn("ListResourceRecordSets", "read", options);
    return records;
  }

  async changeRecords(
    zoneId: string,
    changes: readonly RecordChange[],
    options: Route53CallOptions,
  ): Promise<ChangeInfo> {
    await this.#turn("ChangeResourceRecordSets", "write", options);
    return await this.#inner.changeRecords(zoneId, changes, options);
  }

  async change(changeId: string, options: Route53CallOptions): Promise<ChangeInfo> {
    await this.#turn("GetChange", "read", options);
    return await this.#inner.change(changeId, options);
  }

  async mayReadChanges(options: Route53CallOptions): Promise<void> {
    await this.#turn("GetChange(dry)", "read", options);
    await this.#inner.mayReadChanges(options);
  }

  async mayChange(zoneId: string, name: string, options: Route53CallOptions): Promise<void> {
    await this.#turn("ChangeResourceRecordSets(dry)", "read", options);
    await this.#inner.mayChange(zoneId, name, options);
  }

  async #turn(action: string, kind: CallKind, { timeoutMs }: Route53CallOptions): Promise<void> {
    const { clock, limiter } = this.#modules;
    await limiter.admit(kind, action, kind === "read" ? Math.min(READ_PATIENCE_MS, timeoutMs) : timeoutMs);
    this.sent.push({ action, atMs: clock.monotonicMs() });
  }
}
