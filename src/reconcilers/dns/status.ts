/** The fields of `status` that both kinds of records share. What could not be read keeps its last value. Pure. */
import type { DnsRecordStatus } from "../../api/generated/types.ts";
import type { Instant } from "../../lib/clock.ts";
import type { MemberFacts } from "../pointer/members.ts";
import type { DnsObject, DnsStatus } from "./seen.ts";
import { targetOf } from "./target.ts";
import type { RecordView } from "./view.ts";

export function recordStatus(
  { record }: Pick<RecordView, "record">,
  last: DnsStatus,
  now: Instant,
): DnsRecordStatus | undefined {
  if (record?.ok !== true) return last.record;
  const found = record.value;
  if (found === undefined) return undefined;
  const [address] = found.addresses;
  const seen = {
    ...(address === undefined ? {} : { address }),
    ...(found.ttlSeconds === undefined ? {} : { ttl: found.ttlSeconds }),
  };
  // The time of the first reading with this content: a status that changes with every reading would cost a write each.
  if (last.record !== undefined && last.record.address === seen.address && last.record.ttl === seen.ttl)
    return last.record;
  const readAtMs = now.wallMs - (now.monotonicMs - record.sentAtMs);
  return { ...seen, observedAt: new Date(Math.floor(readAtMs / 1_000) * 1_000).toISOString().replace(".000Z", "Z") };
}

/** A member whose Node is unknown keeps the address that was found before. */
export function memberStatuses(
  object: DnsObject,
  members: readonly MemberFacts[],
): { node: string; address?: string }[] {
  return members.map((member) => {
    const { node } = member;
    const target = targetOf(object, member, node);
    const known = object.status?.members?.find((candidate) => candidate.node === node)?.address;
    const address = target.ok ? target.address : member.isNodeKnown ? undefined : known;
    return { node, ...(address === undefined ? {} : { address }) };
  });
}
