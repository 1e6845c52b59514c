/**
 * One life of a world under one seed. Phase one: faults, and every invariant at every step. Phase two: what is needed
 * heals, and every group must be served again within a bound.
 */
import { CLOCK_RATE_BOUND, deriveTimings, revokeWaitMs } from "../../src/api/timings.ts";
import type { Random } from "../../src/lib/random.ts";
import { ALL_RULES } from "../../src/lib/safety-rules.ts";
import type { Violation } from "./checkers/invariants.ts";
import { Nemesis } from "./nemesis/apply.ts";
import { type Fault, wordsOf } from "./nemesis/fault.ts";
import type { Expectation, Theme } from "./nemesis/theme.ts";
import { THEME_NAMES, THEMES } from "./nemesis/themes.ts";
import { type RuleName, rulesBreaking } from "./rules.ts";
import { between, chance, pick, Seeds } from "./seeds.ts";
import { PLAIN, World, type WorldOptions } from "./world.ts";

export interface SeedOptions {
  readonly seed: number;
  readonly isTraced?: boolean;
  /** Only this theme; absent: the seed draws one. */
  readonly theme?: string;
  /** One safety rule off. */
  readonly broken?: RuleName;
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
/** Faults of a mixture begin within this time, milliseconds. */
const PHASE_MS = 9_000;
const MIXTURES = 0.35;

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const random = new Seeds(options.seed).stream("plan");
  const drawn = chance(random, MIXTURES) ? "mixture" : pick(random, THEME_NAMES);
  const name = options.theme ?? drawn;
  const theme = THEMES[name];
  if (theme === undefined) throw new RangeError(`no theme ${name}`);
  const shape = shapeOf(options, theme, random);
  const world = new World(shape);
  const planned = theme.faults(random, { timings: shape.timings, hasWatchdog: shape.hasWatchdog, phaseMs: PHASE_MS });
  const faults = planned.filter((_, at) => options.onlyFaults?.includes(at) ?? true);
  const unhandled = (thrown: unknown): void => world.unhandled(thrown);
  process.on("unhandledRejection", unhandled);
  try {
    await live(world, faults, theme.expect, random);
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  return {
    seed: options.seed,
    theme: name,
    faults,
    violation: world.checkers.violations[0],
    simulatedMs: world.scheduler.nowMs,
    steps: world.scheduler.steps,
    trace: world.trace.lines,
  };
}

function shapeOf(options: SeedOptions, { shape = {} }: Theme, random: Random): WorldOptions {
  const drawn = {
    members: chance(random, 0.35) ? 3 : 2,
    groups: chance(random, 0.75) ? 1 : chance(random, 0.7) ? 2 : 3,
    controllers: chance(random, 0.6) ? 2 : 1,
    hasWatchdog: chance(random, 0.9),
    sessionMs: pick(random, [4_500, 4_500, 4_300, 6_000]),
    isFenced: chance(random, 0.05),
    hasDisks: chance(random, 0.2),
    hasTargets: chance(random, 0.1),
  };
  const { sessionMs, ...chosen } = { ...drawn, ...shape };
  return {
    ...PLAIN,
    ...chosen,
    // A holder that is being stopped may take the last other copy out of its set: then nobody can follow it.
    hasDisks: chosen.hasDisks && !chosen.isFenced,
    seed: options.seed,
    isTraced: options.isTraced ?? false,
    rules: options.broken === undefined ? ALL_RULES : rulesBreaking(options.broken),
    timings: deriveTimings("fast", sessionMs),
  };
}

async function live(
  world: World,
  faults: readonly Fault[],
  expect: Expectation | undefined,
  random: Random,
): Promise<void> {
  const { checkers, scheduler, trace } = world;
  world.start();
  const isReady = await world.until(() => checkers.troubles().length === 0, FIRST_READY_MS);
  if (!isReady) return checkers.violate("no-convergence", `at the start: ${checkers.troubles().join("; ")}`);
  // Until everybody has met everybody: guards look each other up.
  await world.run(expect === "stillness" ? 4_000 : 500);
  for (const fault of faults) trace.note("plan", wordsOf(fault));
  const nemesis = new Nemesis(world, world.seeds.stream("nemesis"));
  nemesis.schedule(faults);
  checkers.expectStill(expect === "stillness");
  if (expect === "recovery") await recover(world, faults);
  else await world.run(phaseOf(faults) + between(random, 0, 3_000));
  if (expect === "stillness") await world.run(2 * revokeWaitMs(world.options.timings));
  if (scheduler.stopped !== undefined) return;
  checkers.expectStill(false);
  heal(world, nemesis, random);
  await converge(world);
}

/** Until the last fault has begun and most have ended. */
function phaseOf(faults: readonly Fault[]): number {
  const ends = faults.map(({ atMs, what }) => atMs + ("forMs" in what ? Math.min(what.forMs, 8_000) : 1_000));
  return Math.max(0, ...ends);
}

/** A boot, and the wait of a machine that may have promised before it. */
const REBOOT_MS = 7_500;
/** Retries, a stop budget, and everybody's steps. */
const STEPS_MS = 3_000;

/** One fault is survived without help: after the wait for the session at worst, and for a promise given before it. */
async function recover(world: World, faults: readonly Fault[]): Promise<void> {
  const { timings, groups } = world.options;
  const [fault] = faults;
  // What is cut off or frozen goes on for a moment.
  await world.run((fault?.atMs ?? 0) + timings.renewDeadlineMs + timings.stopBudgetMs);
  const waitMs = revokeWaitMs(timings) * Math.sqrt(CLOCK_RATE_BOUND);
  const isFenced = world.options.isFenced ? 12_000 : 0;
  const boundMs = 2 * waitMs + REBOOT_MS + STEPS_MS + groups * 200 + isFenced;
  const isServed = await world.until(() => world.checkers.outages().length === 0, boundMs);
  if (!isServed && world.scheduler.stopped === undefined)
    world.checkers.violate("slow-recovery", `${world.checkers.outages().join("; ")} after ${boundMs.toFixed(0)} ms`);
}

/** Not everything needs to heal: the service must come back with what is enough. */
function heal(world: World, nemesis: Nemesis, random: Random): void {
  nemesis.heal();
  world.trace.note("nemesis", "--- healed");
  for (const vm of world.vms) {
    vm.kernel.slowness = 1;
    vm.powerOn();
  }
  if (!chance(random, 0.2) || world.controllers.length < 2) return;
  const [first] = world.controllers;
  if (first === undefined) return;
  first.isRemoved = true;
  first.kill("for good");
}

const STABLE_MS = 1_500;

/** A machine that was stopped as proof stays off when the limit of fencing is reached: the group says so, and asks for help. */
function isPersonCalled(world: World): boolean {
  return world.groups.some(({ name }) =>
    world
      .group(name)
      .status?.conditions?.some(
        ({ type, status, reason }) => type === "Stalled" && status === "True" && reason === "FenceUnproven",
      ),
  );
}

function startMachines(world: World): void {
  for (const [index, vm] of world.vms.entries()) {
    if (!vm.isStoppedByCloud) continue;
    world.trace.note("user", `--- starts ${vm.node}`);
    world.cloud.startMachine(index + 1);
  }
}

async function converge(world: World): Promise<void> {
  const { checkers, scheduler, options } = world;
  // A boot, its wait for forgotten promises, a whole failover, and the retries of whatever backs off.
  const boundMs = 26_000 + 4 * revokeWaitMs(options.timings) + (options.isFenced ? 20_000 : 0);
  const endMs = scheduler.nowMs + boundMs;
  while (scheduler.stopped === undefined) {
    const isDone = await world.until(
      () => {
        if (isPersonCalled(world)) startMachines(world);
        return checkers.troubles().length === 0;
      },
      endMs - scheduler.nowMs,
      100,
    );
    if (scheduler.stopped !== undefined) return;
    if (!isDone) return checkers.violate("no-convergence", checkers.troubles().join("; "));
    await world.run(STABLE_MS);
    if (checkers.troubles().length === 0) return;
  }
}
