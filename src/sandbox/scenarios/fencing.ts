/**
 * `examples/aws-virtual-ip` with `fencing.policy: Required`: a frozen member is really stopped through the EC2 API before
 * anything moves, and nothing moves while EC2 refuses. Two machines are stopped, which is what the limit allows.
 */
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { revokeWaitMs, silenceMs } from "../../api/timings.ts";
import { sleep } from "../../lib/clock.ts";
import type { FaultResult } from "../report/result.ts";
import { conditionIs } from "../world/group-watch.ts";
import { applyExample, virtualIpScenario } from "./aws-virtual-ip.ts";
import { failover } from "./faults.ts";
import { activeNode, otherThan, play, type Stage, untilCalm, untilPromisesLapsed, waitLimitMs } from "./stage.ts";

/** What EC2 takes between `stopping` and `stopped` in the sandbox, in ms. */
const STOP_MS = 1_000;
/** The grant follows within a second of `stopped`; then the group is brought up. */
const AFTER_PROOF_MS = 1_700;
const NOISE_MS = 1_000;
/** How much longer than an expiry would take nothing may move, in ms. */
const HELD_BACK_MS = 1_500;

export const FENCING_SCENARIO = virtualIpScenario({
  what: "examples/aws-virtual-ip with fencing.policy: Required",
  apply: applyFencedExample,
  faults: [frozenAndStopped, refusedByTheCloud],
});

async function applyFencedExample(stage: Stage): Promise<void> {
  await applyExample(stage);
  const fencing = { policy: "Required", awsStopInstance: {}, afterwards: "Start" };
  await stage.world.api.patch(FAILOVER_GROUP, stage.groupKey, { type: "merge", body: { spec: { fencing } } });
}

/** From the fault to the service elsewhere when the cloud answers: silence, one look at the Leases, stopping, proof. */
export function fencedTargetMs(stage: Stage): number {
  const { timings } = stage.world;
  return silenceMs(timings) + timings.renewIntervalMs + STOP_MS + AFTER_PROOF_MS;
}

async function frozenAndStopped(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const machine = stage.world.machine(from);
  const story = `freeze: ${from}, the active machine, stands still; EC2 is told to stop it`;
  const targetMs = fencedTargetMs(stage);
  const bounds = { targetMs, boundMs: targetMs + NOISE_MS };
  const fault = { ...failover(stage, "fenced-freeze", from, story), ...bounds, inject: () => machine.freeze() };
  const result = await play(stage, fault);
  const problems = [...result.problems, ...(await startedAgain(stage, from))];
  await untilPromisesLapsed(stage);
  return { ...result, problems };
}

async function refusedByTheCloud(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const to = otherThan(stage, from);
  const machine = stage.world.machine(from);
  const problems: string[] = [];
  const allow = stage.world.endpoint?.faults.inject({
    actions: ["StopInstances"],
    outcome: { type: "error", code: "UnauthorizedOperation", status: 403 },
  });
  const story = `crash: ${from}, the active machine, loses its power, and EC2 refuses to stop it`;
  const heldMs = revokeWaitMs(stage.world.timings) + HELD_BACK_MS;
  const targetMs = heldMs + fencedTargetMs(stage);
  const result = await play(stage, {
    ...failover(stage, "unproven-crash", from, story),
    targetMs,
    boundMs: targetMs + 5 * NOISE_MS,
    inject: async () => {
      await machine.crash();
      const stalled = { what: "Stalled FenceUnproven", limitMs: waitLimitMs(stage) };
      await stage.group.until((group) => conditionIs(group, "Stalled", "True"), stalled);
      await sleep(stage.clock, heldMs - silenceMs(stage.world.timings));
      const active = activeNode(stage.group.latest);
      if (active === to) problems.push(`${to} was granted the group although ${from} was not proven off`);
      stage.timeline.note(
        "plain",
        `its session has expired, and nothing has moved: ${active} still holds the group; EC2 is allowed to stop it now`,
      );
      allow?.();
    },
  });
  allow?.();
  return { ...result, problems: [...result.problems, ...problems, ...(await startedAgain(stage, from))] };
}

/** The machine was stopped by EC2, not only lost, and `afterwards: Start` brings it back as a standby. */
async function startedAgain(stage: Stage, node: string): Promise<string[]> {
  const { ec2, ec2World, endpoint } = stage.world;
  const instance = (): string => ec2.state.instances.get(ec2World.instanceOf(node))?.state ?? "unknown";
  for (let tries = 0; tries < waitLimitMs(stage) / 100 && instance() !== "running"; tries++)
    await sleep(stage.clock, 100);
  if (instance() !== "running") return [`${node} was not started again: EC2 says ${instance()}`];
  if ((endpoint?.calls.get("StartInstances") ?? 0) === 0) return [`${node} was never stopped by EC2`];
  stage.timeline.note("good", `EC2 has stopped ${node}, and started it again once the group was Ready elsewhere`);
  return [];
}
