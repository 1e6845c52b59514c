/**
 * What can happen to any service, whatever leads clients to it: crash, planned move, cut-off, freeze. Each fault starts
 * from a calm group and ends with one, so that their outages can be read apart.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { sleep } from "../../lib/clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { secondsText } from "../report/result.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { activeNode, failoverTargetMs, otherThan, play, untilCalm, untilPromisesLapsed } from "./stage.ts";
import type { Fault, Stage } from "./stage.ts";

export const PLANNED_TARGET_MS = 300;
/** What a busy machine may add to a failover or a repair, and, in more steps, to a planned move, without failing the run. */
export const NOISE_MS = 500;
export const PLANNED_BOUND_MS = 1_000;

export async function crash(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const machine = stage.world.machine(from);
  const story = `crash: ${from}, the active machine, loses its power`;
  const result = await play(stage, { ...failover(stage, "crash", from, story), inject: () => machine.crash() });
  await machine.bootAfterDelay();
  await untilPromisesLapsed(stage);
  return result;
}

export async function plannedMove(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const to = otherThan(stage, from);
  const annotations = { "understudy.dev/move-to": to };
  return await play(stage, {
    ...failover(
      stage,
      "planned-move",
      from,
      `planned move: an operator asks for ${to} (annotation understudy.dev/move-to)`,
    ),
    boundMs: PLANNED_BOUND_MS + stage.spreadMs,
    targetMs: PLANNED_TARGET_MS + stage.spreadMs,
    inject: async () => {
      const patch = { type: "merge", body: { metadata: { annotations } } } as const;
      await stage.world.api.patch(FAILOVER_GROUP, stage.groupKey, patch);
    },
  });
}

export async function cutOff(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const machine = stage.world.machine(from);
  const startMs = machineMonotonicMs();
  const story = `cut-off: ${from}, the active machine, reaches nobody and nobody reaches it`;
  const result = await play(stage, { ...failover(stage, "cut-off", from, story), inject: () => machine.cutOff() });
  const last = stage.world.measurements.lastActive(from, startMs, machineMonotonicMs());
  const problems = [...result.problems, ...tellSelfFence(stage, from, last === undefined ? undefined : last - startMs)];
  await machine.reconnect();
  return { ...result, problems };
}

/** The cut-off member still runs: it must have stopped serving by itself, before its session was over. */
function tellSelfFence(stage: Stage, node: string, afterMs: number | undefined): string[] {
  const { sessionDurationMs } = stage.world.timings;
  if (afterMs === undefined) return [`${node} was never seen active before it was cut off`];
  stage.timeline.note(
    "plain",
    `seen from inside ${node}: it stopped serving by itself ${secondsText(afterMs)} after the cut`,
  );
  return afterMs <= sessionDurationMs
    ? []
    : [`${node} went on serving for ${secondsText(afterMs)} after it was cut off`];
}

export async function freeze(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const machine = stage.world.machine(from);
  const resetsBefore = machine.resets;
  const frozenMs = machineMonotonicMs();
  const story = `freeze: ${from}, the active machine, stands still for longer than its session`;
  const result = await play(stage, { ...failover(stage, "freeze", from, story), inject: () => machine.freeze() });
  const atLeastMs = stage.world.timings.sessionDurationMs + 1_000;
  await sleep(stage.clock, Math.max(0, frozenMs + atLeastMs - machineMonotonicMs()));
  const thawMs = machineMonotonicMs();
  stage.timeline.note("plain", `${from} is thawed after ${secondsText(thawMs - frozenMs)}`);
  await machine.thaw();
  await untilPromisesLapsed(stage);
  const served = stage.world.measurements.lastActive(from, thawMs, machineMonotonicMs());
  const problems = [...result.problems];
  if (machine.resets === resetsBefore) problems.push(`the watchdog did not reset ${from}`);
  if (served !== undefined) problems.push(`${from} answered after it was thawed`);
  if (problems.length === result.problems.length) {
    stage.timeline.note("good", `${from} was reset by its watchdog, came back as a standby and answered nothing`);
  }
  return { ...result, problems };
}

/** A fault after which the other member must serve. */
export function failover(stage: Stage, name: string, from: string, story: string): Omit<Fault, "inject"> {
  const to = otherThan(stage, from);
  const targetMs = failoverTargetMs(stage) + stage.spreadMs;
  const moving = (group: FailoverGroup): boolean =>
    activeNode(group) !== from || !isReadyOn(group) || group.status?.target !== undefined;
  return {
    name,
    story,
    from,
    to,
    targetMs,
    boundMs: targetMs + NOISE_MS,
    changesGroup: true,
    detected: moving,
    activated: (group) => isReadyOn(group, to),
  };
}
