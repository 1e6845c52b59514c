/** `understudy move GROUP NODE`: a planned move, by the same annotation that kubectl would write. */
import type { Command } from "commander";
import { FAILOVER_GROUP, operationAnnotation } from "../api/kinds.ts";
import type { FailoverGroup } from "../api/generated/types.ts";
import { systemClock } from "../host/system-clock.ts";
import { parseDurationMs } from "../lib/duration.ts";
import { sleep } from "../lib/clock.ts";
import {
  CLI_FIELD_MANAGER,
  type ClusterOptions,
  explainFailure,
  openFor,
  type OpenedCluster,
  withClusterFlags,
} from "./cluster.ts";
import { moveProgress } from "./move-progress.ts";

interface MoveOptions extends ClusterOptions {
  readonly wait?: boolean;
  readonly timeout: string;
}

const HELP = `
Example:
  understudy move failover1 node2 -n ha --wait

NODE is a member of the group, or "any" for the best standby. Without --wait the command ends as soon as the request is
stored; the answer is an Event and an entry in the group's history (understudy status).

Exit codes: 0 moved (or requested), 1 refused, failed or not finished within --timeout, 2 no such group or member, wrong usage or no cluster.`;

const POLL_MS = 200;

export function registerMove(program: Command): void {
  withClusterFlags(program.command("move"))
    .description("move a group to another member")
    .argument("<group>", "the group")
    .argument("<node>", 'member to move to, or "any"')
    .option("--wait", "wait until the group is Ready there, or the move was refused")
    .option("--timeout <duration>", "how long --wait waits", "60s")
    .addHelpText("after", HELP)
    .action(async (group: string, node: string, options: MoveOptions) => {
      process.exitCode = await runMove(group, node, options);
    });
}

async function runMove(name: string, node: string, options: MoveOptions): Promise<number> {
  const timeoutMs = parseDurationMs(options.timeout);
  if (timeoutMs === undefined) {
    console.error(`understudy move: --timeout ${options.timeout} is not a duration such as 60s or 5m`);
    return 2;
  }
  let cluster: OpenedCluster | undefined;
  try {
    cluster = await openFor(options);
    return await move(cluster, name, node, options.wait === true ? timeoutMs : undefined);
  } catch (thrown) {
    console.error(`understudy move: ${explainFailure(thrown)}`);
    return 2;
  } finally {
    cluster?.close();
  }
}

async function move(cluster: OpenedCluster, name: string, node: string, waitMs: number | undefined): Promise<number> {
  const { kube, namespace } = cluster;
  const key = { namespace, name };
  const before = await kube.get<FailoverGroup>(FAILOVER_GROUP, key);
  if (before === undefined) {
    console.error(`understudy move: no group ${name} in namespace ${namespace}`);
    return 2;
  }
  const members = before.spec.members.map((member) => member.node);
  if (node !== "any" && !members.includes(node)) {
    console.error(`understudy move: ${node} is no member of ${namespace}/${name}; members: ${members.join(", ")}`);
    return 2;
  }
  const body = { metadata: { annotations: { [operationAnnotation("move-to")]: node } } };
  await kube.patch(FAILOVER_GROUP, key, { type: "merge", body, fieldManager: CLI_FIELD_MANAGER });
  if (waitMs === undefined) {
    console.log(`${namespace}/${name}: move to ${node} requested`);
    return 0;
  }
  return await waitForMove(cluster, before, node, waitMs);
}

async function waitForMove(
  cluster: OpenedCluster,
  before: FailoverGroup,
  target: string,
  waitMs: number,
): Promise<number> {
  const key = { namespace: cluster.namespace, name: before.metadata.name };
  const text = `${key.namespace}/${key.name}`;
  const startedMs = systemClock.monotonicMs();
  let what = "";
  while (systemClock.monotonicMs() - startedMs < waitMs) {
    const now = await cluster.kube.get<FailoverGroup>(FAILOVER_GROUP, key);
    if (now === undefined) {
      console.error(`${text}: deleted while it moved`);
      return 1;
    }
    const progress = moveProgress(before, now, target);
    if (progress.state === "done") {
      console.log(`${text}: Ready on ${progress.node} after ${Math.round(systemClock.monotonicMs() - startedMs)} ms`);
      return 0;
    }
    if (progress.state !== "waiting") {
      console.error(`${text}: move ${progress.state}: ${progress.why}`);
      return 1;
    }
    ({ what } = progress);
    await sleep(systemClock, POLL_MS);
  }
  console.error(
    `${text}: not finished after ${Math.round(waitMs / 1_000)} s (${what}); it goes on, see understudy status`,
  );
  return 1;
}
