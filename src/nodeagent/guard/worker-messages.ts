/** What came over the channel, as a message of the protocol or not at all: the guard trusts no shape it has not seen. */
import type { GrantRef, MetricOperation, PeerRef, WorkerToGuard } from "../guard-protocol.ts";
import { scheduledEventsOf } from "../../api/scheduled-events.ts";
import { isHolding } from "./holdings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Undefined when `value` is no message a worker may send. */
export function workerMessage(value: unknown): WorkerToGuard | undefined {
  if (!isFields(value)) return undefined;
  return isWorkerMessage(value) ? (value as unknown as WorkerToGuard) : undefined;
}

function isWorkerMessage(value: Fields): boolean {
  switch (value["type"] as WorkerToGuard["type"]) {
    case "ready":
      return true;
    case "down":
      return Number.isInteger(value["takeDownId"]);
    case "peersWanted":
      return Array.isArray(value["peers"]) && value["peers"].every(isPeer);
    case "mayActivate":
      return Number.isInteger(value["requestId"]) && isGrant(value["grant"]);
    case "mustAsk":
      return Number.isInteger(value["requestId"]) && isGrant(value["grant"]) && isMembers(value["members"]);
    case "deactivated":
    case "rebootWanted":
      return isGrant(value["grant"]);
    case "holdingAdded":
      return Number.isInteger(value["requestId"]) && isHolding(value["holding"]);
    case "holdingRemoved":
      return isHolding(value["holding"]);
    case "shutdown":
      return typeof value["how"] === "string";
    case "machine":
      return isFields(value["machine"]) && isMachine(value["machine"]);
    case "metrics":
      return Array.isArray(value["operations"]) && value["operations"].every(isOperation);
    default:
      return false;
  }
}

function isGrant(value: unknown): value is GrantRef {
  if (!isFields(value) || !Number.isSafeInteger(value["epoch"])) return false;
  return ["namespace", "group", "groupUid", "session"].every((name) => typeof value[name] === "string");
}

/** Of a provider id. */
const MAX_TEXT_CHARS = 1_024;
/** Members of one group; the API allows fewer. */
const MAX_MEMBERS = 64;

function isMembers(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MAX_MEMBERS && value.every((member) => typeof member === "string");
}

function isMachine(value: Fields): boolean {
  const { providerId, zone, events } = value;
  const isShort = (text: unknown): boolean => typeof text === "string" && text.length <= MAX_TEXT_CHARS;
  const isKnown = Array.isArray(events) && scheduledEventsOf(events).length === events.length;
  return isShort(providerId) && (zone === undefined || isShort(zone)) && isKnown;
}

function isPeer(value: unknown): value is PeerRef {
  return isFields(value) && typeof value["node"] === "string" && typeof value["address"] === "string";
}

function isOperation(value: unknown): value is MetricOperation {
  if (!isFields(value) || !isFields(value["labels"])) return false;
  const isKnownCall = ["count", "set", "observe"].includes(String(value["call"]));
  return isKnownCall && typeof value["name"] === "string" && typeof value["value"] === "number";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
