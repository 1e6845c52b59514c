/**
 * `examples/aws-virtual-ip` under fire: crash, planned move, cut-off, freeze, drift. Each fault starts from a calm
 * group and ends with one, so that their outages can be read apart.
 */
import { fileURLToPath } from "node:url";
import type { AwsVirtualIP, FailoverGroup } from "../../api/generated/types.ts";
import { AWS_VIRTUAL_IP, FAILOVER_GROUP } from "../../api/kinds.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { sleep } from "../../lib/clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { secondsText } from "../report/result.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { activeNode, failoverTargetMs, otherThan, play, untilCalm, untilPromisesLapsed, waitLimitMs } from "./stage.ts";
import type { Fault, Stage } from "./stage.ts";

export const GROUP_KEY = { namespace: USER_NAMESPACE, name: "failover1" };
const VIRTUAL_IP_KEY = { namespace: USER_NAMESPACE, name: "awsvip1" };
const EXAMPLE = fileURLToPath(new URL("../../../examples/aws-virtual-ip", import.meta.url));

const PLANNED_TARGET_MS = 300;
const DRIFT_PROCESSING_MS = 200;
/** What a busy machine may add to a failover or a repair, and, in more steps, to a planned move, without failing the run. */
const NOISE_MS = 500;
const PLANNED_BOUND_MS = 1_000;

export type Play = (stage: Stage) => Promise<FaultResult>;

/** In the order in which the demo shows them. */
export const AWS_VIRTUAL_IP_FAULTS: readonly Play[] = [crash, plannedMove, cutOff, freeze, drift];

export async function applyExample(stage: Stage): Promise<void> {
  await applyAll(stage.world.api, readManifests(EXAMPLE), USER_NAMESPACE);
}

async function crash(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const machine = stage.world.machine(from);
  const story = `crash: ${from}, the active machine, loses its power`;
  const result = await play(stage, { ...failover(stage, "crash", from, story), inject: () => machine.crash() });
  await machine.bootAfterDelay();
  await untilPromisesLapsed(stage);
  return result;
}

async function plannedMove(stage: Stage): Promise<FaultResult> {
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
    boundMs: PLANNED_BOUND_MS,
    targetMs: PLANNED_TARGET_MS,
    inject: async () => {
      const patch = { type: "merge", body: { metadata: { annotations } } } as const;
      await stage.world.api.patch(FAILOVER_GROUP, GROUP_KEY, patch);
    },
  });
}

async function cutOff(stage: Stage): Promise<FaultResult> {
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

async function freeze(stage: Stage): Promise<FaultResult> {
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

async function drift(stage: Stage): Promise<FaultResult> {
  const active = await untilCalm(stage);
  const { ec2, ec2World } = stage.world;
  const intervalMs = await monitorIntervalMs(stage);
  const targetMs = intervalMs + DRIFT_PROCESSING_MS;
  const destination = `${stage.world.site.topology.virtualIp}/32`;
  const wrong = { type: "networkInterface", networkInterfaceId: ec2World.eniOf(otherThan(stage, active)) } as const;
  const isRight = (): boolean =>
    ec2World.routeTableIds.every((id) => {
      const target = ec2.state.routeTables
        .get(id)
        ?.routes.find((route) => route.destinationCidr === destination)?.target;
      return target?.type === "networkInterface" && target.networkInterfaceId === ec2World.eniOf(active);
    });
  const startMs = machineMonotonicMs();
  const repaired = Promise.withResolvers<number>();
  const played = await play(stage, {
    ...failover(
      stage,
      "drift",
      active,
      `drift: a stranger points every route of the address at ${otherThan(stage, active)}`,
    ),
    to: active,
    changesGroup: false,
    targetMs,
    boundMs: targetMs + NOISE_MS,
    inject: async () => {
      for (const id of ec2World.routeTableIds) ec2.replaceRoute(id, destination, wrong);
      const end = ec2.subscribe(() => {
        if (isRight()) repaired.resolve(machineMonotonicMs() - startMs);
      });
      stage.clock.setTimer(waitLimitMs(stage), () => repaired.reject(new Error("the routes were not repaired")));
      await repaired.promise.finally(end);
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, active),
  });
  const repairedMs = await repaired.promise.catch(() => undefined);
  return { ...played, detectedMs: repairedMs, activatedMs: repairedMs };
}

async function monitorIntervalMs(stage: Stage): Promise<number> {
  const found = await stage.world.api.get<AwsVirtualIP>(AWS_VIRTUAL_IP, VIRTUAL_IP_KEY);
  return parseDurationMs(found?.spec.monitor?.interval ?? "10s") ?? 10_000;
}

/** A fault after which the other member must serve. */
export function failover(stage: Stage, name: string, from: string, story: string): Omit<Fault, "inject"> {
  const to = otherThan(stage, from);
  const targetMs = failoverTargetMs(stage);
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
