/**
 * Where a record leads, compared with where it should lead. Pure.
 *
 * The TTL alone is never a reason to write: it is applied at the next write (API.md 1.4).
 * Invariant: a change names exactly what was read, so that the cloud refuses it when somebody else was faster.
 * Must never do: write over a record that is not a plain A record, or delete an address that the product did not write.
 */
import type { Finding, PointerView, StoppedView } from "../pointer/kind.ts";
import type { MemberFacts } from "../pointer/members.ts";
import type { Reading } from "../pointer/reading.ts";
import type { DnsObject, RecordSeen, RecordWanted } from "./seen.ts";
import { addressOnceWritten, memberOf, targetOf, ttlSecondsOf } from "./target.ts";

/** From what was read to what should stand there; `wanted` undefined: nothing. */
export interface RecordChange {
  readonly expected: RecordSeen | undefined;
  readonly wanted: RecordWanted | undefined;
}

export interface RecordView {
  readonly object: DnsObject;
  readonly members: readonly MemberFacts[];
  /** As messages call the record: `srv.hz1.local.` */
  readonly name: string;
  /** Value undefined: no record of this name. Reading undefined: there is no identity to read with. */
  readonly record: Reading<RecordSeen | undefined> | undefined;
}

const NO_IDENTITY = { code: "CredentialsMissing", message: "there is no identity to read the record with" } as const;

export function viewRecord<Write>(
  { object, members, name, record }: RecordView,
  node: string,
  writeOf: (change: RecordChange) => Write,
): PointerView<Write> {
  if (record === undefined) return { state: "Unreadable", failure: NO_IDENTITY };
  if (!record.ok) return { state: "Unreadable", failure: record.failure };
  const target = targetOf(object, memberOf(members, node), node);
  if (!target.ok) return { state: "NothingToWrite", reason: "RecordWrong", message: target.message };
  const { value: found, sentAtMs } = record;
  if (found?.oddity !== undefined) {
    return { state: "NothingToWrite", reason: "RecordWrong", message: notSimple(name, found.oddity) };
  }
  const { address } = target;
  if (found !== undefined && isExactly(found, address)) {
    return { state: "Right", message: `${name} is ${address} (${node})`, sentAtMs };
  }
  const wanted = { address, ttlSeconds: ttlSecondsOf(object) };
  return {
    state: "Wrong",
    writes: [writeOf({ expected: found, wanted })],
    ...wrongness(name, found, address),
    sentAtMs,
  };
}

function wrongness(
  name: string,
  found: RecordSeen | undefined,
  address: string,
): { reason: string; message: string; drift: Finding } {
  if (found === undefined) {
    const message = `${name} has no A record; expected ${address}`;
    return { reason: "RecordMissing", message, drift: { reason: "RecordMissing", message: `${name} was deleted` } };
  }
  const message = `${name} is ${found.addresses.join(", ")}; expected ${address}`;
  const drift = `${name} was changed to ${found.addresses.join(", ")}. Look for another writer of this record`;
  return { reason: "RecordWrong", message, drift: { reason: "RecordWrong", message: drift } };
}

/** `whenStopped: Delete`: the record goes when it still holds exactly what was written for the member that had it last. */
export function viewStopped<Write>(
  { object, members, name, record }: RecordView,
  writeOf: (change: RecordChange) => Write,
): StoppedView<Write> | undefined {
  if (object.spec.whenStopped !== "Delete") return undefined;
  const node = object.status?.active?.node;
  const ours = node === undefined ? undefined : addressOnceWritten(object, members, node);
  if (ours === undefined) return { state: "Done" };
  if (record === undefined) return { state: "Unreadable", failure: NO_IDENTITY };
  if (!record.ok) return { state: "Unreadable", failure: record.failure };
  const { value: found } = record;
  if (found === undefined || found.oddity !== undefined || !isExactly(found, ours)) return { state: "Done" };
  const writes = [writeOf({ expected: found, wanted: undefined })];
  return { state: "Write", writes, message: `${name} (${ours}) is being deleted: the group is stopped` };
}

export function isExactly(found: RecordSeen, address: string): boolean {
  return found.oddity === undefined && found.addresses.length === 1 && found.addresses[0] === address;
}

export function notSimple(name: string, oddity: string): string {
  return `${name} is ${oddity}; only a plain A record can be moved. Use another name, or delete that record`;
}
