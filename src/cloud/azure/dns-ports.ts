/**
 * A records of Azure DNS as this product needs them: plain values in and out, no Kubernetes, no SDK types. One
 * `AzureDnsPort` stands for one subscription and one identity; public and private zones are alike. Every call ends within
 * `timeoutMs`; all reject with `CloudError`.
 */
import type { CallDeadline } from "./caller.ts";
import type { Permission } from "./permissions.ts";

export type ZoneVisibility = "Public" | "Private";

export interface ZoneRef {
  readonly resourceGroup: string;
  readonly zone: string;
  readonly visibility: ZoneVisibility;
}

export interface RecordRef extends ZoneRef {
  /** Relative name, or `@`. */
  readonly record: string;
}

export interface RecordSet {
  /** In the order of the answer. */
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** Changes with every change of the record set ("Azure DNS: zones and records", Etags). */
  readonly etag: string;
  /** Somebody's notes; kept when it is written. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Resource id that an alias record follows; such a record set has no addresses of its own. */
  readonly aliasOf?: string;
  /** Private zones: written by Azure for a machine of a linked network. */
  readonly isAutoRegistered?: boolean;
}

export type RecordSetContent = Pick<RecordSet, "addresses" | "ttlSeconds" | "metadata">;

/** What must hold at the moment of the write: this very version, or that there is none. */
export type Precondition = { readonly etag: string } | "absent";

export interface NetworkLink {
  readonly name: string;
  /** Resource id of the virtual network; undefined: the answer names none. */
  readonly virtualNetworkId: string | undefined;
  /** Its machines resolve names of the zone. */
  readonly isReady: boolean;
}

export interface AzureDnsPort {
  /** Undefined: there is no such A record set in the zone. A missing zone or resource group rejects with `NotFound`. */
  recordSet(record: RecordRef, options: CallDeadline): Promise<RecordSet | undefined>;
  /** Every A record set of the zone, by relative name in lower case. A missing zone rejects with `NotFound`. */
  recordSets(zone: ZoneRef, options: CallDeadline): Promise<ReadonlyMap<string, RecordSet>>;
  /** Creates or replaces. A precondition that does not hold rejects with `isPreconditionFailed`; nothing is changed then. */
  put(record: RecordRef, content: RecordSetContent, when: Precondition, options: CallDeadline): Promise<RecordSet>;
  /** Resolves as well when there is none any more. Rejects like `put`. */
  remove(record: RecordRef, etag: string, options: CallDeadline): Promise<void>;
  /** Virtual networks that resolve names of a private zone. */
  networkLinks(zone: ZoneRef, options: CallDeadline): Promise<NetworkLink[]>;
  /** What this identity may do with the zone. */
  permissions(zone: ZoneRef, options: CallDeadline): Promise<Permission[]>;
}

/** Action of a role on A records of such a zone. */
export function recordAction(visibility: ZoneVisibility, verb: "read" | "write" | "delete"): string {
  return `Microsoft.Network/${zoneType(visibility)}/A/${verb}`;
}

export function zoneType(visibility: ZoneVisibility): "dnsZones" | "privateDnsZones" {
  return visibility === "Public" ? "dnsZones" : "privateDnsZones";
}

/** Resource ids and names of zones do not distinguish case. */
export function zoneKey({ resourceGroup, zone, visibility }: ZoneRef): string {
  return `${resourceGroup}/${visibility}/${zone}`.toLowerCase();
}
