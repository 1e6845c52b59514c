/** From a configuration to an exit code: a sandbox under chaos. */
import type { OrchestratorConfig } from "../launcher/launch.ts";
import { secondsText } from "../report/result.ts";
import { Timeline } from "../report/timeline.ts";
import { applyExample, AWS_VIRTUAL_IP_SCENARIO, virtualIpTarget } from "../scenarios/aws-virtual-ip.ts";
import type { MachineEvent } from "../vm/virtual-machine.ts";
import { GroupWatch } from "../world/group-watch.ts";
import { groupKeyOf, tellWhatItIs, worldParts } from "../world/orchestrate.ts";
import type { OrchestratorModules } from "../world/orchestrate.ts";
import { World } from "../world/world.ts";
import { runApiOutage } from "./api-outage.ts";
import { agentOf, Endings } from "./endings.ts";
import { keepLogs } from "./kept-logs.ts";
import { replayCommand } from "./options.ts";
import type { ChaosOptions } from "./options.ts";
import { runRandomChaos } from "./random-chaos.ts";
import { chaosJson, hasPassed, histogramLines } from "./result.ts";
import type { ChaosResult } from "./result.ts";
import type { ChaosStage } from "./stage.ts";

const CANNOT_RUN = 3;
const MACHINE_STORY: Readonly<Partial<Record<MachineEvent, string>>> = {
  booted: "has booted",
  reset: "is reset by its watchdog",
  thawed: "goes on",
  "agent-exited": "lost its agent; the kubelet starts it again",
  reconnected: "is connected again",
};

export async function orchestrateChaos(config: OrchestratorConfig, modules: OrchestratorModules): Promise<number> {
  const { chaos } = config.options;
  if (chaos === undefined) return CANNOT_RUN;
  const told: string[] = [];
  const timeline = timelineInto(told);
  tellWhatItIs(config, timeline);
  timeline.line(`replay: ${replayCommand(chaos, config.mode)}`);
  const endings = new Endings();
  const world = await startWorld(config, modules, { timeline, endings });
  const group = followGroup(world, modules, timeline);
  const groupKey = groupKeyOf(AWS_VIRTUAL_IP_SCENARIO);
  const stage: ChaosStage = { world, group, groupKey, spreadMs: 0, timeline, clock: modules.clock, endings };
  await applyExample(stage);
  timeline.note("plain", "applied examples/aws-virtual-ip; waiting for everything to be well");
  const play = chaos.scenario === "random" ? runRandomChaos : runApiOutage;
  const result = await play(stage, chaos);
  tellResult(stage, result, chaos);
  if (!hasPassed(result) || chaos.logs) timeline.line(`logs: ${keepLogs(world, told.join(""), chaos.seed)}`);
  if (config.options.json) timeline.line(chaosJson(result));
  return hasPassed(result) ? 0 : 1;
}

/** What it tells goes to standard output, and into `told`. */
function timelineInto(told: string[]): Timeline {
  const colours = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;
  const write = (text: string): void => {
    told.push(text);
    process.stdout.write(text);
  };
  return new Timeline({ write, colours });
}

async function startWorld(
  config: OrchestratorConfig,
  modules: OrchestratorModules,
  { timeline, endings }: { readonly timeline: Timeline; readonly endings: Endings },
): Promise<World> {
  const world = new World(config, await worldParts(config, modules), {
    ...modules,
    machineEvent: (vm, event) => {
      const story = MACHINE_STORY[event];
      if (story !== undefined) timeline.note("plain", `${vm} ${story}`);
      if (event === "agent-exited") endings.ended(agentOf(vm), "see its log");
    },
    processEnded: (name, how) => {
      timeline.note("plain", `${name} ended: ${how}`);
      endings.ended(name, how);
    },
  });
  await world.start();
  timeline.note("plain", "API server, EC2, router, two controllers and two machines are up");
  world.startClient(virtualIpTarget(world));
  return world;
}

/** Tells whenever the grant moves. */
function followGroup(world: World, modules: OrchestratorModules, timeline: Timeline): GroupWatch {
  const group = new GroupWatch(groupKeyOf(AWS_VIRTUAL_IP_SCENARIO), { api: world.api, clock: modules.clock });
  const latest = { epoch: 0 };
  group.onChange((seen) => {
    const active = seen.group.status?.active;
    if (active === undefined || active.epoch === latest.epoch) return;
    latest.epoch = active.epoch;
    timeline.note("plain", `epoch ${active.epoch} is granted to ${active.node}`);
  });
  void group.follow();
  return group;
}

function tellResult(stage: ChaosStage, result: ChaosResult, options: ChaosOptions): void {
  const { timeline, world } = stage;
  const passed = hasPassed(result);
  const sampling = world.measurements.worstSampling();
  timeline.line();
  timeline.line(`${result.chapters.length} times something went wrong; outages that the client saw:`);
  for (const line of histogramLines(result.chapters)) timeline.line(line);
  timeline.line();
  const looked = `looked every ${sampling.p99GapMs.toFixed(1)} ms (99 %), longest gap ${secondsText(sampling.longestGapMs)}`;
  timeline.line(
    `most members active at once: ${result.maxSimultaneousActive} (an observer outside the product ${looked})`,
  );
  for (const { fromMs, untilMs, nodes } of world.measurements.overlaps()) {
    const when = `from ${timeline.secondsAt(fromMs)} for ${secondsText(untilMs - fromMs)}`;
    timeline.line(`${nodes.join(" and ")} were active at once ${when}`, "bad");
  }
  for (const problem of result.problems) timeline.line(`problem: ${problem}`, "bad");
  timeline.line(`replay: ${replayCommand(options, world.config.mode)}`);
  timeline.line(passed ? "passed" : "FAILED", passed ? "good" : "bad");
}
