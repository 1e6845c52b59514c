/**
 * What to do next with the parts of a tenure: starts along the activation order, independent branches at once; stops
 * in reverse; under a deadline in the order of DESIGN 4.2 (probe port, addresses, commands). Pure.
 */
import { beginReading, isReadingDue } from "../monitor/schedule.ts";
import type { GroupEffect, GroupState, Part, Tenure } from "./group-state.ts";
import type { PartPlan } from "./part-plan.ts";
import { isObsolete, needsStopBeforeStart } from "./part-rules.ts";

/** Take-down order under a deadline: what clients and load balancers see first. */
const URGENT_RANK: Readonly<Record<PartPlan["kind"], number>> = {
  "probe-port": 0,
  name: 0,
  address: 1,
  command: 2,
  refused: 2,
};
const URGENT_RANKS = 3;

interface Moved {
  readonly tenure: Tenure;
  readonly effects: readonly GroupEffect[];
}

export function decideParts(state: GroupState, before: Tenure, nowMs: number): Moved {
  const effects: GroupEffect[] = [];
  const isServing = before.stage === "serving";
  const tenure = isServing ? before : cutFirst(state, before, effects);
  const parts: Record<string, Part> = {};
  for (const part of Object.values(tenure.parts)) {
    parts[part.plan.key] = isServing ? serve(state, tenure, part, nowMs, effects) : leave(tenure, part, nowMs, effects);
  }
  return { tenure: { ...tenure, parts }, effects };
}

/** While the first parts stop, connections are cut: without its address a socket could not even say that it is over. */
function cutFirst(state: GroupState, tenure: Tenure, effects: GroupEffect[]): Tenure {
  if (tenure.cutsBegun > 0) return tenure;
  const ports = state.group?.spec.servicePorts ?? [];
  const addresses = Object.values(tenure.parts).flatMap(({ plan, isClean }) =>
    plan.kind === "address" && !isClean ? [plan.address] : [],
  );
  if (ports.length + addresses.length === 0) return tenure;
  effects.push({ type: "cutConnections", addresses, ports });
  return { ...tenure, cutsBegun: 1 };
}

function serve(state: GroupState, tenure: Tenure, part: Part, nowMs: number, effects: GroupEffect[]): Part {
  const { grant, cause } = tenure;
  const wantsStop = isObsolete(part, state.plans) ? !part.isClean : part.phase === "down" && needsStopBeforeStart(part);
  if (part.phase === "up" && !wantsStop) {
    if (part.monitor === undefined || !isReadingDue(part.monitor, nowMs)) return part;
    effects.push({ type: "check", plan: part.plan, grant, cause });
    return { ...part, monitor: beginReading(part.monitor) };
  }
  if (part.phase === "starting" || part.phase === "stopping" || nowMs < part.notBeforeMs) return part;
  if (wantsStop) {
    effects.push({
      type: "stop",
      plan: part.plan,
      grant,
      cause,
      budgetMs: part.plan.stopTimeoutMs,
      isUrgent: false,
      isCut: false,
    });
    return { ...part, phase: "stopping", monitor: undefined };
  }
  if (!needsAreMet(state, tenure, part)) return part;
  effects.push({ type: "start", plan: part.plan, grant, cause });
  return { ...part, phase: "starting", isClean: false };
}

function needsAreMet(state: GroupState, tenure: Tenure, part: Part): boolean {
  return part.plan.needs.every((need) => {
    if (need.half === "local") return tenure.parts[need.part]?.phase === "up";
    const status = state.group?.status;
    const resource = status?.resources?.find((found) => found.name === need.resource);
    return status?.active?.epoch === tenure.grant.epoch && resource?.state === "Active";
  });
}

function leave(tenure: Tenure, part: Part, nowMs: number, effects: GroupEffect[]): Part {
  const { grant, cause, urgent } = tenure;
  if (part.phase === "starting" || (part.phase === "stopping" && urgent !== undefined)) {
    if (part.isAborted) return part;
    effects.push({ type: "abort", part: part.plan.key });
    return { ...part, isAborted: true };
  }
  if (part.isClean || part.phase === "stopping") return part;
  if (nowMs < part.notBeforeMs || !mayStop(tenure, part, nowMs)) return part;
  const budgetMs =
    urgent === undefined ? part.plan.stopTimeoutMs : Math.max(1, urgent.sinceMs + urgent.budgetMs - nowMs);
  effects.push({
    type: "stop",
    plan: part.plan,
    grant,
    cause,
    budgetMs: Math.min(budgetMs, part.plan.stopTimeoutMs),
    isUrgent: urgent !== undefined,
    isCut: tenure.cutsBegun > 0,
  });
  return { ...part, phase: "stopping", isAborted: urgent !== undefined, monitor: undefined };
}

function mayStop(tenure: Tenure, part: Part, nowMs: number): boolean {
  const others = Object.values(tenure.parts).filter((other) => other !== part && !other.isClean);
  const isUncut = part.plan.kind === "address" && tenure.cutsDone < tenure.cutsBegun;
  if (tenure.urgent === undefined) return !isUncut && !others.some((other) => dependsOn(other, part));
  const rank = URGENT_RANK[part.plan.kind];
  // One that hangs must not keep the later ones up until the hard cut.
  if (nowMs >= rankTurnMs(tenure.urgent, rank)) return true;
  return !isUncut && !others.some((other) => URGENT_RANK[other.plan.kind] < rank);
}

/** When a rank's turn comes even if the ranks before it are not down. */
function rankTurnMs(urgent: { readonly sinceMs: number; readonly budgetMs: number }, rank: number): number {
  return urgent.sinceMs + (urgent.budgetMs * rank) / (URGENT_RANKS + 1);
}

function dependsOn(later: Part, earlier: Part): boolean {
  return later.plan.needs.some((need) =>
    need.half === "local" ? need.part === earlier.plan.key : need.resource === earlier.plan.resource,
  );
}

/** When the parts want to be looked at again; readings of the clock, past ones included. */
export function partWakesMs(tenure: Tenure): number[] {
  const times = Object.values(tenure.parts).flatMap((part) => {
    if (part.phase === "up") return part.monitor === undefined || part.monitor.isReading ? [] : [part.monitor.nextAtMs];
    return part.phase === "down" ? [part.notBeforeMs] : [];
  });
  const { urgent } = tenure;
  if (urgent === undefined) return times;
  return [...times, ...Object.values(URGENT_RANK).map((rank) => rankTurnMs(urgent, rank))];
}
