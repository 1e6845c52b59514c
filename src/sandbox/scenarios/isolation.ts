/**
 * `examples/aws-virtual-ip` with an isolation target: the active machine alone loses the way to it, then the target itself
 * goes down. The first is a move, the second none; the API server and the peers are reached all the time.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { sleep } from "../../lib/clock.ts";
import type { FaultResult } from "../report/result.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { applyExample, virtualIpScenario } from "./aws-virtual-ip.ts";
import { failover } from "./faults.ts";
import { play, type Stage, untilCalm, waitLimitMs } from "./stage.ts";
import { Witness } from "./witness.ts";

/** Two rounds lost count; then it must be seen so for 1 s + 500 ms + 1 s. */
const TIMINGS = { interval: "1s", timeout: "500ms", retries: 1 } as const;
/** Longer than a move would take to begin, in ms. */
const NOTHING_MOVES_MS = 6_000;
/** A move in order, and what a busy machine may add, in ms. */
const MOVE_TARGET_MS = 300;
const BOUND_MS = 1_000;

export const ISOLATION_SCENARIO = virtualIpScenario({
  what: "examples/aws-virtual-ip, which gets an isolation target",
  apply: applyExample,
  faults: [networkLost, targetDown],
});

async function networkLost(stage: Stage): Promise<FaultResult> {
  return await withWitness(stage, async (witness) => {
    const from = await untilCalm(stage);
    const story = `isolation: ${from}, the active machine, loses the way to its isolation target, to nothing else`;
    const result = await play(stage, {
      ...failover(stage, "isolation", from, story),
      targetMs: MOVE_TARGET_MS,
      boundMs: BOUND_MS,
      inject: () => witness.loseFrom(from),
    });
    const status = stage.group.latest?.status;
    const problems = [...result.problems];
    const cause = status?.history?.[0]?.cause;
    if (cause !== "Isolated") problems.push(`the group moved for another cause: ${cause ?? "none"}`);
    const reason = status?.members?.find((member) => member.node === from)?.reason;
    if (reason !== "Isolated") problems.push(`${from} is not called Isolated but ${reason ?? "promotable"}`);
    return { ...result, problems };
  });
}

async function targetDown(stage: Stage): Promise<FaultResult> {
  return await withWitness(stage, async (witness) => {
    const active = await untilCalm(stage);
    const epoch = stage.group.latest?.status?.epoch;
    const result = await play(stage, {
      ...failover(stage, "target-down", active, "target down: nobody reaches the isolation target any more"),
      to: active,
      changesGroup: false,
      targetMs: MOVE_TARGET_MS,
      boundMs: BOUND_MS,
      inject: async () => {
        await witness.silence();
        await untilAll(stage, "Lost");
        await sleep(stage.clock, NOTHING_MOVES_MS);
      },
      detected: () => true,
      activated: (group) => isReadyOn(group, active),
    });
    const now = stage.group.latest?.status?.epoch;
    const problems = [...result.problems];
    if (now === epoch) stage.timeline.note("good", `nothing moved: ${active} serves on under epoch ${epoch}`);
    else problems.push(`the group moved from epoch ${epoch} to ${now}`);
    return { ...result, problems };
  });
}

/** The group has an isolation target while `act` runs, and no longer. */
async function withWitness(stage: Stage, act: (witness: Witness) => Promise<FaultResult>): Promise<FaultResult> {
  const { world } = stage;
  if (world.config.mode !== "namespaces") throw new Error("isolation targets can be cut in mode namespaces only");
  const witness = new Witness(world);
  const setTargets = async (isolation: object | null): Promise<unknown> =>
    await world.api.patch(FAILOVER_GROUP, stage.groupKey, { type: "merge", body: { spec: { isolation } } });
  await witness.open();
  try {
    await setTargets({ targets: [{ http: { url: witness.url } }], ...TIMINGS });
    await untilAll(stage, "Reached");
    return await act(witness);
  } finally {
    await setTargets(null);
    await witness.close();
  }
}

async function untilAll(stage: Stage, word: "Reached" | "Lost"): Promise<void> {
  const said = (group: FailoverGroup): boolean =>
    stage.world.site.topology.vms.every(
      ({ name }) => group.status?.reports?.find(({ node }) => node === name)?.isolation === word,
    );
  const what = `both members report ${word}`;
  await stage.group.until(said, { what, limitMs: waitLimitMs(stage) });
}
