/** What a scenario plays on, and the steps that all its faults share. */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { revokeWaitMs } from "../../api/timings.ts";
import { sleep } from "../../lib/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { secondsText } from "../report/result.ts";
import type { Timeline } from "../report/timeline.ts";
import { conditionIs, isReadyOn } from "../world/group-watch.ts";
import type { GroupWatch, SeenGroup } from "../world/group-watch.ts";
import type { World } from "../world/world.ts";

export interface Stage {
  readonly world: World;
  readonly group: GroupWatch;
  /** Of the scenario's FailoverGroup. */
  readonly groupKey: { readonly namespace: string; readonly name: string };
  /** Longest time from a right record or pointer until every client follows it (a TTL, a probe), in ms. */
  readonly spreadMs: number;
  readonly timeline: Timeline;
  readonly clock: Clock;
}

/** Longest wait for anything that a scenario expects, beyond what the protocol itself may take, in ms. */
const PATIENCE_MS = 60_000;
/** The client must have been answered for so long before the next fault, so that outages never run into one another. */
const QUIET_MS = 500;
/** Processing, beyond the time the protocol takes: the target of the issue that this scenario proves. */
const PROCESSING_MS = 700;

/** What a fault that ends in a failover without proof may take, without `spreadMs`: rho*L + M + 0.7 s. */
export function failoverTargetMs(stage: Stage): number {
  return revokeWaitMs(stage.world.timings) + PROCESSING_MS;
}

/** Longest wait for anything that a scenario expects, in ms. */
export function waitLimitMs(stage: Stage): number {
  return 2 * revokeWaitMs(stage.world.timings) + PATIENCE_MS;
}

export function activeNode(group: FailoverGroup | undefined): string {
  return group?.status?.active?.node ?? "nobody";
}

/** The other member of a pair. */
export function otherThan(stage: Stage, node: string): string {
  const other = stage.world.site.topology.vms.find((vm) => vm.name !== node);
  if (other === undefined) throw new RangeError("the scenario has two machines");
  return other.name;
}

/** Waits until the group is Ready, a standby is ready, and the client is answered by the active member alone. */
export async function untilCalm(stage: Stage): Promise<string> {
  const calm = await stage.group.until((group) => isReadyOn(group) && conditionIs(group, "StandbyReady", "True"), {
    what: "group Ready with a ready standby",
    limitMs: waitLimitMs(stage),
  });
  const active = activeNode(calm.group);
  const endMs = machineMonotonicMs() + waitLimitMs(stage);
  for (;;) {
    await sleep(stage.clock, QUIET_MS);
    const sinceMs = machineMonotonicMs() - QUIET_MS;
    const answered = stage.world.measurements.answeredSince(sinceMs);
    const gap = stage.world.measurements.outage(sinceMs, sinceMs + QUIET_MS / 2);
    if (answered.size === 1 && answered.has(active) && gap !== undefined && gap.durationMs < QUIET_MS / 2)
      return active;
    if (machineMonotonicMs() > endMs)
      throw new Error(`the client is answered by ${[...answered].join(", ") || "nobody"}, not by ${active}`);
  }
}

/** For an agent to start and join, in ms. */
const JOIN_MS = 1_000;

/**
 * A machine that has just booted may have promised, before, to leave the group to its holder; it cannot remember, so it
 * activates nothing for rho*L+M. A move to it would wait that long: not what a planned move is about.
 */
export async function untilPromisesLapsed(stage: Stage): Promise<void> {
  await sleep(stage.clock, revokeWaitMs(stage.world.timings) + JOIN_MS);
}

export interface Fault {
  readonly name: string;
  /** What is about to happen, for the timeline. */
  readonly story: string;
  readonly boundMs: number;
  readonly targetMs: number;
  readonly from: string;
  readonly to: string;
  inject(): Promise<void>;
  /** True where the group's own status must change; false where the fault may pass it by. */
  readonly changesGroup: boolean;
  /** The first state that shows the fault. */
  detected(group: FailoverGroup): boolean;
  activated(group: FailoverGroup): boolean;
}

/** Injects a fault, waits until the service is back, and measures. Whatever happens becomes part of the result. */
export async function play(stage: Stage, fault: Fault): Promise<FaultResult> {
  const { timeline, group } = stage;
  timeline.line();
  timeline.note("fault", fault.story);
  const faultMs = machineMonotonicMs();
  const problems: string[] = [];
  let injectedMs = faultMs;
  let detected: SeenGroup | undefined;
  let activated: SeenGroup | undefined;
  try {
    await fault.inject();
    injectedMs = machineMonotonicMs();
    const wait = { limitMs: waitLimitMs(stage), ...(fault.changesGroup ? { sinceMs: faultMs } : {}) };
    detected = await group.until((seen) => fault.detected(seen), {
      ...wait,
      what: `${fault.name} noticed by the controller`,
    });
    activated = await group.until((seen) => fault.activated(seen), { ...wait, what: `Ready on ${fault.to}` });
  } catch (thrown) {
    problems.push(messageOf(thrown));
  }
  const outage =
    activated === undefined ? undefined : await outageOf(stage, faultMs, Math.max(activated.atMs, injectedMs));
  if (outage === undefined) problems.push("the client was not answered again");
  else if (outage > fault.boundMs)
    problems.push(`client outage ${secondsText(outage)}, bound ${secondsText(fault.boundMs)}`);
  const result: FaultResult = {
    fault: fault.name,
    from: fault.from,
    to: activated === undefined ? fault.to : activeNode(activated.group),
    // A group that nothing happens to was last seen before the fault.
    detectedMs: detected === undefined ? undefined : Math.max(0, detected.atMs - faultMs),
    activatedMs: activated === undefined ? undefined : Math.max(0, activated.atMs - faultMs),
    clientOutageMs: outage,
    boundMs: fault.boundMs,
    targetMs: fault.targetMs,
    steps: fault.changesGroup ? await stepsOf(stage, activated) : {},
    problems,
  };
  tell(timeline, result);
  return result;
}

async function outageOf(stage: Stage, faultMs: number, activatedMs: number): Promise<number | undefined> {
  for (let tries = 0; tries < waitLimitMs(stage) / 100; tries++) {
    await sleep(stage.clock, 100);
    const found = stage.world.measurements.outage(faultMs, activatedMs);
    if (found !== undefined) return found.durationMs;
  }
  return undefined;
}

/** The step times of the last move; the entry may be finished a moment after the group is Ready. */
async function stepsOf(stage: Stage, activated: SeenGroup | undefined): Promise<Record<string, string>> {
  if (activated === undefined) return {};
  const epoch = activated.group.status?.active?.epoch ?? 0;
  const entryOf = (group: FailoverGroup | undefined) => group?.status?.history?.find((move) => move.epoch === epoch);
  for (let tries = 0; tries < 10 && entryOf(stage.group.latest)?.finishedAt === undefined; tries++) {
    await sleep(stage.clock, 100);
  }
  const steps = Object.entries(entryOf(stage.group.latest)?.steps ?? {});
  return Object.fromEntries(steps.flatMap(([name, text]) => (typeof text === "string" ? [[name, text]] : [])));
}

function tell(timeline: Timeline, result: FaultResult): void {
  const steps = Object.entries(result.steps).map(([name, text]) => `${name} ${text}`);
  if (result.problems.length > 0) {
    for (const problem of result.problems) timeline.note("bad", `${result.fault}: ${problem}`);
  } else {
    const outage = `client outage ${secondsText(result.clientOutageMs)}`;
    timeline.note(
      "good",
      `${result.fault}: ${outage} (target <= ${secondsText(result.targetMs)}), service on ${result.to}`,
    );
  }
  if (steps.length > 0) timeline.line(`           steps: ${steps.join(", ")}`);
}
