/**
 * One life of a world under one seed. Phase one: faults, and every invariant at every step. Phase two: what is needed
 * heals, and every group must be served again within a bound.
 */
import { deriveTimings, revokeWaitMs } from "../../src/api/timings.ts";
import type { Violation } from "./checkers/checkers.ts";
import { Nemesis } from "./nemesis/apply.ts";
import { type Fault, wordsOf } from "./nemesis/fault.ts";
import { planFaults } from "./nemesis/plan.ts";
import { between, chance, pick, Seeds } from "./seeds.ts";
import { PLAIN, World, type WorldOptions } from "./world.ts";

export interface SeedOptions {
  readonly seed: number;
  readonly isTraced?: boolean;
  readonly theme?: string;
  /** Only these of the seed's faults, by number: to find those that matter. */
  readonly onlyFaults?: readonly number[];
}

export interface SeedResult {
  readonly seed: number;
  readonly theme: string;
  readonly faults: readonly Fault[];
  readonly violation: Violation | undefined;
  readonly simulatedMs: number;
  readonly steps: number;
  readonly trace: readonly string[];
}

const FIRST_READY_MS = 30_000;
const PHASE_MS = 9_000;

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const random = new Seeds(options.seed).stream("plan");
  const shape = shapeOf(options, random);
  const world = new World(shape);
  const planned = planFaults(random, {
    timings: shape.timings,
    members: shape.members,
    hasWatchdog: shape.hasWatchdog,
    phaseMs: PHASE_MS,
    ...(options.theme === undefined ? {} : { theme: options.theme }),
  });
  const faults = planned.faults.filter((_, at) => options.onlyFaults?.includes(at) ?? true);
  const unhandled = (thrown: unknown): void => world.unhandled(thrown);
  process.on("unhandledRejection", unhandled);
  try {
    await live(world, faults, random);
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  return {
    seed: options.seed,
    theme: planned.theme,
    faults,
    violation: world.checkers.violations[0],
    simulatedMs: world.scheduler.nowMs,
    steps: world.scheduler.steps,
    trace: world.trace.lines,
  };
}

function shapeOf(options: SeedOptions, random: ReturnType<Seeds["stream"]>): WorldOptions {
  return {
    ...PLAIN,
    seed: options.seed,
    isTraced: options.isTraced ?? false,
    members: chance(random, 0.35) ? 3 : 2,
    groups: chance(random, 0.75) ? 1 : chance(random, 0.7) ? 2 : 3,
    controllers: chance(random, 0.6) ? 2 : 1,
    hasWatchdog: chance(random, 0.9),
    timings: deriveTimings("fast", pick(random, [4_500, 4_500, 4_500, 6_000])),
  };
}

async function live(world: World, faults: readonly Fault[], random: ReturnType<Seeds["stream"]>): Promise<void> {
  world.start();
  const isReady = await world.until(() => world.checkers.troubles().length === 0, FIRST_READY_MS);
  if (!isReady)
    return world.checkers.violate("no-convergence", `at the start: ${world.checkers.troubles().join("; ")}`);
  for (const fault of faults) world.trace.note("plan", wordsOf(fault));
  const nemesis = new Nemesis(world, world.seeds.stream("nemesis"));
  nemesis.schedule(faults);
  const longest = Math.max(0, ...faults.map(({ what }) => ("forMs" in what ? what.forMs : 0)));
  await world.run(
    Math.max(...faults.map((fault) => fault.atMs), 0) + Math.min(longest, 8_000) + between(random, 0, 3_000),
  );
  if (world.scheduler.stopped !== undefined) return;
  heal(world, nemesis, random);
  await converge(world);
}

/** Not everything needs to heal: the service must come back with what is enough. */
function heal(world: World, nemesis: Nemesis, random: ReturnType<Seeds["stream"]>): void {
  nemesis.heal();
  world.network.healAll();
  world.trace.note("nemesis", "--- healed");
  for (const vm of world.vms) {
    vm.kernel.slowness = 1;
    vm.powerOn();
  }
  if (chance(random, 0.2) && world.controllers.length > 1) {
    const [first] = world.controllers;
    if (first !== undefined) first.isRemoved = true;
    first?.kill("for good");
  }
}

const STABLE_MS = 1_500;

async function converge(world: World): Promise<void> {
  const { timings } = world.options;
  // A boot, its wait for forgotten promises, a whole failover, and the retries of whatever backs off.
  const boundMs = 6_000 + 4 * revokeWaitMs(timings) + 20_000;
  const endMs = world.scheduler.nowMs + boundMs;
  while (world.scheduler.stopped === undefined) {
    const isDone = await world.until(() => world.checkers.troubles().length === 0, endMs - world.scheduler.nowMs, 100);
    if (world.scheduler.stopped !== undefined) return;
    if (!isDone) return world.checkers.violate("no-convergence", world.checkers.troubles().join("; "));
    await world.run(STABLE_MS);
    if (world.checkers.troubles().length === 0) return;
  }
}
