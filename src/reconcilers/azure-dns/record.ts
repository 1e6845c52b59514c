/** An A record set of Azure DNS in the terms that both kinds of records share. Pure. */
import type { AzureDns } from "../../api/generated/types.ts";
import type { RecordSet } from "../../cloud/azure/dns-ports.ts";
import type { RecordSeen } from "../dns/seen.ts";
import { type RecordChange, type RecordView } from "../dns/view.ts";
import { mapped, type Reading, valueOf } from "../pointer/reading.ts";
import { type AzureDnsSeen, type AzureDnsWrite, recordNameOf, recordRefOf } from "./seen.ts";

export function recordViewOf({ object, members, facts }: AzureDnsSeen): RecordView {
  return { object, members, name: recordNameOf(object), record: readingFor(object, facts) };
}

/** Exactly the version that was read is replaced or deleted; somebody's notes on it stay. */
export function writeOf({ object, facts }: AzureDnsSeen, { wanted }: RecordChange): AzureDnsWrite {
  const before = valueOf(facts.record);
  const { subscription } = facts;
  const metadata = before?.metadata === undefined ? {} : { metadata: before.metadata };
  return {
    subscriptionId: subscription.ok ? subscription.id : "",
    record: recordRefOf(object),
    when: before === undefined ? "absent" : { etag: before.etag },
    wanted: wanted === undefined ? undefined : { ...wanted, ...metadata },
  };
}

function readingFor(
  object: AzureDns,
  { record, subscription }: AzureDnsSeen["facts"],
): Reading<RecordSeen | undefined> | undefined {
  if (!subscription.ok) {
    const failure = { code: "NotFound", message: subscription.message } as const;
    return { ok: false, failure, known: undefined };
  }
  if (record === undefined) return undefined;
  // Several addresses are somebody's own way to balance until the product has written the record; after that, a change.
  const isOurs = object.status?.active !== undefined;
  return mapped(record, (set) => (set === undefined ? undefined : recordSeen(set, isOurs)));
}

function recordSeen(set: RecordSet, isOurs: boolean): RecordSeen {
  const { addresses, ttlSeconds } = set;
  return { addresses, ttlSeconds, oddity: oddityOf(set, isOurs) };
}

function oddityOf({ addresses, aliasOf, isAutoRegistered }: RecordSet, isOurs: boolean): string | undefined {
  if (aliasOf !== undefined) return `an alias of ${aliasOf}`;
  if (isAutoRegistered === true) return "registered by Azure for a machine of a linked network";
  if (addresses.length > 1 && !isOurs) return `a record set of several addresses (${addresses.join(", ")})`;
  return undefined;
}
