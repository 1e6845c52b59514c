/**
 * `/sandbox/faults`: GET lists the rules, POST adds one (201 with its id), DELETE removes all or `/sandbox/faults/ID`,
 * POST `/sandbox/faults/cut` breaks all connections at once. Served only when asked for on the command line.
 */
import { messageOf } from "../../../lib/errors.ts";
import type { FaultAction, FaultMatch, FaultRule, Faults } from "../faults.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { badRequest, methodNotAllowed } from "../status-error.ts";

interface FaultAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

const KINDS = new Set<unknown>([
  "delay",
  "refuse",
  "cut",
  "lose-reply",
  "freeze",
  "stale-list",
] satisfies FaultAction["kind"][]);
/** Lets the answer out before the connections break. */
const AFTER_ANSWER = setImmediate;

export function handleFaults(faults: Faults, method: string, path: string, text: string, cut: () => void): FaultAnswer {
  const id = path.slice("/sandbox/faults".length).replace(/^\//, "");
  if (method === "GET" && id === "") return { status: 200, body: { items: faults.list() } };
  if (method === "POST" && id === "cut") {
    AFTER_ANSWER(cut);
    return { status: 200, body: { cut: true } };
  }
  if (method === "POST" && id === "") return { status: 201, body: { id: faults.add(readRule(text)) } };
  if (method === "DELETE" && id === "") {
    faults.clear();
    return { status: 200, body: { removed: true } };
  }
  if (method === "DELETE") return { status: 200, body: { removed: faults.remove(id) } };
  throw methodNotAllowed();
}

function readRule(text: string): FaultRule {
  const rule = parse(text);
  const { match, action, probability, times } = rule;
  if (!isJsonObject(action) || !KINDS.has(action["kind"])) throw badRequest("action.kind must name a fault");
  for (const field of ["ms", "status", "versions", "retryAfterSeconds"]) {
    if (action[field] !== undefined && !isCount(action[field]))
      throw badRequest(`action.${field} must be a number >= 0`);
  }
  if (match !== undefined && !isJsonObject(match)) throw badRequest("match must be an object");
  if (times !== undefined && !isCount(times)) throw badRequest("times must be a number >= 0");
  if (probability !== undefined && !(typeof probability === "number" && probability > 0 && probability <= 1)) {
    throw badRequest("probability must be in (0, 1]");
  }
  return {
    action: action as FaultAction,
    ...(match === undefined ? {} : { match: match as FaultMatch }),
    ...(typeof probability === "number" ? { probability } : {}),
    ...(typeof times === "number" ? { times } : {}),
  };
}

function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch (thrown) {
    throw badRequest(`not JSON: ${messageOf(thrown)}`);
  }
  throw badRequest("a fault rule is an object");
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
