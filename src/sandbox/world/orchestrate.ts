/** From a configuration to an exit code: the story of one sandbox. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import type { OrchestratorConfig } from "../launcher/launch.ts";
import { resultFile } from "../launcher/state-directory.ts";
import { heldAddressesFile } from "../loopback/file-interface.ts";
import { LoopbackFabric } from "../loopback/loopback-fabric.ts";
import { loopbackTopology } from "../loopback/topology.ts";
import { NamespaceFabric } from "../network/namespace-fabric.ts";
import { TOPOLOGIES } from "../network/topologies.ts";
import { SERVICE_PORT } from "../network/topology.ts";
import { hasPassed, resultJson, secondsText, summaryLines } from "../report/result.ts";
import type { ScenarioResult } from "../report/result.ts";
import { Timeline } from "../report/timeline.ts";
import { SCENARIO_CATALOGUE } from "../scenarios/catalogue.ts";
import { runScenario } from "../scenarios/run-scenario.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { Stage } from "../scenarios/stage.ts";
import type { MachineEvent } from "../vm/virtual-machine.ts";
import { vmFiles } from "../vm/vm-files.ts";
import type { VmFiles } from "../vm/vm-files.ts";
import { buildEc2World, NO_EC2_WORLD } from "./ec2-world.ts";
import { GroupWatch } from "./group-watch.ts";
import { USER_NAMESPACE } from "./kube-world.ts";
import { loopbackSite, namespaceSite, PEER_PORT } from "./site.ts";
import { vmDirectory, World } from "./world.ts";
import type { WorldParts } from "./world.ts";

export interface OrchestratorModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const LOG_LINES_SHOWN = 15;
const MACHINE_STORY: Readonly<Partial<Record<MachineEvent, string>>> = {
  booted: "has booted",
  reset: "is reset by its watchdog",
  "shut-down": "has shut down",
  "agent-exited": "lost its agent; the kubelet starts it again",
  reconnected: "is connected again",
};

export async function orchestrate(config: OrchestratorConfig, modules: OrchestratorModules): Promise<number> {
  const colours = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;
  const timeline = new Timeline({ write: (text) => void process.stdout.write(text), colours });
  tellWhatItIs(config, timeline);
  const broken = Promise.withResolvers<never>();
  const world = new World(config, await worldParts(config, modules), {
    ...modules,
    machineEvent: (vm, event) => {
      const story = MACHINE_STORY[event];
      if (story !== undefined) timeline.note("plain", `${vm} ${story}`);
    },
    processEnded: (name, how) => {
      timeline.note("bad", `${name} ended: ${how}`);
      if (name === "apiserver") broken.reject(new Error(`the API server ended: ${how}`));
    },
  });
  const scenario = SCENARIO_CATALOGUE[config.options.scenario];
  const parts = scenario.build(world);
  for (const clause of parts.notReal ?? []) timeline.line(`only imitated here: ${clause}`);
  await Promise.race([world.start(parts.emulators), broken.promise]);
  timeline.note("plain", "API server, the emulated cloud, router, two controllers and two machines are up");
  const groupKey = groupKeyOf(scenario);
  const group = new GroupWatch(groupKey, { api: world.api, clock: modules.clock });
  void group.follow();
  world.startClient(parts.client);
  const { spreadMs = 0 } = parts;
  const stage: Stage = { world, group, groupKey, spreadMs, timeline, clock: modules.clock };
  const result = await runScenario(stage, scenario.what, parts);
  writeFileSync(resultFile(config.directory), resultJson(result));
  tellResult(stage, result);
  if (config.options.keep) await keep(config, timeline);
  return hasPassed(result) ? 0 : 1;
}

export function groupKeyOf({ group = "failover1" }: Pick<Scenario, "group">): Stage["groupKey"] {
  return { namespace: USER_NAMESPACE, name: group };
}

export async function worldParts(config: OrchestratorConfig, modules: OrchestratorModules): Promise<WorldParts> {
  const scenario = SCENARIO_CATALOGUE[config.options.scenario];
  const { servicePort = SERVICE_PORT } = scenario;
  const service = { at: scenario.service, port: servicePort };
  const isReal = config.mode === "namespaces";
  const topology = isReal ? TOPOLOGIES[scenario.topology](config.id) : loopbackTopology(config.id, scenario.topology);
  const regions =
    topology.cloud === "aws" ? topology.networks.map(({ region }) => new VirtualEc2({ region }, modules)) : [];
  const ec2World = topology.cloud === "aws" ? buildEc2World(regions, topology) : NO_EC2_WORLD;
  const outsiders = new Set<number>();
  const world = { regions, ec2World, outsiders };
  if (isReal) {
    const fabric = new NamespaceFabric({ topology, subnets: ec2World.subnets, outsiders }, modules);
    return { ...world, site: namespaceSite(topology, fabric, service) };
  }
  const clientSubnetId = ec2World.subnets.find((subnet) => subnet.place === "client")?.subnetId ?? "";
  const files = (vm: string): VmFiles => vmFiles(vmDirectory(config, vm));
  const fabric = new LoopbackFabric({ topology, clientSubnetId, peerPort: PEER_PORT, servicePort, files });
  await fabric.listen();
  return { ...world, site: loopbackSite(topology, fabric, service, { addressesFile: heldAddressesFile }) };
}

export function tellWhatItIs(config: OrchestratorConfig, timeline: Timeline): void {
  const { profile, latencyMs, scenario, chaos } = config.options;
  const what = chaos === undefined ? `scenario ${scenario}` : `chaos ${chaos.scenario} with seed ${chaos.seed}`;
  timeline.line(`understudy sandbox ${config.id}: ${what}, profile ${profile}, ${latencyMs} ms per cloud call`);
  if (config.mode === "namespaces") {
    timeline.line("mode namespaces: every machine is a network namespace, a router obeys the emulated route tables");
  } else {
    const why = config.fallbackReason === undefined ? "" : ` (no namespaces here: ${config.fallbackReason})`;
    timeline.line(`mode loopback${why}: machines are 127.x addresses, a TCP relay obeys the emulated route tables.`);
    timeline.line(
      "not real in it: IP packets, ARP, addresses on interfaces; processes and protocols are the real ones",
    );
  }
}

function tellResult(stage: Stage, result: ScenarioResult): void {
  const { timeline, world } = stage;
  const passed = hasPassed(result);
  const sampling = world.measurements.worstSampling();
  timeline.line();
  for (const line of summaryLines(result)) timeline.line(line);
  timeline.line();
  const looked = `looked every ${sampling.p99GapMs.toFixed(1)} ms (99 %), longest gap ${secondsText(sampling.longestGapMs)}`;
  timeline.line(
    `most members active at once: ${result.maxSimultaneousActive} (an observer outside the product ${looked})`,
  );
  for (const { fromMs, untilMs, nodes } of world.measurements.overlaps()) {
    const when = `from ${timeline.secondsAt(fromMs)} for ${secondsText(untilMs - fromMs)}`;
    timeline.line(`${nodes.join(" and ")} were active at once ${when}`, "bad");
  }
  for (const { fault, problems } of result.faults) {
    for (const problem of problems) timeline.line(`${fault}: ${problem}`, "bad");
  }
  timeline.line(passed ? "passed" : "FAILED", passed ? "good" : "bad");
  if (!passed) showLogs(stage, result);
  if (world.config.options.json) timeline.line(resultJson(result));
}

/** To standard error: the last lines of every log, since the sandbox's files go with it. */
function showLogs(stage: Stage, result: ScenarioResult): void {
  for (const problem of result.problems) process.stderr.write(`problem: ${problem}\n`);
  process.stderr.write(`group: ${JSON.stringify(stage.group.latest?.status)}\n`);
  for (const file of stage.world.logFiles()) {
    const lines = readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_LINES_SHOWN);
    process.stderr.write(`\n==> ${file}\n${lines.join("\n")}\n`);
  }
}

/** Waits until somebody ends the sandbox. */
function keep(config: OrchestratorConfig, timeline: Timeline): Promise<never> {
  timeline.line();
  timeline.line("everything is left running; Ctrl-C ends it. In another terminal:");
  timeline.line(`export KUBECONFIG=${config.kubeconfig}`);
  return new Promise(() => undefined);
}
