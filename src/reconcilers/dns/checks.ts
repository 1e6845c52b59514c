/** Preflight of both kinds of records, one fact per check. Pure. */
import type { Check, Finding } from "../pointer/kind.ts";
import { holderReportOf } from "../pointer/activation.ts";
import { grantOf, groupOf, type PointerSeen } from "../pointer/seen.ts";
import type { DnsObject } from "./seen.ts";
import { targetOf } from "./target.ts";
import { notSimple, type RecordView, viewRecord } from "./view.ts";

type SeenRecord = PointerSeen<DnsObject, unknown>;

/** Every member has an address that could be written for it. */
export const everyMemberHasAnAddress: Check<Pick<SeenRecord, "object" | "members">> = ({ object, members }) =>
  members.flatMap((member) => {
    const target = targetOf(object, member, member.node);
    return target.ok ? [] : [{ reason: target.reason, message: target.message }];
  });

/** What stands under the name can be replaced. */
export function recordIsSimple({ name, record }: Pick<RecordView, "name" | "record">): Finding[] {
  const found = record?.ok === true ? record.value : record?.known;
  return found?.oddity === undefined ? [] : [{ reason: "RecordNotSimple", message: notSimple(name, found.oddity) }];
}

/** A name in lower case with its last dot. */
export function fqdnOf(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower : `${lower}.`;
}

/** Whether a name is the zone's own or lies below it. */
export function isInZone(name: string, zone: string): boolean {
  return fqdnOf(name) === fqdnOf(zone) || fqdnOf(name).endsWith(`.${fqdnOf(zone)}`);
}

const RESOLUTION_REASONS: ReadonlySet<string> = new Set(["NotResolved", "ResolvedElsewhere"]);

/**
 * What the active member's agent says about resolving the name (API.md 1.4, `monitor.resolution`). Nothing while the record
 * itself is wrong: then it cannot resolve, and the record is repaired first.
 */
export function resolutionTrouble(seen: SeenRecord, view: RecordView): Finding | undefined {
  const node = grantOf(seen)?.node;
  if (node !== undefined && viewRecord(view, node, (change) => change).state === "Wrong") return undefined;
  const group = groupOf(seen);
  const report = group === undefined ? undefined : holderReportOf(group, seen.object.metadata.name);
  const reason = report?.reason;
  if (report === undefined || reason === undefined || !RESOLUTION_REASONS.has(reason)) return undefined;
  return { reason, message: report.message ?? reason };
}
