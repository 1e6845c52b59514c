/** That the simulator notices a storm of stops and the stop of the last healthy member; and what it lets pass. */
import { describe, expect, test } from "vitest";
import { Stage } from "../stage.ts";
import type { SimVm } from "../vm.ts";
import type { World } from "../world.ts";
import type { Invariant } from "./invariants.ts";

/** Only a stop ends a freeze. */
const FENCED = { isFenced: true, hasWatchdog: false };
const FOR_EVER = 3_600_000;
const PERIOD_MS = 600_000;
/** Longer than a leader may call the session of a dead member live. */
const QUIET_MS = 4_000;

/** The leader stops the machine, whatever its plan and its limit say. */
function stop({ controllers, cloud }: World, node: string): void {
  const { process } = controllers[0] ?? {};
  if (process === undefined) throw new Error("the leader runs");
  const vm = { provider: "aws", region: "eu-central-1", instanceId: `i-0000000${node.slice(-1)}` } as const;
  const options = { graceful: false, timeoutMs: 5_000 };
  // A refusal is part of the story.
  process.deliver(() => void Promise.allSettled([cloud.fencerFor(process).powerOff(vm, options)]));
}

function violated({ checkers }: World): Invariant[] {
  return checkers.violations.map(({ invariant }) => invariant);
}

/** Waits until another member serves and the machine that was stopped runs again as a standby. */
async function recover(stage: Stage, before: SimVm): Promise<void> {
  const { world } = stage;
  await world.until(() => stage.isServed && stage.active !== before, 20_000);
  world.cloud.startMachine(Number(before.node.slice(-1)));
  await world.until(() => before.machine.isOn && before.guardProcess !== undefined, 30_000);
  await world.until(() => world.checkers.troubles().length === 0, 10_000);
  await world.run(8_000);
}

/** Stops the machine of the active member, so often, whatever the product thinks of it. */
async function stopActive(stage: Stage, times = 1): Promise<void> {
  const { world, active } = stage;
  for (let n = 1; n <= times; n++) stop(world, active.node);
  await world.until(() => active.isStoppedByCloud, 10_000);
  await recover(stage, active);
}

/** Freezes the active member; the product stops its machine. */
async function loseActive(stage: Stage): Promise<void> {
  const { world, active } = stage;
  stage.begin({ kind: "freeze-vm", target: "active", forMs: FOR_EVER, stopsMonotonic: false });
  if (await world.until(() => active.isStoppedByCloud, 20_000)) await recover(stage, active);
}

describe("the limit of fencing", () => {
  test("that lets too many through is noticed", async () => {
    const stage = await Stage.open({ ...FENCED, fencingLimit: { maxPerPeriod: 32, periodMs: PERIOD_MS } });
    await loseActive(stage);
    await loseActive(stage);
    expect(violated(stage.world)).toEqual([]);
    await loseActive(stage);
    expect(violated(stage.world)).toEqual(["fence-limit"]);
  });

  test("that forgets too soon is noticed", async () => {
    const stage = await Stage.open({ ...FENCED, fencingLimit: { maxPerPeriod: 2, periodMs: 60_000 } });
    await loseActive(stage);
    await loseActive(stage);
    await stage.run(90_000);
    await loseActive(stage);
    expect(violated(stage.world)).toEqual(["fence-limit"]);
  });

  test("of the product lets no third through within the period, and one after it", async () => {
    const stage = await Stage.open({ ...FENCED });
    await loseActive(stage);
    await loseActive(stage);
    const { world, active } = stage;
    await loseActive(stage);
    expect(active.isStoppedByCloud).toBe(false);
    await world.until(() => active.isStoppedByCloud, PERIOD_MS + 30_000, 500);
    expect(active.isStoppedByCloud).toBe(true);
    stage.expectSound();
  });

  test("counts a life of a guard once, however often its machine is told to stop", async () => {
    const stage = await Stage.open();
    const { active } = stage;
    await stopActive(stage, 5);
    expect(stage.active).not.toBe(active);
    await stopActive(stage);
    expect(stage.active).toBe(active);
    stage.expectSound();
  });

  test("counts no stop that the cloud refused", async () => {
    const stage = await Stage.open();
    await stopActive(stage);
    await stopActive(stage);
    const { world, active } = stage;
    world.cloud.throttleChance = 1;
    stop(world, active.node);
    await stage.run(2_000);
    expect(active.machine.isOn).toBe(true);
    world.cloud.throttleChance = 0;
    stop(world, active.node);
    await world.run(5_000);
    expect(violated(world)).toEqual(["fence-limit"]);
  });
});

describe("the last healthy member", () => {
  test("is not to be stopped: noticed when the call leaves the leader", async () => {
    const stage = await Stage.open();
    stage.begin({ kind: "crash", target: "standby", downMs: FOR_EVER });
    await stage.run(QUIET_MS);
    stop(stage.world, stage.active.node);
    expect(violated(stage.world)).toEqual(["fenced-last"]);
  });

  test("is not to be stopped either where the guard of the other one has just ended in order", async () => {
    const stage = await Stage.open();
    const { world, active, standby } = stage;
    stage.begin({ kind: "stop-guard", target: "standby" });
    await stage.until(() => standby.guardProcess === undefined, 2_000);
    standby.crash("before the guard starts again", FOR_EVER);
    await stage.run(1_000);
    stop(world, active.node);
    expect(violated(world)).toEqual(["fenced-last"]);
  });

  test("is not meant where another one renews its session, nor where that one dies with the call on its way", async () => {
    const stage = await Stage.open();
    const { world, active, standby } = stage;
    stop(world, active.node);
    standby.crash("with the call on its way", FOR_EVER);
    await world.until(() => active.isStoppedByCloud, 10_000);
    expect(active.machine.isOn).toBe(false);
    stage.expectSound();
  });

  test("is meant where the only healthy one is no member of its groups", async () => {
    const stage = await Stage.open({ members: 3 });
    const { world, active, standby, group } = stage;
    const other = world.vms.find((vm) => vm !== active && vm !== standby);
    world.setMembers(group.name, [active.node, standby.node]);
    standby.crash("for good", FOR_EVER);
    await stage.run(10_000);
    expect(other?.machine.isOn).toBe(true);
    stop(world, active.node);
    expect(violated(world)).toEqual(["fenced-last"]);
  });
});
