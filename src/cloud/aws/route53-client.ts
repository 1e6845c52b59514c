/**
 * `Route53Port` on the AWS SDK: one warm client for one identity. How a call is sent, limited and measured: `sdk-caller.ts`.
 * Must never do: run longer than `timeoutMs`, or send a change twice.
 */
import type {
  Change,
  ListResourceRecordSetsCommandInput,
  ResourceRecordSet,
  Route53Client,
} from "@aws-sdk/client-route-53";
import type { CallTimes } from "../call-times.ts";
import { CloudError } from "../errors.ts";
import type { CallKind, CallLimits } from "../rate-limit.ts";
import { CONFLICT, impossibleChange, NO_CHANGE } from "./route53-ports.ts";
import type {
  ChangeInfo,
  HostedZone,
  RecordChange,
  RecordSet,
  Route53CallOptions,
  Route53Port,
} from "./route53-ports.ts";
import { SdkCaller, sdkConfiguration, type AwsCallerModules, type AwsClientOptions } from "./sdk-caller.ts";

/**
 * Five requests per second and account, whatever they are (Route 53 developer guide, "Quotas on API requests"): three
 * for reads and two for changes, evenly spaced, so that a crowd of monitors never delays a failover's change. A little
 * below that, because requests that leave evenly spaced do not arrive so.
 */
export const ROUTE53_CALL_LIMITS: CallLimits = {
  read: { capacity: 1, refillPerSecond: 2.8 },
  write: { capacity: 1, refillPerSecond: 1.9 },
};

type Sdk = typeof import("./route53-sdk.ts");

/** Most records of one page (Route 53 API reference, ListResourceRecordSets), and pages of one zone: its default quota is 10,000 records. */
export const PAGE_SIZE = 300;
const MAX_PAGES = 100;
/** Of one name: every type and routing policy beyond these says no more than that the record is not simple. */
const RECORDS_OF_A_NAME = 20;
/** How long a read waits for its turn, in ms. */
const READ_PATIENCE_MS = 2_000;
/** What is said about `NO_CHANGE` to those who may ask. */
const UNKNOWN_CHANGE: ReadonlySet<string> = new Set(["NotFound", "InvalidRequest"]);
const RELEVANT: ReadonlySet<string> = new Set(["A", "CNAME"]);

/** Loads the SDK and makes the client; sends nothing. */
export async function createRoute53Client(
  options: AwsClientOptions,
  modules: AwsCallerModules,
): Promise<Route53SdkClient> {
  const sdk: Sdk = await import("./route53-sdk.ts");
  return new Route53SdkClient(sdk, new sdk.Route53Client(sdkConfiguration(options)), modules);
}

export class Route53SdkClient implements Route53Port {
  readonly #sdk: Sdk;
  readonly #client: Route53Client;
  readonly #caller: SdkCaller;

  constructor(sdk: Sdk, client: Route53Client, modules: AwsCallerModules) {
    this.#sdk = sdk;
    this.#client = client;
    this.#caller = new SdkCaller("Route 53", READ_PATIENCE_MS, modules);
  }

  callTimes(): CallTimes | undefined {
    return this.#caller.callTimes();
  }

  /** Closes idle connections; calls under way end by themselves. */
  close(): void {
    this.#client.destroy();
  }

  async hostedZone(zoneId: string, options: Route53CallOptions): Promise<HostedZone> {
    const answer = await this.#call("GetHostedZone", "read", options, (abortSignal) =>
      this.#client.send(new this.#sdk.GetHostedZoneCommand({ Id: zoneId }), { abortSignal }),
    );
    const zone = answer.HostedZone;
    return {
      zoneId,
      name: normalName(zone?.Name ?? ""),
      isPrivate: zone?.Config?.PrivateZone === true,
      vpcIds: (answer.VPCs ?? []).flatMap((vpc) => (vpc.VPCId === undefined ? [] : [vpc.VPCId])),
      recordCount: zone?.ResourceRecordSetCount,
    };
  }

  async recordsOf(zoneId: string, name: string, options: Route53CallOptions): Promise<RecordSet[]> {
    const input = { HostedZoneId: zoneId, StartRecordName: name, MaxItems: RECORDS_OF_A_NAME };
    const { records } = await this.#page(input, options);
    return records.filter((record) => record.name === name && RELEVANT.has(record.type));
  }

  async recordsOfZone(zoneId: string, options: Route53CallOptions): Promise<RecordSet[]> {
    const all: RecordSet[] = [];
    let start: Partial<ListResourceRecordSetsCommandInput> = {};
    for (let page = 0; page < MAX_PAGES; page++) {
      const { records, next } = await this.#page({ HostedZoneId: zoneId, MaxItems: PAGE_SIZE, ...start }, options);
      all.push(...records.filter((record) => RELEVANT.has(record.type)));
      if (next === undefined) return all;
      start = next;
    }
    const detail = { code: "CallFailed", action: "ListResourceRecordSets" } as const;
    throw new CloudError(detail, `Route 53 ListResourceRecordSets: more than ${MAX_PAGES} pages`);
  }

  async changeRecords(
    zoneId: string,
    changes: readonly RecordChange[],
    options: Route53CallOptions,
  ): Promise<ChangeInfo> {
    return await this.#send(zoneId, changes, "write", options);
  }

  async change(changeId: string, options: Route53CallOptions): Promise<ChangeInfo> {
    const answer = await this.#call("GetChange", "read", options, (abortSignal) =>
      this.#client.send(new this.#sdk.GetChangeCommand({ Id: changeId }), { abortSignal }),
    );
    return changeInfo(answer.ChangeInfo);
  }

  async mayReadChanges(options: Route53CallOptions): Promise<void> {
    try {
      await this.change(NO_CHANGE, options);
    } catch (thrown) {
      if (!(thrown instanceof CloudError) || !UNKNOWN_CHANGE.has(thrown.code)) throw thrown;
    }
  }

  async mayChange(zoneId: string, name: string, options: Route53CallOptions): Promise<void> {
    try {
      await this.#send(zoneId, [impossibleChange(name)], "read", options);
    } catch (thrown) {
      if (!(thrown instanceof CloudError) || thrown.detail.providerCode !== CONFLICT) throw thrown;
    }
  }

  async #send(
    zoneId: string,
    changes: readonly RecordChange[],
    kind: CallKind,
    options: Route53CallOptions,
  ): Promise<ChangeInfo> {
    const batch = { Comment: "understudy", Changes: changes.map(sdkChange) };
    const input = { HostedZoneId: zoneId, ChangeBatch: batch };
    const answer = await this.#call("ChangeResourceRecordSets", kind, options, (abortSignal) =>
      this.#client.send(new this.#sdk.ChangeResourceRecordSetsCommand(input), { abortSignal }),
    );
    return changeInfo(answer.ChangeInfo);
  }

  async #page(
    input: ListResourceRecordSetsCommandInput,
    options: Route53CallOptions,
  ): Promise<{ records: RecordSet[]; next: Partial<ListResourceRecordSetsCommandInput> | undefined }> {
    const answer = await this.#call("ListResourceRecordSets", "read", options, (abortSignal) =>
      this.#client.send(new this.#sdk.ListResourceRecordSetsCommand(input), { abortSignal }),
    );
    const records = (answer.ResourceRecordSets ?? []).map(recordSet);
    if (answer.IsTruncated !== true || answer.NextRecordName === undefined) return { records, next: undefined };
    const { NextRecordName: StartRecordName, NextRecordType: StartRecordType } = answer;
    const { NextRecordIdentifier: StartRecordIdentifier } = answer;
    return { records, next: { StartRecordName, StartRecordType, StartRecordIdentifier } };
  }

  async #call<T>(
    action: string,
    kind: CallKind,
    options: Route53CallOptions,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const answer = await this.#caller.call(action, kind, options, send);
    if (answer !== undefined) return answer;
    throw new CloudError({ code: "CallFailed", action }, `Route 53 ${action}: an empty answer`);
  }
}

function recordSet(found: ResourceRecordSet): RecordSet {
  const alias = found.AliasTarget?.DNSName;
  return {
    name: normalName(found.Name ?? ""),
    type: found.Type ?? "",
    ttlSeconds: found.TTL,
    values: (found.ResourceRecords ?? []).map((record) => record.Value ?? ""),
    ...(alias === undefined ? {} : { aliasTarget: alias }),
    ...(found.SetIdentifier === undefined ? {} : { setIdentifier: found.SetIdentifier }),
  };
}

function sdkChange({ action, record }: RecordChange): Change {
  const ResourceRecords = record.values.map((Value) => ({ Value }));
  return {
    Action: action,
    ResourceRecordSet: { Name: record.name, Type: "A", TTL: record.ttlSeconds, ResourceRecords },
  };
}

function changeInfo(
  info: { Id?: string | undefined; Status?: string | undefined; SubmittedAt?: Date | undefined } | undefined,
): ChangeInfo {
  return {
    id: (info?.Id ?? "").replace(/^\/change\//, ""),
    state: info?.Status === "INSYNC" ? "InSync" : "Pending",
    submittedAt: (info?.SubmittedAt?.toISOString() ?? "").replace(/\.\d{3}Z$/, "Z"),
  };
}

function normalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower : `${lower}.`;
}
