/**
 * `examples/azure-internal-lb` when Azure announces something: a redeployment, which the group leaves before it and then
 * approves, and a freeze, which it sits out.
 */
import { sleep } from "../../lib/clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { AZURE_INTERNAL_LB_SCENARIO } from "./azure-internal-lb.ts";
import { failover, NOISE_MS, PLANNED_BOUND_MS, PLANNED_TARGET_MS } from "./faults.ts";
import type { Scenario } from "./scenario.ts";
import { play, type Stage, untilCalm, untilPromisesLapsed, waitLimitMs } from "./stage.ts";

/** Azure: at least 10 minutes for a redeployment, 15 for a freeze; shorter here, in ms. */
const NOTICE_MS = 60_000;
const FREEZE_NOTICE_MS = 12_000;
const LOOK_INTERVAL_MS = 100;
const PAUSE_SLACK_MS = 200;
const REDEPLOY = "602d9444-d2cd-49c7-8624-8643e7171297";
const FREEZE = "f020ba2e-3bc0-4c40-a10b-86575a9eabd5";

export const AZURE_PLANNED_EVENTS_SCENARIO: Scenario = {
  ...AZURE_INTERNAL_LB_SCENARIO,
  build: (ground) => ({ ...AZURE_INTERNAL_LB_SCENARIO.build(ground), faults: [redeployed, announcedFreeze] }),
};

/** The group leaves in order, and then tells Azure that it need not wait. */
async function redeployed(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const { azure } = stage.world.metadata;
  const notBeforeMs = stage.clock.wallMs() + NOTICE_MS;
  const result = await play(stage, {
    ...failover(stage, "redeploy", from, `maintenance: Azure announces that ${from} will be redeployed in one minute`),
    targetMs: PLANNED_TARGET_MS + stage.spreadMs,
    boundMs: PLANNED_BOUND_MS + stage.spreadMs,
    inject: () => {
      const what = { type: "Redeploy", vms: [from], durationSeconds: -1, status: "Scheduled" } as const;
      azure.announce({ ...what, id: REDEPLOY, notBeforeMs });
      return Promise.resolve();
    },
  });
  const isApproved = await until(stage, () => azure.event(REDEPLOY)?.status === "Started");
  const problems = [...result.problems];
  if (!isApproved) problems.push("the event was not approved after the group had left");
  else if (stage.clock.wallMs() > notBeforeMs) problems.push("the event was approved only after its time had come");
  else stage.timeline.note("good", `${from} has told Azure that it need not wait: the redeployment starts`);
  const machine = stage.world.machine(from);
  await machine.shutDown();
  azure.end(REDEPLOY);
  await machine.bootAfterDelay();
  await untilPromisesLapsed(stage);
  return { ...result, problems };
}

/** The machine stands still for no longer than its preset tolerates: nothing moves. */
async function announcedFreeze(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const { world } = stage;
  const epoch = stage.group.latest?.status?.active?.epoch;
  const { renewDeadlineMs, renewIntervalMs, requestTimeoutMs } = world.timings;
  // The longest pause that costs the preset nothing (R - interval - request timeout), and a little less.
  const lengthMs = renewDeadlineMs - renewIntervalMs - requestTimeoutMs - PAUSE_SLACK_MS;
  const problems: string[] = [];
  const result = await play(stage, {
    ...failover(
      stage,
      "announced-freeze",
      from,
      `maintenance: Azure announces a freeze of ${from}, which comes in 12 s`,
    ),
    to: from,
    changesGroup: false,
    targetMs: lengthMs + NOISE_MS,
    boundMs: lengthMs + 2 * NOISE_MS,
    inject: async () => {
      const notBeforeMs = stage.clock.wallMs() + FREEZE_NOTICE_MS;
      const what = { type: "Freeze", vms: [from], durationSeconds: 5 } as const;
      world.metadata.azure.announce({ ...what, id: FREEZE, notBeforeMs, status: "Scheduled" });
      await sleep(stage.clock, FREEZE_NOTICE_MS);
      world.metadata.azure.announce({ ...what, id: FREEZE, notBeforeMs, status: "Started" });
      const machine = world.machine(from);
      await machine.freeze();
      await sleep(stage.clock, lengthMs);
      await machine.thaw();
      world.metadata.azure.end(FREEZE);
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, from),
  });
  await sleep(stage.clock, world.timings.sessionDurationMs);
  const active = stage.group.latest?.status?.active;
  if (active?.epoch !== epoch) problems.push(`the group moved to ${active?.node ?? "nobody"} for a freeze`);
  return { ...result, problems: [...result.problems, ...problems] };
}

async function until(stage: Stage, isSo: () => boolean): Promise<boolean> {
  const endMs = machineMonotonicMs() + waitLimitMs(stage);
  while (!isSo() && machineMonotonicMs() < endMs) await sleep(stage.clock, LOOK_INTERVAL_MS);
  return isSo();
}
