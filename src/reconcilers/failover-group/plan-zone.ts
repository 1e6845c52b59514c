/**
 * What the state of the active member's availability zone leads to (monitors.availabilityZone): a condition always, a move
 * only where the user chose `Failover`, and then only to another zone. Pure.
 */
import { wanted, type WantedCondition } from "../../api/conditions.ts";
import type { Reason } from "../../api/reasons.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { type Draft, tell } from "./draft.ts";
import { chooseCandidate } from "./plan-candidates.ts";
import { fact } from "./plan-ready.ts";
import { type MemberSeen, memberOf } from "./seen.ts";
import { isZoneDown, zoneOf } from "./zone-view.ts";

/** True when the group leaves its zone. */
export function considerZone(draft: Draft, holder: MemberSeen): boolean {
  const { seen, now, status } = draft;
  const monitor = seen.group.spec.monitors?.availabilityZone;
  const home = zoneOf(holder.providerIds);
  if (monitor?.onFailure !== "Failover" || home === undefined || !isBad(draft)) return false;
  const elsewhere = seen.members.filter(({ providerIds }) => {
    const place = zoneOf(providerIds);
    return place !== undefined && place.zone !== home.zone && !isZoneDown(seen.zone, providerIds);
  });
  const among = elsewhere.map(({ node }) => node);
  const choice = chooseCandidate(seen, now.wallMs, { except: holder.node, among });
  if (choice === undefined) return false;
  status.target = { node: choice.node, cause: "ZoneUnavailable" };
  tell(
    draft,
    "Warning",
    "FailingOver",
    `zone ${home.zone} of ${holder.node} does not work: the group moves to ${choice.node}`,
  );
  return true;
}

/** A zone that does not work; with `whenUnreadable: Recover` also one that the cloud does not speak of. */
function isBad(draft: Draft): boolean {
  const { zone, group } = draft.seen;
  if (zone?.state === "Unavailable") return true;
  const isWanted = group.spec.monitors?.availabilityZone?.whenUnreadable === "Recover";
  return zone?.state === "Unreadable" && isWanted && !wasJustLeft(draft);
}

/** A cloud that says nothing of any zone would send the group to and fro: after one such move it stays. */
function wasJustLeft({ seen: { group }, status: { history = [] }, now }: Draft): boolean {
  const resetAfterMs = parseDurationMs(group.spec.failover.resetAfter) ?? 600_000;
  const moves = history.filter(({ to }) => to !== undefined);
  return moves.some(
    ({ cause, startedAt }, index) =>
      cause === "ZoneUnavailable" && (index === 0 || now.wallMs - Date.parse(startedAt) < resetAfterMs),
  );
}

/** Absent where nobody wants the zone watched, or nobody holds the group. */
export function zoneCondition(draft: Draft): WantedCondition[] {
  const { seen, status } = draft;
  const monitor = seen.group.spec.monitors?.availabilityZone;
  const member = status.active === undefined ? undefined : memberOf(seen, status.active.node);
  const place = member === undefined ? undefined : zoneOf(member.providerIds);
  if (monitor === undefined || place === undefined || member === undefined) return [];
  const of = `zone ${place.zone} of ${member.node}`;
  const view = seen.zone ?? { state: "NotChecked" };
  switch (view.state) {
    case "NotChecked":
      return [fact("ZoneAvailable", "Unknown", "NotChecked", `${of} has not been asked for yet`)];
    case "Available":
      return [wanted("FailoverGroup", "ZoneAvailable", "True", "Available", `${of} is available`)];
    case "Unavailable":
      return [fact("ZoneAvailable", "False", "ZoneUnavailable", `${of} is ${view.detail}`)];
    case "Invalid":
      return [fact("ZoneAvailable", "False", "ZoneInvalid", view.detail)];
    case "Unreadable":
      return unreadable(draft, view.reason, `${of} could not be asked for: ${view.detail}`);
  }
}

/** REQUIREMENTS 5.2: with 100 added to the code it is a warning only; or it is not even that. */
function unreadable(
  draft: Draft,
  reason: Reason<"FailoverGroup", "ZoneAvailable">,
  message: string,
): WantedCondition[] {
  const { seen } = draft;
  switch (seen.group.spec.monitors?.availabilityZone?.whenUnreadable) {
    case "Recover":
      return [fact("ZoneAvailable", "False", reason, message)];
    case "Ignore": {
      const before = seen.group.status?.conditions?.find(({ type }) => type === "ZoneAvailable");
      if (before === undefined) return [fact("ZoneAvailable", "Unknown", "NotChecked", "it has not been read yet")];
      return [{ type: before.type, status: before.status, reason: before.reason, message: before.message }];
    }
    default:
      return [fact("ZoneAvailable", "Unknown", reason, message)];
  }
}
