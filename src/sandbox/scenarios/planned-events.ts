/**
 * `examples/aws-virtual-ip` when somebody announces what will happen: AWS plans a reboot, the machine is shut down from
 * outside, its Node is drained. Each is a move in order before anything is lost, with the outage of a planned move.
 */
import { sleep } from "../../lib/clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { conditionIs } from "../world/group-watch.ts";
import { NODE } from "../world/manifests.ts";
import { applyExample, virtualIpScenario } from "./aws-virtual-ip.ts";
import { failover, PLANNED_BOUND_MS, PLANNED_TARGET_MS } from "./faults.ts";
import { play, type Stage, untilCalm, untilPromisesLapsed, waitLimitMs } from "./stage.ts";

/** From the announcement until AWS would reboot the machine, in ms. */
const NOTICE_MS = 60_000;
const LOOK_INTERVAL_MS = 100;

export const PLANNED_EVENTS_SCENARIO = virtualIpScenario({
  what: "examples/aws-virtual-ip",
  apply: applyExample,
  faults: [scheduledReboot, shutDown, drained],
});

/** Announced a minute before; the group must have left by then. */
async function scheduledReboot(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const { world } = stage;
  const instanceId = world.ec2World.instanceOf(from);
  const announcedMs = machineMonotonicMs();
  const event = {
    instanceEventId: "instance-event-0d59937288b749b32",
    code: "system-reboot",
    description: "scheduled reboot",
    notBefore: new Date(stage.clock.wallMs() + NOTICE_MS).toISOString(),
  } as const;
  const result = await play(stage, {
    ...planned(stage, "scheduled-reboot", from, `maintenance: AWS announces a reboot of ${from} in one minute`),
    inject: () => Promise.resolve(world.ec2.setInstanceEvents(instanceId, [event])),
  });
  const problems = [...result.problems];
  if (machineMonotonicMs() - announcedMs > NOTICE_MS) problems.push("the group had not left before the reboot");
  const cause = stage.group.latest?.status?.history?.[0]?.cause;
  if (cause !== "ScheduledEvent") problems.push(`the group moved for another cause: ${cause ?? "none"}`);
  // AWS reboots it, and the event is over.
  await world.machine(from).shutDown();
  world.ec2.setInstanceEvents(instanceId, []);
  await world.machine(from).bootAfterDelay();
  await untilPromisesLapsed(stage);
  return { ...result, problems };
}

/** From the console: the operating system goes down in order. */
async function shutDown(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const machine = stage.world.machine(from);
  const result = await play(stage, {
    ...planned(stage, "shutdown", from, `shutdown: ${from}, the active machine, is shut down from the AWS console`),
    inject: () => machine.shutDown(),
  });
  await machine.bootAfterDelay();
  await untilPromisesLapsed(stage);
  return result;
}

/** `kubectl drain` cordons the Node first, and evicts no DaemonSet. */
async function drained(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const cordon = async (unschedulable: boolean): Promise<void> => {
    const patch = { type: "merge", body: { spec: { unschedulable } } } as const;
    await stage.world.api.patch(NODE, { namespace: "", name: from }, patch);
  };
  const result = await play(stage, {
    ...planned(stage, "drain", from, `drain: the Node ${from} is cordoned`),
    inject: () => cordon(true),
  });
  const problems = [...result.problems];
  if (hasStandby(stage)) problems.push(`${from} counts as a ready standby although it is cordoned`);
  await cordon(false);
  const endMs = machineMonotonicMs() + waitLimitMs(stage);
  while (!hasStandby(stage) && machineMonotonicMs() < endMs) await sleep(stage.clock, LOOK_INTERVAL_MS);
  return { ...result, problems };
}

function hasStandby({ group }: Stage): boolean {
  return group.latest !== undefined && conditionIs(group.latest, "StandbyReady", "True");
}

function planned(stage: Stage, name: string, from: string, story: string) {
  const targetMs = PLANNED_TARGET_MS + stage.spreadMs;
  return { ...failover(stage, name, from, story), targetMs, boundMs: PLANNED_BOUND_MS + stage.spreadMs };
}
