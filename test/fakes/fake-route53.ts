/**
 * Route 53 for tests: `FakeRoute53`, a `Route53Port` on a `VirtualRoute53` without HTTP, with scripted failures. Same
 * answers and error codes as the adapter over HTTP.
 */
import { CONFLICT, impossibleChange } from "../../src/cloud/aws/route53-ports.ts";
import type {
  ChangeInfo,
  HostedZone,
  RecordChange,
  RecordSet,
  Route53CallOptions,
  Route53Port,
} from "../../src/cloud/aws/route53-ports.ts";
import { CloudError } from "../../src/cloud/errors.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { sleep } from "../../src/lib/clock.ts";
import { Route53Error } from "../../src/sandbox/route53/virtual-route53.ts";
import type {
  HostedChange,
  HostedRecord,
  SubmittedChange,
  VirtualRoute53,
} from "../../src/sandbox/route53/virtual-route53.ts";
import { scriptedAnswer, type FakeOutcome } from "./scripted-outcome.ts";

const RELEVANT = ["A", "CNAME"];

export class FakeRoute53 implements Route53Port {
  readonly #route53: VirtualRoute53;
  readonly #scripted: { readonly action: string; readonly outcome: FakeOutcome; left: number }[] = [];
  /** Every call that was made, in order, as `Action argument...`. */
  readonly calls: string[] = [];
  /** Told before each call is sent. */
  onCall: (call: string) => void = () => undefined;
  /** How long a call takes; undefined: no time at all. */
  latency: { readonly clock: Clock; readonly ms: number } | undefined;

  constructor(route53: VirtualRoute53) {
    this.#route53 = route53;
  }

  /** The next `times` calls of `action` fail so; `after: true` fails only after the change was made (a lost reply). */
  fail(action: string, outcome: FakeOutcome, times = 1): void {
    this.#scripted.push({ action, outcome, left: times });
  }

  /** What was scripted is forgotten. */
  heal(): void {
    this.#scripted.length = 0;
  }

  hostedZone(zoneId: string, options: Route53CallOptions): Promise<HostedZone> {
    return this.#call("GetHostedZone", zoneId, options, () => {
      const { name, isPrivate, vpcs, records } = this.#route53.zone(zoneId);
      return { zoneId, name, isPrivate, vpcIds: vpcs.map((vpc) => vpc.vpcId), recordCount: records.length };
    });
  }

  recordsOf(zoneId: string, name: string, options: Route53CallOptions): Promise<RecordSet[]> {
    return this.#call("ListResourceRecordSets", `${zoneId} ${name}`, options, () =>
      this.#relevant(zoneId).filter((record) => record.name === name),
    );
  }

  recordsOfZone(zoneId: string, options: Route53CallOptions): Promise<RecordSet[]> {
    return this.#call("ListResourceRecordSets", zoneId, options, () => this.#relevant(zoneId));
  }

  changeRecords(zoneId: string, changes: readonly RecordChange[], options: Route53CallOptions): Promise<ChangeInfo> {
    const text = changes.map(({ action, record }) => `${action} ${record.name} ${record.values.join(",")}`).join("; ");
    return this.#call("ChangeResourceRecordSets", `${zoneId} ${text}`, options, () =>
      changeInfo(this.#route53.changeRecords(zoneId, changes.map(hostedChange))),
    );
  }

  change(changeId: string, options: Route53CallOptions): Promise<ChangeInfo> {
    return this.#call("GetChange", changeId, options, () => changeInfo(this.#route53.change(changeId)));
  }

  async mayReadChanges(options: Route53CallOptions): Promise<void> {
    await this.#call("GetChange", "(dry)", options, () => undefined);
  }

  async mayChange(zoneId: string, name: string, options: Route53CallOptions): Promise<void> {
    try {
      await this.#call("ChangeResourceRecordSets", `(dry) ${zoneId} ${name}`, options, () =>
        this.#route53.changeRecords(zoneId, [hostedChange(impossibleChange(name))]),
      );
    } catch (thrown) {
      if (!(thrown instanceof CloudError) || thrown.detail.providerCode !== CONFLICT) throw thrown;
    }
  }

  #relevant(zoneId: string): RecordSet[] {
    return this.#route53
      .zone(zoneId)
      .records.filter((record) => RELEVANT.includes(record.type))
      .map(recordSet);
  }

  async #call<T>(action: string, argument: string, options: Route53CallOptions, perform: () => T): Promise<T> {
    options.beforeSend?.();
    const call = `${action} ${argument}`;
    this.calls.push(call);
    this.onCall(call);
    const scripted = this.#scripted.find((entry) => entry.action === action && entry.left > 0);
    if (scripted !== undefined) scripted.left--;
    const { latency } = this;
    if (latency !== undefined) await sleep(latency.clock, Math.min(latency.ms, options.timeoutMs));
    if (latency !== undefined && latency.ms > options.timeoutMs)
      throw new CloudError({ code: "CallTimeout", action }, `Route 53 ${action}: no answer in time`);
    return scriptedAnswer({ service: "Route 53", action, refusal: Route53Error }, scripted?.outcome, perform);
  }
}

function hostedChange({ action, record: { name, ttlSeconds, values } }: RecordChange): HostedChange {
  return { action, record: { name, type: "A", ttl: ttlSeconds, values } };
}

function recordSet({ name, type, ttl, values, aliasTarget, setIdentifier }: HostedRecord): RecordSet {
  return {
    name,
    type,
    ttlSeconds: ttl,
    values,
    ...(aliasTarget === undefined ? {} : { aliasTarget: aliasTarget.dnsName }),
    ...(setIdentifier === undefined ? {} : { setIdentifier }),
  };
}

function changeInfo({ id, state, submittedAtMs }: SubmittedChange): ChangeInfo {
  const submittedAt = new Date(submittedAtMs).toISOString().replace(/\.\d{3}Z$/, "Z");
  return { id, state: state === "INSYNC" ? "InSync" : "Pending", submittedAt };
}
