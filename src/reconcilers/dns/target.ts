/** Which address the record gives while a member is active: the fixed one, the member's own, or the one of its Node. Pure. */
import { parseDurationMs } from "../../lib/duration.ts";
import { overrideOf, type MemberFacts } from "../pointer/members.ts";
import type { DnsObject, RecordWanted } from "./seen.ts";

export type Target =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly reason: string; readonly message: string };

export function targetOf(object: DnsObject, member: MemberFacts | undefined, node: string): Target {
  const { address, members, addressType } = object.spec;
  const given = address ?? overrideOf(members, node)?.address;
  if (given !== undefined) return { ok: true, address: given };
  if (member === undefined || !member.isNodeKnown) {
    const message = `member ${node}: no such Node, so its address is not known. Give spec.members[].address`;
    return { ok: false, reason: "UnknownMember", message };
  }
  const [found] = member.addresses[addressType];
  if (found !== undefined) return { ok: true, address: found };
  const message = `Node ${node} has no IPv4 address of type ${addressType}. Give spec.members[].address`;
  return { ok: false, reason: "NotFound", message };
}

/** What the record should hold while `node` is active. */
export function wantedFor(object: DnsObject, members: readonly MemberFacts[], node: string): RecordWanted | undefined {
  const target = targetOf(object, memberOf(members, node), node);
  return target.ok ? { address: target.address, ttlSeconds: ttlSecondsOf(object) } : undefined;
}

/**
 * The address that was last written for a member, as well as can be known: what would be written now, else what the
 * status remembers of it (its Node may be gone).
 */
export function addressOnceWritten(
  object: DnsObject,
  members: readonly MemberFacts[],
  node: string,
): string | undefined {
  const wanted = wantedFor(object, members, node);
  return wanted?.address ?? object.status?.members?.find((known) => known.node === node)?.address;
}

export function ttlSecondsOf(object: DnsObject): number {
  return Math.round((parseDurationMs(object.spec.ttl) ?? 10_000) / 1_000);
}

export function memberOf(members: readonly MemberFacts[], node: string): MemberFacts | undefined {
  return members.find((member) => member.node === node);
}
