/**
 * What exclusivity promises to a user, one by one, in a simulated installation with the fast timings. The invariants of the
 * simulation are checked at every step of each.
 */
import { describe, expect, test } from "vitest";
import { CLOCK_RATE_BOUND, presetTimings, revokeWaitMs } from "../../src/api/timings.ts";
import type { FailoverGroup } from "../../src/api/generated/types.ts";
import { footprintOf } from "./checkers/footprint.ts";
import { CLOUD } from "./network/network.ts";
import { Stage } from "./stage.ts";

const FAST = presetTimings("fast");
const { renewDeadlineMs: R, stopBudgetMs: S } = FAST;
/** On the slowest clock. */
const WAIT_MS = revokeWaitMs(FAST) * Math.sqrt(CLOCK_RATE_BOUND);
const FOR_EVER = 1e9;

function condition(group: FailoverGroup, type: string) {
  return group.status?.conditions?.find((found) => found.type === type);
}

describe("a member that is cut off", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    "from API server and peers stops serving before anyone else starts (seed %d)",
    async (seed) => {
      const stage = await Stage.open({ seed, members: seed % 2 === 0 ? 3 : 2 });
      const { active, group, epoch } = stage;
      stage.begin({ kind: "isolate", target: "active", forMs: FOR_EVER });
      const tookMs = await stage.until(() => footprintOf(active, group).length === 0, 5_000);
      expect(stage.epoch).toBe(epoch);
      expect(tookMs).toBeLessThan((R + S) * CLOCK_RATE_BOUND + 150);
      await stage.until(() => stage.isServed && stage.active !== active, WAIT_MS + 1_500);
    },
  );

  test("from the API server, with one peer down for good, is followed by the last one in bounded time (A10)", async () => {
    const stage = await Stage.open({ members: 3 });
    const { active, standby, world } = stage;
    standby.isStoppedByCloud = true;
    standby.crash("off", FOR_EVER);
    await stage.run(1_000);
    stage.begin({ kind: "cut-api", target: "active", way: "both", forMs: FOR_EVER });
    const last = world.vms.find((vm) => vm !== active && vm !== standby);
    // What the last one promised while the holder asked in vain lapses first.
    await stage.until(() => stage.isServed && stage.active === last, 2 * WAIT_MS + 2_000);
  });
});

describe("a frozen machine", () => {
  test.each([false, true])(
    "that thaws after its successor is active has nothing any more (its monotonic clock stopped: %s)",
    async (stopsMonotonic) => {
      const stage = await Stage.open();
      const { active, group } = stage;
      stage.begin({ kind: "freeze-vm", target: "active", forMs: WAIT_MS + 3_000, stopsMonotonic });
      await stage.until(() => stage.isServed && stage.active !== active, WAIT_MS + 2_000);
      expect(footprintOf(active, group)).toEqual([]);
      await stage.run(10_000);
      expect(footprintOf(active, group)).toEqual([]);
    },
  );

  test.each([false, true])(
    "whose pause stops its watchdog too has cut everything some milliseconds after the thaw (its monotonic clock stopped: %s)",
    async (stopsMonotonic) => {
      const stage = await Stage.open();
      const { active, group } = stage;
      stage.begin({ kind: "pause-machine", target: "active", forMs: WAIT_MS + 3_000, stopsMonotonic });
      await stage.until(() => stage.active !== active, WAIT_MS + 2_000);
      await stage.until(() => !active.machine.isFrozen, 5_000);
      const tookMs = await stage.until(() => footprintOf(active, group).length === 0, 2_000);
      process.stdout.write(`thawed behind its successor: everything was cut after ${tookMs.toFixed(0)} ms\n`);
      expect(tookMs).toBeLessThan(S + 150);
    },
  );
});

describe("Required fencing", () => {
  test("grants nothing while the cloud says stopping, and within a second of stopped", async () => {
    const stage = await Stage.open({ isFenced: true });
    const { active, epoch } = stage;
    stage.begin({ kind: "freeze-vm", target: "active", forMs: FOR_EVER, stopsMonotonic: false });
    await stage.until(() => active.isStoppedByCloud, WAIT_MS + 10_000);
    expect(stage.epoch).toBe(epoch);
    const tookMs = await stage.until(() => stage.epoch > epoch, 2_000);
    expect(tookMs).toBeLessThan(1_000);
  });

  test("grants nothing while the cloud cannot be asked", async () => {
    const stage = await Stage.open({ isFenced: true });
    const { active, epoch, world } = stage;
    for (const { name } of world.controllers) world.link(name, CLOUD, true);
    stage.begin({ kind: "isolate", target: "active", forMs: FOR_EVER });
    await stage.run(40_000);
    expect(stage.epoch).toBe(epoch);
    expect(condition(world.group(stage.group.name), "Stalled")).toMatchObject({ reason: "FenceUnproven" });
    for (const { name } of world.controllers) world.link(name, CLOUD, false);
    await stage.until(() => active.isStoppedByCloud, 20_000);
    const tookMs = await stage.until(() => stage.epoch > epoch, 2_000);
    expect(tookMs).toBeLessThan(1_000);
  });
});

describe("force-promote", () => {
  test("is refused after mere expiry towards a member that was not asked, and accepted with a fitting off=", async () => {
    const stage = await Stage.open({ hasDisks: true });
    const { active, standby, epoch, world, group } = stage;
    stage.begin({ kind: "cut-peers", target: "active", way: "both", forMs: FOR_EVER });
    await stage.until(() => world.disk(group.disk ?? "")?.status?.inSync?.members.length === 1, 3_000);
    stage.begin({ kind: "cut-api", target: "active", way: "both", forMs: FOR_EVER });
    await stage.run(WAIT_MS + 1_000);
    world.annotate(group.name, "force-promote", `${standby.node}@${epoch}`);
    await stage.run(2_000);
    expect(stage.epoch).toBe(epoch);
    expect(footprintOf(active, group)).not.toEqual([]);
    active.isStoppedByCloud = true;
    active.crash("switched off by a person", FOR_EVER);
    world.annotate(group.name, "force-promote", `${standby.node}@${epoch},off=${active.node}@${epoch}`);
    await stage.until(() => stage.isServed && stage.active === standby, 3_000);
    expect(world.disk(group.disk ?? "")?.status?.inSync?.members).toEqual([standby.node]);
  });
});

describe("without a watchdog", () => {
  test("the group says that a frozen guard could not be stopped", async () => {
    const stage = await Stage.open({ hasWatchdog: false });
    const ready = condition(stage.world.group(stage.group.name), "WatchdogReady");
    expect(ready).toMatchObject({ status: "False", reason: "NoWatchdog" });
  });
});

describe("isolation targets", () => {
  test("move the group from a member that reaches none to one that does, which starts after it is down", async () => {
    const stage = await Stage.open({ hasTargets: true });
    const { active, standby, group, epoch } = stage;
    stage.begin({ kind: "cut-targets", target: "active", forMs: FOR_EVER });
    await stage.until(() => stage.epoch > epoch, 15_000);
    expect(footprintOf(active, group)).toEqual([]);
    await stage.until(() => stage.isServed && stage.active === standby, 2_000);
  });

  test("that nobody reaches move nothing", async () => {
    const stage = await Stage.open({ hasTargets: true });
    const { epoch } = stage;
    stage.world.checkers.expectStill(true);
    stage.begin({ kind: "cut-targets", target: "active", forMs: FOR_EVER });
    stage.begin({ kind: "cut-targets", target: "standby", forMs: FOR_EVER });
    await stage.run(30_000);
    expect(stage.epoch).toBe(epoch);
  });
});
