/**
 * Incidents of comparable products as scenarios for this one; names carry the reference. The invariants of the simulation
 * are checked at every step of each: above all, that never two members have anything of the group.
 */
import { describe, expect, test } from "vitest";
import { CLOCK_RATE_BOUND, presetTimings, revokeWaitMs } from "../../src/api/timings.ts";
import { footprintOf } from "./checkers/footprint.ts";
import { Stage } from "./stage.ts";

const FAST = presetTimings("fast");
const { renewDeadlineMs: R, stopBudgetMs: S, renewIntervalMs, watchdogTimeoutMs: W, sessionDurationMs: L } = FAST;
/** On the slowest clock. */
const WAIT_MS = revokeWaitMs(FAST) * Math.sqrt(CLOCK_RATE_BOUND);
/** An election with the fast timings: rho * D + M + one interval (4 s, 0.25 s, 0.5 s), on the slowest clock. */
const ELECTION_MS = (CLOCK_RATE_BOUND * 4_000 + 250 + 500) * Math.sqrt(CLOCK_RATE_BOUND);
const FOR_EVER = 1e9;

describe("split brain and stale leaders", () => {
  test("kube-vip/kube-vip#996 #1418 #1579 #1775: a member that is cut off keeps no address", async () => {
    const stage = await Stage.open();
    const { active, group } = stage;
    stage.begin({ kind: "isolate", target: "active", forMs: FOR_EVER });
    const tookMs = await stage.until(() => footprintOf(active, group).length === 0, 5_000);
    expect(tookMs).toBeLessThan((R + S) * CLOCK_RATE_BOUND + 150);
    await stage.until(() => stage.isServed && stage.active !== active, WAIT_MS + 1_000);
  });

  test("kube-vip/kube-vip#1747 #1377 #475: after everybody lost everything the group comes back without a restart", async () => {
    const stage = await Stage.open();
    stage.begin({ kind: "cut-members", forMs: 12_000 });
    stage.begin({ kind: "cut-peers", target: "active", way: "both", forMs: 12_000 });
    await stage.run(11_000);
    expect(footprintOf(stage.active, stage.group)).toEqual([]);
    const lives = stage.world.vms.map((vm) => vm.guardProcess?.name);
    await stage.run(1_000);
    await stage.until(() => stage.isServed, 10_000);
    expect(stage.world.vms.map((vm) => vm.guardProcess?.name)).toEqual(lives);
  });

  test("kube-vip/kube-vip#1786: an agent that stops in order releases its session, and the group moves at once", async () => {
    const stage = await Stage.open();
    const { active } = stage;
    active.isAgentRemoved = true;
    active.stopGuard();
    const tookMs = await stage.until(() => stage.isServed && stage.active !== active, 5_000);
    expect(tookMs).toBeLessThan(1_500);
  });

  test.each([R, W, 2 * W, L, WAIT_MS])(
    "acassen/keepalived#2066 #1884 #2649: a guard that gets no processor for %d ms makes no second master",
    async (forMs) => {
      const stage = await Stage.open();
      stage.begin({ kind: "pause-guard", target: "active", forMs });
      await stage.run(forMs + 200);
      await stage.until(() => stage.isServed, 15_000);
    },
  );

  test("acassen/keepalived#950 #166: a leader with an old view does not move the pointer back", async () => {
    const stage = await Stage.open({ controllers: 2 });
    const { world, group, active } = stage;
    stage.begin({ kind: "hold-watches", target: "followers", forMs: 9_000 });
    await stage.run(50);
    stage.begin({ kind: "move" });
    await stage.until(() => stage.active !== active && stage.isServed, 3_000);
    await stage.run(500);
    stage.begin({ kind: "kill-leader" });
    await stage.run(9_000);
    expect(world.cloud.pointerOf(group.address)).toBe(world.enis.get(stage.active.node));
    expect(stage.active).not.toBe(active);
  });

  test("cloudnative-pg/cloudnative-pg#7407 #7465 #11280: the side of a partition that lost stops long before the other starts", async () => {
    const stage = await Stage.open();
    const { active, group, epoch } = stage;
    stage.begin({ kind: "isolate", target: "active", forMs: FOR_EVER });
    await stage.until(() => footprintOf(active, group).length === 0, 5_000);
    const goneMs = stage.world.scheduler.nowMs;
    await stage.until(() => stage.epoch > epoch, WAIT_MS + 1_000);
    expect(stage.world.scheduler.nowMs - goneMs).toBeGreaterThan(1_000);
  });

  test("medik8s/self-node-remediation#258 #261 #251: a machine that is being stopped counts as running until it is off", async () => {
    const stage = await Stage.open({ isFenced: true });
    const { active, epoch } = stage;
    stage.begin({ kind: "isolate", target: "active", forMs: FOR_EVER });
    await stage.until(() => stage.epoch > epoch, 20_000);
    expect(active.lastOffMs).toBeGreaterThan(0);
    expect(active.isStoppedByCloud || stage.world.scheduler.nowMs - active.lastOffMs < 10_000).toBe(true);
  });

  test("medik8s/self-node-remediation#325 #307: a machine that was told to stop and runs on proves nothing", async () => {
    const stage = await Stage.open({ isFenced: true });
    const { epoch, world } = stage;
    const never = (): Promise<void> => Promise.withResolvers<void>().promise;
    world.cloud.ec2.setHypervisor({ start: never, stop: never });
    stage.begin({ kind: "isolate", target: "active", forMs: FOR_EVER });
    await stage.run(60_000);
    expect(stage.epoch).toBe(epoch);
    const stalled = world.group(stage.group.name).status?.conditions?.find(({ type }) => type === "Stalled");
    expect(stalled).toMatchObject({ status: "True", reason: "FenceUnproven" });
  });

  test("kube-vip/kube-vip#947: a second group with the same address is not granted, and the first goes on", async () => {
    const stage = await Stage.open();
    const { world, group, epoch } = stage;
    world.checkers.expectStill(true);
    world.claimAgain(group);
    await stage.run(5_000);
    const rival = world.group(`${group.name}-again`).status;
    expect(rival?.active).toBeUndefined();
    expect(rival?.conditions?.find(({ type }) => type === "Stalled")).toMatchObject({ reason: "ClaimedElsewhere" });
    expect(stage.epoch).toBe(epoch);
  });

  test("ClusterLabs/crmsh#1922 ClusterLabs/pacemaker#1471: timings that the watchdog does not guard are not taken over", async () => {
    const stage = await Stage.open();
    const { world, active } = stage;
    world.checkers.expectStill(true);
    const { timings } = active;
    for (const vm of world.vms) vm.settings = { "session-duration": "9s" };
    await stage.run(12_000);
    expect(active.timings).toEqual(timings);
    for (const vm of world.vms) vm.settings = { "session-duration": "6s" };
    await stage.run(12_000);
    expect(active.timings.sessionDurationMs).toBe(6_000);
  });

  test("medik8s/self-node-remediation#354 #344 #339: the last peer that hears a cut-off holder does not hold the group up", async () => {
    const stage = await Stage.open({ members: 3 });
    const { active, standby, world } = stage;
    standby.isStoppedByCloud = true;
    standby.crash("off", FOR_EVER);
    stage.begin({ kind: "cut-api", target: "active", way: "both", forMs: FOR_EVER });
    const third = world.vms.find((vm) => vm !== active && vm !== standby);
    await stage.until(() => stage.isServed && stage.active === third, 2 * WAIT_MS + 2_000);
  });

  test("ClusterLabs/sbd#76: a healthy member is not reset when its only peer is powered off", async () => {
    const stage = await Stage.open();
    const { active, standby, epoch } = stage;
    stage.world.checkers.expectStill(true);
    standby.isStoppedByCloud = true;
    standby.crash("off", FOR_EVER);
    await stage.run(30_000);
    expect(active.machine.boot).toBe(1);
    expect(stage.epoch).toBe(epoch);
  });
});

describe("arbiter outages and false failovers", () => {
  test.each(["refused", "unanswered", "errors"])(
    "patroni/patroni#3035 #3344 #3403 #3462 #3572 #1767: an API server whose requests are %s for a minute moves nothing",
    async (how) => {
      const stage = await Stage.open({ controllers: 2 });
      const { world, epoch } = stage;
      world.checkers.expectStill(true);
      if (how === "errors") stage.begin({ kind: "api-flaky", refusals: 1, stale: 0, forMs: 60_000 });
      else stage.begin({ kind: "api-outage", hangs: how === "unanswered", forMs: 60_000 });
      await stage.run(80_000);
      expect(stage.epoch).toBe(epoch);
    },
  );

  test("patroni/patroni#3035 #3344: renewals whose answers are lost, and that then meet their own conflict, move nothing", async () => {
    const stage = await Stage.open();
    const { world, epoch } = stage;
    world.checkers.expectStill(true);
    stage.begin({ kind: "bad-client", target: "active", loss: 0.3, late: 0.3, lateMs: 900, forMs: 60_000 });
    await stage.run(75_000);
    expect(stage.epoch).toBe(epoch);
  });

  test("canonical/postgresql-k8s-operator#669: the API server is down for five minutes and clients notice nothing", async () => {
    const stage = await Stage.open({ members: 3, groups: 3, controllers: 2 });
    stage.world.checkers.expectStill(true);
    stage.begin({ kind: "api-outage", hangs: true, forMs: 300_000 });
    await stage.run(330_000);
    expect(stage.world.checkers.troubles()).toEqual([]);
  });

  test("cloudnative-pg/cloudnative-pg#10287: a blip of 45 s that members and leader see alike cascades into nothing", async () => {
    const stage = await Stage.open({ members: 3, groups: 3, controllers: 2 });
    stage.world.checkers.expectStill(true);
    stage.begin({ kind: "cut-members", forMs: 45_000 });
    stage.begin({ kind: "no-leases", target: "leader", forMs: 45_000 });
    await stage.run(70_000);
    expect(stage.world.checkers.troubles()).toEqual([]);
  });

  test("kube-vip/kube-vip#318: killing a standby and its return disturb nobody", async () => {
    const stage = await Stage.open({ members: 3 });
    stage.world.checkers.expectStill(true);
    for (const kind of ["kill-guard", "kill-worker", "stop-guard"] as const) {
      stage.begin({ kind, target: "standby" });
      await stage.run(6_000);
    }
    stage.begin({ kind: "crash", target: "standby", downMs: 2_000 });
    await stage.run(20_000);
    expect(stage.world.checkers.troubles()).toEqual([]);
  });

  test("metallb/metallb#795 kube-vip/kube-vip#430: a member that comes back does not take its group back", async () => {
    const stage = await Stage.open();
    const { active } = stage;
    stage.begin({ kind: "crash", target: "active", downMs: 8_000 });
    await stage.until(() => stage.isServed && stage.active !== active, WAIT_MS + 2_000);
    const { epoch } = stage;
    await stage.run(30_000);
    expect(stage.active).not.toBe(active);
    expect(stage.epoch).toBe(epoch);
  });
});

describe("slow and opaque failover", () => {
  test("cloudnative-pg/cloudnative-pg#6154 #6168 metallb/metallb#298 #524 #1147 kube-vip/kube-vip#235: a dead machine is followed within rho*L + M", async () => {
    const stage = await Stage.open();
    const { epoch } = stage;
    stage.begin({ kind: "crash", target: "active", downMs: FOR_EVER });
    const tookMs = await stage.until(() => stage.epoch > epoch, 10_000);
    expect(tookMs).toBeLessThan(WAIT_MS + renewIntervalMs + 100);
  });

  test("a leader that dies with the active member costs an election at most, for the other replica has been counting", async () => {
    const stage = await Stage.open({ controllers: 2 });
    const { epoch } = stage;
    stage.begin({ kind: "crash", target: "active", downMs: FOR_EVER });
    stage.begin({ kind: "kill-leader" });
    const tookMs = await stage.until(() => stage.epoch > epoch, 20_000);
    expect(tookMs).toBeLessThan(Math.max(ELECTION_MS, WAIT_MS) + renewIntervalMs + 100);
  });

  test("LINBIT/drbd-reactor#1: two members that could follow do not race", async () => {
    const stage = await Stage.open({ members: 3, controllers: 2 });
    const { active, epoch } = stage;
    stage.begin({ kind: "crash", target: "active", downMs: FOR_EVER });
    await stage.until(() => stage.isServed && stage.active !== active, WAIT_MS + 2_000);
    await stage.run(10_000);
    expect(stage.epoch).toBe(epoch + 1);
  });

  test("piraeusdatastore/piraeus-operator#518 #519: a machine that was stopped as proof is started and joins again", async () => {
    const stage = await Stage.open({ isFenced: true });
    const { active } = stage;
    stage.begin({ kind: "freeze-vm", target: "active", forMs: FOR_EVER, stopsMonotonic: false });
    await stage.until(() => stage.isServed && stage.active !== active, 25_000);
    await stage.until(() => active.machine.isOn && active.guardProcess !== undefined, 30_000);
    await stage.run(10_000);
    expect(stage.world.checkers.troubles()).toEqual([]);
  });
});

describe("copies of a disk", () => {
  test("patroni/patroni#3248: an outage of the API server takes no copy out of the set", async () => {
    const stage = await Stage.open({ hasDisks: true });
    const { world, group } = stage;
    world.checkers.expectStill(true);
    const before = world.disk(group.disk ?? "")?.status?.inSync;
    stage.begin({ kind: "api-outage", hangs: true, forMs: 60_000 });
    await stage.run(75_000);
    expect(world.disk(group.disk ?? "")?.status?.inSync).toEqual(before);
  });

  test("piraeusdatastore/piraeus-operator#942 #1031: a primary of before does not stand in the way, and joins again", async () => {
    const stage = await Stage.open({ hasDisks: true });
    const { world, group, active } = stage;
    stage.begin({ kind: "isolate", target: "active", forMs: 12_000 });
    await stage.until(() => stage.isServed && stage.active !== active, WAIT_MS + 2_000);
    expect(world.disk(group.disk ?? "")?.status?.primary?.node).toBe(stage.active.node);
    await stage.until(() => world.checkers.troubles().length === 0, 20_000);
    expect(world.disk(group.disk ?? "")?.status?.inSync?.members).toContain(active.node);
  });

  test("cloudnative-pg/cloudnative-pg#11280 longhorn/longhorn#11271: a member whose copy lacks writes is never granted by itself", async () => {
    const stage = await Stage.open({ hasDisks: true });
    const { world, group, active, standby, epoch } = stage;
    stage.begin({ kind: "cut-peers", target: "active", way: "both", forMs: FOR_EVER });
    await stage.until(() => world.disk(group.disk ?? "")?.status?.inSync?.members.length === 1, 3_000);
    active.isStoppedByCloud = true;
    active.crash("off", FOR_EVER);
    await stage.run(30_000);
    expect(stage.epoch).toBe(epoch);
    const verdict = world.group(group.name).status?.members?.find(({ node }) => node === standby.node);
    expect(verdict).toMatchObject({ state: "NotPromotable", reason: "NotInSync" });
  });
});
