/** Whether the groups have left a machine because of announced maintenance. Pure. */
import type { FailoverGroup } from "../../api/generated/types.ts";

/**
 * No group is held here, and at least one that acts on events went elsewhere because of one, not before `sinceWallMs`, and
 * is up there. Whoever only stands by here gives the cloud no leave: the person who scheduled it chose the time.
 */
export function hasLeftSince(groups: readonly FailoverGroup[], node: string, sinceWallMs: number): boolean {
  const isHeldHere = groups.some(({ status }) => status?.active?.node === node);
  return !isHeldHere && groups.some((group) => hasLeft(group, node, sinceWallMs));
}

/** The controller's clock and ours may differ, in milliseconds. */
const CLOCKS_DIFFER_MS = 60_000;

function hasLeft({ spec, status }: FailoverGroup, node: string, sinceWallMs: number): boolean {
  const last = status?.history?.find((move) => move.to !== undefined);
  if (spec.scheduledEvents?.action !== "Act" || last === undefined) return false;
  const isAway = last.cause === "ScheduledEvent" && last.from === node && last.result === "Succeeded";
  return isAway && Date.parse(last.startedAt) >= sinceWallMs - CLOCKS_DIFFER_MS;
}
