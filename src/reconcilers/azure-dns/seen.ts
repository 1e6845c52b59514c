/** What one look at an AzureDns sees besides what all pointers see: plain values. Nothing here reads, waits or decides. */
import type { AzureDns } from "../../api/generated/types.ts";
import type { NetworkLink, Precondition, RecordRef, RecordSet } from "../../cloud/azure/dns-ports.ts";
import type { Permission } from "../../cloud/azure/permissions.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import type { SecretKeys } from "../../cloud/fencing-ports.ts";
import type { RecordWanted } from "../dns/seen.ts";
import type { Check, PointerKind } from "../pointer/kind.ts";
import type { Reading } from "../pointer/reading.ts";
import type { PointerSeen } from "../pointer/seen.ts";
import type { Subscription } from "./subscription.ts";

export interface AzureDnsFacts {
  readonly subscription: Subscription;
  /** Undefined: nothing could be asked. Its value is undefined when the zone has no such record. */
  readonly record: Reading<RecordSet | undefined> | undefined;
  /** Undefined: not asked. */
  readonly permissions: Reading<readonly Permission[]> | undefined;
  /** Virtual networks of a private zone; undefined: not asked. */
  readonly links: Reading<readonly NetworkLink[]> | undefined;
  /** End of the certificate in the credentials, in ms since 1970; undefined: there is none. */
  readonly certificateEndsAtMs: number | undefined;
  readonly callTimes: CallTimes | undefined;
}

export interface AzureDnsWrite {
  readonly subscriptionId: string;
  readonly record: RecordRef;
  /** Exactly what was read: somebody who was faster makes the cloud refuse the write. */
  readonly when: Precondition;
  /** Undefined: the record set is deleted. */
  readonly wanted: (RecordWanted & Pick<RecordSet, "metadata">) | undefined;
}

export type AzureDnsSeen = PointerSeen<AzureDns, AzureDnsFacts>;
export type AzureDnsCheck = Check<AzureDnsSeen>;
export type AzureDnsKind = PointerKind<AzureDns, AzureDnsFacts, AzureDnsWrite, SecretKeys>;

export function recordRefOf({ spec }: AzureDns): RecordRef {
  const { resourceGroup, zone, record, zoneType } = spec;
  return { resourceGroup, zone, record, visibility: zoneType };
}

/** `test-record1.cluster1.zone.`, as messages call the record. */
export function recordNameOf({ spec }: { readonly spec: Pick<RecordRef, "record" | "zone"> }): string {
  return spec.record === "@" ? `${spec.zone}.` : `${spec.record}.${spec.zone}.`;
}
