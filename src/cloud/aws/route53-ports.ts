/**
 * Route 53 as this product needs it: plain values in and out, no Kubernetes, no SDK types. One `Route53Port` stands for
 * one identity; Route 53 has no regions. Names are lower case with their last dot. Every call ends within `timeoutMs`;
 * all reject with `CloudError`.
 */

export interface Route53CallOptions {
  readonly timeoutMs: number;
  /** Called immediately before the call is sent, when it has waited for its turn. What it throws is thrown. */
  readonly beforeSend?: () => void;
}

export interface HostedZone {
  readonly zoneId: string;
  readonly name: string;
  readonly isPrivate: boolean;
  /** Who can resolve a private zone. */
  readonly vpcIds: readonly string[];
  /** Record sets in the zone; undefined: the answer did not say. */
  readonly recordCount: number | undefined;
}

export interface RecordSet {
  readonly name: string;
  /** `A`, `CNAME`, ... */
  readonly type: string;
  /** Undefined for an alias. */
  readonly ttlSeconds: number | undefined;
  readonly values: readonly string[];
  /** Where an alias leads. */
  readonly aliasTarget?: string;
  /** One of several with a routing policy. */
  readonly setIdentifier?: string;
}

/** An A record with exactly this content. */
export interface ARecord {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly values: readonly string[];
}

/**
 * CREATE is refused when there is such a record, DELETE when there is none or its content differs (Route 53 API
 * reference, ChangeResourceRecordSets): so a DELETE and a CREATE in one batch replace exactly what was read.
 */
export interface RecordChange {
  readonly action: "CREATE" | "DELETE";
  readonly record: ARecord;
}

export interface ChangeInfo {
  /** Without `/change/`. */
  readonly id: string;
  /** `InSync`: all name servers of the zone have it. */
  readonly state: "Pending" | "InSync";
  /** RFC 3339. */
  readonly submittedAt: string;
}

export interface Route53Port {
  /** A missing zone rejects with `NotFound`. */
  hostedZone(zoneId: string, options: Route53CallOptions): Promise<HostedZone>;
  /** All record sets of exactly this name, of type A or CNAME: a CNAME stands alone, so it is what an A record meets. */
  recordsOf(zoneId: string, name: string, options: Route53CallOptions): Promise<RecordSet[]>;
  /** Every record set of the zone of type A or CNAME; `timeoutMs` is each page's. */
  recordsOfZone(zoneId: string, options: Route53CallOptions): Promise<RecordSet[]>;
  /** All or nothing. A change that does not fit what is there rejects with `InvalidRequest`, `InvalidChangeBatch`. */
  changeRecords(zoneId: string, changes: readonly RecordChange[], options: Route53CallOptions): Promise<ChangeInfo>;
  change(changeId: string, options: Route53CallOptions): Promise<ChangeInfo>;
  /** As `mayChange`, of reading how far a change has come. */
  mayReadChanges(options: Route53CallOptions): Promise<void>;
  /** Resolves when this identity may change A records of this name; rejects with `NotAuthorized` when not. Changes nothing. */
  mayChange(zoneId: string, name: string, options: Route53CallOptions): Promise<void>;
}

/** The provider's code of a batch that does not fit what is there. */
export const CONFLICT = "InvalidChangeBatch";

/** A change that nobody sent: who may read changes is told that there is none. */
export const NO_CHANGE = "C00000000000000000000";

/**
 * Route 53 has no dry run. This batch is one that it must refuse after it has checked the permission: the deletion of a
 * record with the longest TTL there is and an address for documentation (RFC 5737), which nobody's service has.
 */
export function impossibleChange(name: string): RecordChange {
  return { action: "DELETE", record: { name, ttlSeconds: 2_147_483_647, values: ["192.0.2.1"] } };
}
