/**
 * What to watch about the name of an AwsDns or AzureDns on the active member: which name should lead where, who is
 * asked, and from when on an answer says anything. Pure.
 *
 * A record is judged only after it was written under the grant, where the provider says so after all its name servers
 * have it (`Propagated`), and after one TTL: until then a resolver may rightly remember the former address.
 */
import type { AwsDns, AzureDns, Condition } from "../../api/generated/types.ts";
import { parseDurationMs } from "../../lib/duration.ts";

export type DnsObject = AwsDns | AzureDns;

/** Without the fields that all parts share. */
export interface NameFacts {
  readonly kind: "name";
  /** Absolute, without the last dot. */
  readonly name: string;
  /** Where it should lead; undefined: the controller has not said it yet. */
  readonly address: string | undefined;
  readonly servers: readonly string[] | undefined;
  readonly ttlMs: number;
  /** Epoch under which the record was written, and is known to be everywhere; undefined: not yet. */
  readonly settledEpoch: number | undefined;
  /** Another one after every write of the record. */
  readonly version: string;
}

/** Undefined: nobody wants this name resolved. */
export function nameFacts(object: DnsObject, node: string): NameFacts | undefined {
  const { spec, status } = object;
  if (spec.monitor.resolution === "Off") return undefined;
  const isServers = spec.monitor.resolution === "Servers";
  const found = status?.members?.find((member) => member.node === node)?.address;
  const chosen = spec.members?.find((member) => member.node === node)?.address;
  // A resolver may hold the record as it was before the TTL was changed; it is applied with the next write.
  const ttlMs = Math.max(parseDurationMs(spec.ttl) ?? 0, (status?.record?.ttl ?? 0) * 1_000);
  return {
    kind: "name",
    name: fullName(object),
    address: spec.address ?? chosen ?? found,
    servers: isServers ? (spec.monitor.resolvers ?? []) : undefined,
    ttlMs,
    settledEpoch: isSettled(status?.conditions) && status?.active?.node === node ? status.active.epoch : undefined,
    version: versionOf(object),
  };
}

function fullName(object: DnsObject): string {
  const { spec } = object;
  const name = "hostedZoneId" in spec ? spec.name : spec.record === "@" ? spec.zone : `${spec.record}.${spec.zone}`;
  return name.toLowerCase().replace(/\.$/, "");
}

function versionOf({ status }: DnsObject): string {
  if (status === undefined) return "";
  return ("change" in status ? status.change?.id : "etag" in status ? status.etag : undefined) ?? "";
}

/** While the record itself is wrong, it is what has to be repaired; the name can only follow. */
const WRONG_RECORD: readonly string[] = ["RecordMissing", "RecordWrong"];

/** Providers that do not tell have no such condition; a record that was right already has none either. */
function isSettled(conditions: readonly Condition[] | undefined): boolean {
  if (conditions?.some(({ type, reason }) => type === "Ready" && WRONG_RECORD.includes(reason))) return false;
  const propagated = conditions?.find(({ type }) => type === "Propagated");
  return propagated === undefined || propagated.status === "True";
}
