/**
 * `examples/azure-internal-lb-dsr`: the packets of the client reach the active member with the frontend as their destination,
 * and its answers carry the frontend as their source straight to the client: shown by what is captured at both ends.
 */
import { type CapturedPacket, capturePackets, captureTool } from "../load-balancer/capture.ts";
import type { FaultResult } from "../report/result.ts";
import { loadBalancerScenario, look } from "./azure-load-balancer.ts";
import type { Stage } from "./stage.ts";

const CAPTURE_MS = 600;

export const AZURE_INTERNAL_LB_DSR_SCENARIO = loadBalancerScenario({
  example: "azure-internal-lb-dsr",
  frontend: "floating",
  first: [captured],
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
  const isService = ({ fromPort, toPort }: CapturedPacket): boolean =>
    fromPort === stage.world.site.service.port || toPort === stage.world.site.service.port;
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
