/** Carries a planned fault out, from its beginning until nothing of it is left but its consequences. */
import { sleep } from "../../lib/clock.ts";
import { signal } from "../launcher/processes.ts";
import type { World } from "../world/world.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { pidOfAgent } from "./agents.ts";
import type { PlannedFault } from "./faults.ts";
import type { Cast, ChaosStage } from "./stage.ts";

/** Resolves when the fault is over and what it took away was given back. */
export async function inject(stage: ChaosStage, fault: PlannedFault, cast: Cast): Promise<void> {
  await sleep(stage.clock, fault.afterMs);
  const { victim } = fault;
  if (victim === "active" || victim === "standby") await injectMember(stage, fault, cast[victim]);
  else await injectElsewhere(stage, fault, cast);
}

async function injectMember(stage: ChaosStage, fault: PlannedFault, node: string): Promise<void> {
  const machine = stage.world.machine(node);
  const wait = (): Promise<void> => sleep(stage.clock, fault.lengthMs);
  switch (fault.kind) {
    case "vm-crash":
      await machine.crash();
      await wait();
      return await machine.bootAfterDelay();
    case "pause-short":
    case "freeze":
      await machine.freeze();
      await wait();
      return await machine.thaw();
    case "cut-off":
    case "cut-off-short":
      return await cut(machine, "both", wait);
    case "cut-off-inbound":
      return await cut(machine, "inbound", wait);
    case "cut-off-outbound":
      return await cut(machine, "outbound", wait);
    case "guard-kill":
      return kill(pidOfAgent(stage.world, node, "agent"), `the guard of ${node}`);
    case "worker-kill":
      return kill(pidOfAgent(stage.world, node, "agent-worker"), `the worker of ${node}`);
    default:
      throw new RangeError(`${fault.kind} hits no member`);
  }
}

async function cut(
  machine: VirtualMachine,
  direction: "both" | "inbound" | "outbound",
  wait: () => Promise<void>,
): Promise<void> {
  await machine.cutOff(direction);
  await wait();
  await machine.reconnect();
}

async function injectElsewhere(stage: ChaosStage, fault: PlannedFault, cast: Cast): Promise<void> {
  const { world } = stage;
  const wait = (): Promise<void> => sleep(stage.clock, fault.lengthMs);
  switch (fault.kind) {
    case "api-kill":
      killNamed(world, "apiserver");
      await wait();
      return world.startApiServer();
    case "api-freeze":
      return await stopped(world, "apiserver", wait);
    case "controller-kill":
      return killNamed(world, cast.otherController);
    case "leader-kill":
      return killNamed(world, cast.leader);
    case "controllers-kill":
      killNamed(world, cast.leader);
      await wait();
      return killNamed(world, cast.otherController);
    case "leader-freeze":
      return await stopped(world, cast.leader, wait);
    case "cloud-slow":
    case "cloud-failing":
      return await disturbCloud(world, fault, wait);
    default:
      throw new RangeError(`${fault.kind} hits a member`);
  }
}

async function disturbCloud(world: World, fault: PlannedFault, wait: () => Promise<void>): Promise<void> {
  const end = world.endpoint?.faults.inject({
    ...(fault.latencyMs === undefined ? {} : { latencyMs: fault.latencyMs }),
    ...(fault.outcome === undefined ? {} : { outcome: { type: fault.outcome } }),
  });
  await wait();
  end?.();
}

async function stopped(world: World, name: string, wait: () => Promise<void>): Promise<void> {
  const pid = pidOf(world, name);
  signal(pid, "SIGSTOP");
  await wait();
  signal(pid, "SIGCONT");
}

function killNamed(world: World, name: string): void {
  kill(pidOf(world, name), name);
}

function pidOf(world: World, name: string): number {
  const pid = world.processOf(name);
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
}

function kill(pid: number | undefined, what: string): void {
  if (pid === undefined || !signal(pid, "SIGKILL")) throw new Error(`${what} does not run`);
}
