/**
 * `examples/azure-internal-lb-dsr`: the packets of the client reach the active member with the frontend as their destination,
 * and its answers carry the frontend as their source straight to the client: shown by what is captured at both ends.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { sleep } from "../../lib/clock.ts";
import { type CapturedPacket, capturePackets, captureTool } from "../load-balancer/capture.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { METADATA_ADDRESS } from "../network/forwarding.ts";
import { type FaultResult, secondsText } from "../report/result.ts";
import { loadBalancerScenario, look } from "./azure-load-balancer.ts";
import type { Stage } from "./stage.ts";

const CAPTURE_MS = 600;
const REPAIR_LIMIT_MS = 5_000;

export const AZURE_INTERNAL_LB_DSR_SCENARIO = loadBalancerScenario({
  example: "azure-internal-lb-dsr",
  frontend: "floating",
  first: [captured],
  last: [frontendRemoved],
});

/** Guide 001, 6.5: "the client's address and the frontend's talk to each other". */
async function captured(stage: Stage): Promise<FaultResult> {
  const story = (active: string): string => `packets are captured at the client and at ${active}, the active member`;
  return await look(stage, "captured-packets", story, (active) => findings(stage, active));
}

async function findings(stage: Stage, active: string): Promise<readonly string[]> {
  const { topology, fabric } = stage.world.site;
  const tool = fabric.mode === "namespaces" ? await captureTool() : undefined;
  if (tool === undefined) {
    const why =
      fabric.mode === "loopback" ? "loopback mode has no packets" : "neither tcpdump nor python3 is installed";
    stage.timeline.note("plain", `not shown here: who talks to whom on the wire (${why})`);
    return [];
  }
  const at = (place: string) => capturePackets(tool, CAPTURE_MS, (argv) => fabric.enter(place, argv));
  const [atClient, atMember] = await Promise.all([at("client"), at(active)]);
  if (atClient === undefined || atMember === undefined) return [`${tool} could not capture packets`];
  const pair = { client: topology.client.address, frontend: topology.frontendIp };
  const { port } = stage.world.site.service;
  // Instance metadata is served at the same port, to whoever runs on the machine.
  const isService = ({ from, fromPort, to, toPort }: CapturedPacket): boolean =>
    (fromPort === port || toPort === port) && from !== METADATA_ADDRESS && to !== METADATA_ADDRESS;
  const problems = [
    ...strangers("the client", atClient.filter(isService), pair),
    ...strangers(active, atMember.filter(isService), pair),
  ];
  if (problems.length === 0)
    stage.timeline.note(
      "good",
      `${tool}: ${atClient.filter(isService).length} packets at the client and ${atMember.filter(isService).length} at ${active}, all between ${pair.client} and ${pair.frontend}`,
    );
  return problems;
}

/** Something on the member takes the frontend off its loopback: it is put back, nothing moves. */
async function frontendRemoved(stage: Stage): Promise<FaultResult> {
  const { topology, fabric } = stage.world.site;
  const story = (active: string): string => `a stranger removes ${topology.frontendIp} from the loopback of ${active}`;
  return await look(stage, "frontend-removed", story, async (active) => {
    if (fabric.mode === "loopback") {
      stage.timeline.note("plain", "not shown here: loopback mode has no addresses on interfaces");
      return [];
    }
    const ip = (...words: string[]): Promise<string> => run(fabric.enter(active, ["ip", ...words]));
    const removedMs = machineMonotonicMs();
    await ip("addr", "del", `${topology.frontendIp}/32`, "dev", "lo");
    while (!(await ip("-o", "addr", "show", "dev", "lo")).includes(` ${topology.frontendIp}/32 `)) {
      if (machineMonotonicMs() - removedMs > REPAIR_LIMIT_MS) return [`${topology.frontendIp} was not put back`];
      await sleep(stage.clock, 5);
    }
    stage.timeline.note("good", `it was back after ${secondsText(machineMonotonicMs() - removedMs)}`);
    return [];
  });
}

async function run([program = "", ...words]: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, words);
  return stdout;
}

/** Packets that are not between the client and the frontend; there must be some in both directions that are. */
function strangers(
  where: string,
  packets: readonly CapturedPacket[],
  { client, frontend }: { readonly client: string; readonly frontend: string },
): string[] {
  const isRequest = ({ from, to }: CapturedPacket): boolean => from === client && to === frontend;
  const isReply = ({ from, to }: CapturedPacket): boolean => from === frontend && to === client;
  const wrong = packets.find((packet) => !isRequest(packet) && !isReply(packet));
  if (wrong !== undefined) return [`at ${where} a packet went from ${wrong.from} to ${wrong.to}`];
  if (!packets.some(isRequest)) return [`at ${where} no packet went from ${client} to ${frontend}`];
  return packets.some(isReply) ? [] : [`at ${where} no packet went from ${frontend} to ${client}`];
}
