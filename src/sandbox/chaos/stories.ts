/** What is about to happen, for people. Pure. */
import { secondsText } from "../report/result.ts";
import type { PlannedFault } from "./faults.ts";
import type { Cast } from "./stage.ts";

export function storyOf(fault: PlannedFault, cast: Cast): string {
  const { victim } = fault;
  const who = victim === "active" || victim === "standby" ? `${cast[victim]}, the ${victim} member,` : "";
  const when = fault.afterMs === 0 ? "" : `${secondsText(fault.afterMs)} later `;
  return `${when}${whatHappens(fault, cast, who, secondsText(fault.lengthMs))}`;
}

function whatHappens(fault: PlannedFault, cast: Cast, who: string, long: string): string {
  switch (fault.kind) {
    case "vm-crash":
      return `${who} loses its power; it is back after ${long}`;
    case "pause-short":
      return `${who} pauses for ${long}, less than what costs anything`;
    case "freeze":
      return `${who} stands still for ${long}`;
    case "cut-off":
      return `${who} is cut off for ${long}`;
    case "cut-off-inbound":
      return `${who} hears nobody for ${long}`;
    case "cut-off-outbound":
      return `${who} is heard by nobody for ${long}`;
    case "cut-off-short":
      return `${who} is cut off for ${long}, less than what costs anything`;
    case "guard-kill":
      return `the guard of ${who} is killed`;
    case "worker-kill":
      return `the worker of ${who} is killed`;
    case "api-kill":
      return `the API server is killed; it starts again after ${long}`;
    case "api-freeze":
      return `the API server stands still for ${long}`;
    case "controller-kill":
      return `${cast.otherController}, which does not lead, is killed`;
    case "leader-kill":
      return `${cast.leader}, the leader, is killed`;
    case "controllers-kill":
      return `${cast.leader}, the leader, is killed, and ${cast.otherController} ${long} later`;
    case "leader-freeze":
      return `${cast.leader}, the leader, stands still for ${long}`;
    case "cloud-slow":
      return `every call of the cloud takes ${secondsText(fault.latencyMs)} for ${long}`;
    case "cloud-failing":
      return `calls of the cloud fail (${fault.outcome ?? ""}) for ${long}`;
  }
}
