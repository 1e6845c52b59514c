/** What AwsDns and AzureDns have in common, as values. Nothing here reads, waits or decides. */
import type {
  DnsMonitor,
  DnsRecordStatus,
  DnsWrite,
  DnsZoneStatus,
  NodeAddressType,
} from "../../api/generated/types.ts";
import type { PointerObject, PointerStatus } from "../pointer/seen.ts";

/** An object of either kind, as far as both are alike. */
export interface DnsObject extends PointerObject {
  readonly spec: Omit<PointerObject["spec"], "members" | "monitor"> & {
    readonly address?: string | undefined;
    readonly members?: readonly { readonly node: string; readonly address?: string | undefined }[] | undefined;
    readonly addressType: NodeAddressType;
    readonly ttl: string;
    readonly whenStopped: "Keep" | "Delete";
    readonly write: DnsWrite;
    readonly monitor: DnsMonitor;
  };
  readonly status?: DnsStatus | undefined;
}

export interface DnsStatus extends PointerStatus {
  record?: DnsRecordStatus | undefined;
  zone?: DnsZoneStatus | undefined;
  members?: { node: string; address?: string | undefined }[] | undefined;
}

/** What stands under the name in the zone. */
export interface RecordSeen {
  /** As read; empty for a record that is not made of addresses. */
  readonly addresses: readonly string[];
  /** Undefined where the record has none of its own (an alias). */
  readonly ttlSeconds: number | undefined;
  /** Why the product must not write it, in words: `an alias of lb-1.example.com.`. Undefined: a plain A record. */
  readonly oddity: string | undefined;
}

/** What the product writes. */
export interface RecordWanted {
  readonly address: string;
  readonly ttlSeconds: number;
}
