/**
 * `examples/aws-dns-direct-connect` under fire: clients of a company's own site reach the members' real addresses over Direct
 * Connect, by a name whose record follows the active member; the service starts after the record. Lost machines are stopped
 * through EC2 before anything moves, and started again by an operator. When Direct Connect itself fails, nothing moves.
 */
import { sleep } from "../../lib/clock.ts";
import type { FaultResult } from "../report/result.ts";
import { secondsText } from "../report/result.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { failover, NOISE_MS } from "./faults.ts";
import { fencedTargetMs } from "./fencing.ts";
import { Route53Deployment } from "./route53-deployment.ts";
import type { Play, Scenario } from "./scenario.ts";
import { activeNode, play, untilCalm, untilPromisesLapsed, type Stage } from "./stage.ts";

/** Of the example; the TTL is the default. */
const STORY = {
  example: "aws-dns-direct-connect",
  object: "route53",
  zoneId: "Z0123456789ABCDEFGHIJ",
  zone: "example.com.",
  name: "service.example.com.",
  ttlMs: 10_000,
} as const;
const LINK = "direct-connect";
/** For how long Direct Connect fails, in ms: longer than the session of any member. */
const LINK_DOWN_MS = 8_000;
/** The record is verified before the service starts: one more request, whose turn may have to come, in ms. */
const VERIFIED_MS = 1_000;

export const AWS_DNS_DIRECT_CONNECT_SCENARIO: Scenario = {
  what: "examples/aws-dns-direct-connect",
  topology: "two-zones-site",
  service: "own-address",
  build: (ground) => {
    const deployment = new Route53Deployment(STORY, ground);
    const { move, deleted } = deployment;
    const lostPower = lost("crash", "loses its power", (machine) => machine.crash());
    const lostWire = lost("cut-off", "reaches nobody and nobody reaches it", (machine) => machine.cutOff());
    const parts = deployment.parts([deployment.neverAbsent(lostPower), move, lostWire, deleted, linkDown]);
    return {
      ...parts,
      spreadMs: (parts.spreadMs ?? 0) + VERIFIED_MS,
      ...(ground.mode === "loopback" ? { notReal: ["Direct Connect is a relay of TCP connections"] } : {}),
    };
  },
};

/** The active machine goes silent: EC2 is told to stop it, and with that proof the group moves. */
function lost(name: string, what: string, happen: (machine: VirtualMachine) => Promise<void>): Play {
  return async (stage) => {
    const from = await untilCalm(stage);
    const machine = stage.world.machine(from);
    const targetMs = fencedTargetMs(stage) + stage.spreadMs;
    const result = await play(stage, {
      ...failover(stage, name, from, `${name}: ${from}, the active machine, ${what}; EC2 is told to stop it`),
      targetMs,
      boundMs: targetMs + 2 * NOISE_MS,
      inject: () => happen(machine),
    });
    const { ec2, ec2World } = stage.world;
    const stopped = ec2.state.instances.get(ec2World.instanceOf(from))?.state;
    await machine.reconnect();
    await ec2.startInstance(ec2World.instanceOf(from)).settled;
    await untilPromisesLapsed(stage);
    if (stopped === "stopped") return result;
    return { ...result, problems: [...result.problems, `EC2 did not stop ${from}: it says ${stopped ?? "nothing"}`] };
  };
}

/** The clients' way is gone, not the service: whoever is active stays so. */
async function linkDown(stage: Stage): Promise<FaultResult> {
  const active = await untilCalm(stage);
  const epoch = stage.group.latest?.status?.active?.epoch;
  const targetMs = LINK_DOWN_MS + NOISE_MS;
  const story = `link: Direct Connect fails for ${secondsText(LINK_DOWN_MS)}; no member notices`;
  const played = await play(stage, {
    ...failover(stage, "link-down", active, story),
    to: active,
    changesGroup: false,
    targetMs,
    boundMs: targetMs + NOISE_MS,
    inject: async () => {
      await stage.world.cutLink(LINK);
      await sleep(stage.clock, LINK_DOWN_MS);
      await stage.world.mendLink(LINK);
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, active),
  });
  // There is nothing to notice: the clients are back with the link.
  const result = { ...played, detectedMs: undefined, activatedMs: LINK_DOWN_MS };
  if (stage.group.latest?.status?.active?.epoch === epoch) return result;
  return { ...result, problems: [...result.problems, `the group moved to ${activeNode(stage.group.latest)}`] };
}
