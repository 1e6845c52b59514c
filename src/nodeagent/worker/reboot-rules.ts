/**
 * `failover.finalAction: RebootNode`: the last member on which a group failed boots anew once everything of the group is
 * down there, or does not go down. The group stays held, so that it happens once per grant and never in a loop. Pure.
 */
import type { GroupState, Tenure } from "./group-state.ts";

/** What has not gone down by then will not: that is what the reboot is for. In milliseconds. */
export const STUCK_AFTER_MS = 60_000;

export function wantsReboot(state: GroupState, tenure: Tenure, nowMs: number): boolean {
  const { group, session, isForbidden } = state;
  const isFinal =
    group?.status?.hold?.reason === "StoppedAfterFailure" && group.spec.failover?.finalAction === "RebootNode";
  // What an earlier life left up is taken down here under another session: that one was rebooted already.
  const isOwn = tenure.grant.session === session && tenure.grant.epoch === group?.status?.epoch;
  if (!isFinal || !isOwn || isForbidden || tenure.isRebootAsked) return false;
  return tenure.stage === "down" || (tenure.stage === "leaving" && nowMs >= tenure.leavingSinceMs + STUCK_AFTER_MS);
}
