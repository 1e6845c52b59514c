/**
 * `examples/azure-internal-lb` when Azure announces a redeployment of the active machine: the group leaves before it, and then
 * tells Azure that it need not wait.
 */
import { sleep } from "../../lib/clock.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { AZURE_INTERNAL_LB_SCENARIO } from "./azure-internal-lb.ts";
import { failover, PLANNED_BOUND_MS, PLANNED_TARGET_MS } from "./faults.ts";
import type { Scenario } from "./scenario.ts";
import { play, type Stage, untilCalm, untilPromisesLapsed, waitLimitMs } from "./stage.ts";

/** Azure: at least 10 minutes; shorter here, in ms. */
const NOTICE_MS = 60_000;
const LOOK_INTERVAL_MS = 100;
const REDEPLOY = "602d9444-d2cd-49c7-8624-8643e7171297";

export const AZURE_PLANNED_EVENTS_SCENARIO: Scenario = {
  ...AZURE_INTERNAL_LB_SCENARIO,
  build: (ground) => ({ ...AZURE_INTERNAL_LB_SCENARIO.build(ground), faults: [redeployed] }),
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

async function until(stage: Stage, isSo: () => boolean): Promise<boolean> {
  const endMs = machineMonotonicMs() + waitLimitMs(stage);
  while (!isSo() && machineMonotonicMs() < endMs) await sleep(stage.clock, LOOK_INTERVAL_MS);
  return isSo();
}
