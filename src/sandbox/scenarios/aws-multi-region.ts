/**
 * `examples/aws-multi-region`: the seven steps of its guide's verification, then a crash. The client's site has its own
 * resolver, which asks both regions, and a VPN to each that is cut together with its region.
 *
 *   1 start on A   2 the client reaches A by name   3 A shuts down, its VPN is cut   4 the client reaches B
 *   5 A starts, its VPN is mended, A has re-joined  6 the same with B                7 the client reaches A
 */
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { failover, NOISE_MS, PLANNED_BOUND_MS, PLANNED_TARGET_MS } from "./faults.ts";
import { fencedTargetMs } from "./fencing.ts";
import { Route53Deployment } from "./route53-deployment.ts";
import type { Scenario } from "./scenario.ts";
import { activeNode, otherThan, play, untilCalm, untilPromisesLapsed, type Stage } from "./stage.ts";

/** Of the example; the TTL is the default. */
const STORY = {
  example: "aws-multi-region",
  object: "awsdns1",
  zoneId: "123456789abcde",
  zone: "cluster.local.",
  name: "sample.cluster.local.",
  ttlMs: 10_000,
} as const;
/** A resolver that cannot be reached costs the client one wait, in ms. */
const SILENT_RESOLVER_MS = 250;
const FIRST = "server-a";
const VPN_OF: Readonly<Record<string, string>> = { "server-a": "vpn-tokyo", "server-b": "vpn-osaka" };

export const AWS_MULTI_REGION_SCENARIO: Scenario = {
  what: "examples/aws-multi-region",
  topology: "two-regions",
  service: "own-address",
  group: "failover",
  build: (ground) => {
    const deployment = new Route53Deployment(STORY, ground);
    const shutDown = deployment.neverAbsent(regionShutDown);
    const parts = deployment.parts([shutDown, shutDown, deployment.neverAbsent(regionCrash)]);
    const { spreadMs = 0 } = parts;
    return {
      ...parts,
      spreadMs: spreadMs + SILENT_RESOLVER_MS,
      ...(ground.mode === "loopback" ? { notReal: ["resolvers of a region whose VPN is cut still answer"] } : {}),
    };
  },
};

/** Steps 3 to 5, and with the other region 6 and 7. */
async function regionShutDown(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const isFirst = stage.group.latest?.status?.active?.epoch === 1;
  const problems = isFirst && from !== FIRST ? [`the group started on ${from}, not on ${FIRST}`] : [];
  const story = `region: ${from} is shut down from the AWS console, and the VPN to its region is cut`;
  const result = await play(stage, {
    ...failover(stage, `${from}-shut-down`, from, story),
    targetMs: PLANNED_TARGET_MS + stage.spreadMs,
    boundMs: PLANNED_BOUND_MS + stage.spreadMs,
    inject: async () => {
      stop(stage, from);
      await stage.world.cutLink(vpnOf(from));
    },
  });
  return { ...result, problems: [...problems, ...result.problems, ...(await rejoined(stage, from))] };
}

/** Nobody is told: the session lapses, EC2 is told to stop the machine, and then the other region takes over. */
async function regionCrash(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const story = `crash: ${from} loses its power, and the VPN to its region is cut`;
  const targetMs = fencedTargetMs(stage) + stage.spreadMs;
  const result = await play(stage, {
    ...failover(stage, "region-crash", from, story),
    targetMs,
    boundMs: targetMs + 2 * NOISE_MS,
    inject: async () => {
      await stage.world.machine(from).crash();
      await stage.world.cutLink(vpnOf(from));
    },
  });
  return { ...result, problems: [...result.problems, ...(await rejoined(stage, from))] };
}

/** Step 5: the machine is started, the VPN mended, and the group has its standby back. */
async function rejoined(stage: Stage, node: string): Promise<string[]> {
  const { world, timeline } = stage;
  const to = otherThan(stage, node);
  const region = regionOf(stage, node);
  await region.startInstance(world.ec2World.instanceOf(node)).settled;
  await world.mendLink(vpnOf(node));
  const active = await untilCalm(stage);
  timeline.note("good", `${node} was started, the VPN to its region is mended, and it has joined again as the standby`);
  await untilPromisesLapsed(stage);
  const answered = world.measurements.answeredSince(machineMonotonicMs() - NOISE_MS);
  const isRight = active === to && answered.size === 1 && answered.has(to);
  return isRight ? [] : [`${activeNode(stage.group.latest)} is active and ${[...answered].join(", ")} answers`];
}

function stop(stage: Stage, node: string): void {
  const { ec2World } = stage.world;
  regionOf(stage, node).stopInstance(ec2World.instanceOf(node), { force: false, skipOsShutdown: false });
}

function regionOf(stage: Stage, node: string) {
  const { regions, ec2World } = stage.world;
  const region = regions.find(({ state }) => state.instances.has(ec2World.instanceOf(node)));
  if (region === undefined) throw new RangeError(`${node} lies in no region`);
  return region;
}

function vpnOf(node: string): string {
  const name = VPN_OF[node];
  if (name === undefined) throw new RangeError(`no VPN leads to ${node}`);
  return name;
}
