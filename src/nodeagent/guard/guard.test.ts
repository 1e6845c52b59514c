import { describe, expect, test } from "vitest";
import { GuardedNode, VIP } from "../../../test/builders/guard.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";

const setUp = (options: ConstructorParameters<typeof GuardedNode>[1] = {}) => new GuardedNode(new FakeClock(), options);

async function serving(options: ConstructorParameters<typeof GuardedNode>[1] = {}) {
  const node = setUp(options);
  const { guard, stopped } = await node.boot();
  expect(await node.activate(1)).toBe("allowed");
  expect(node.isServing).toBe(true);
  return { node, guard, stopped, ...node.timings };
}

describe("activation", () => {
  test("is allowed under the session in force, with the watchdog armed first and the holding recorded", async () => {
    const { node } = await serving();
    expect(node.watchdog.isArmed).toBe(true);
    expect(node.file.text).toContain("10.9.0.1/32");
    expect(node.worker.heard).toContainEqual({ type: "session", session: "n1_life1" });
  });

  test("is refused under another session, an older epoch, an epoch given up, and a promise", async () => {
    const node = setUp();
    await node.boot();
    const ask = (epoch: number, session?: string) => node.worker.answerTo(node.worker.ask(node.grant(epoch, session)));
    expect(ask(5, "n1_other")).toBe("wrong-session");
    expect(ask(5)).toBe("allowed");
    expect(ask(4)).toBe("older-epoch");
    node.worker.say({ type: "deactivated", grant: node.grant(5) });
    expect(ask(5)).toBe("given-up");
    node.promisedGroups.add("uid-web");
    expect(ask(6)).toBe("promised");
    node.promisedGroups.clear();
    expect(ask(6)).toBe("allowed");
  });

  test("is refused before there is a session and after the right has ended", async () => {
    const node = setUp();
    node.api.standing = "hang";
    await node.boot();
    expect(await node.activate(1)).toBe("no-right");
    node.api.standing = undefined;
    await node.clock.advance(3_000);
    node.api.standing = "hang";
    await node.clock.advance(node.timings.renewDeadlineMs + 100);
    expect(await node.activate(1)).toBe("no-right");
  });

  test("is refused when the watchdog cannot be armed, and allowed without one unless it is demanded", async () => {
    const broken = setUp();
    broken.watchdog.isBroken = true;
    await broken.boot();
    expect(await broken.activate(1)).toBe("watchdog-unarmed");
    broken.watchdog.isBroken = false;
    expect(await broken.activate(1)).toBe("allowed");
    const none = setUp({ watchdog: "None" });
    await none.boot();
    expect(await none.activate(1)).toBe("allowed");
    const demanded = setUp({ watchdog: "None" });
    await demanded.boot({ isWatchdogRequired: true });
    expect(await demanded.activate(1)).toBe("watchdog-unarmed");
  });

  test("a right that ends while a holding is being written is looked at again", async () => {
    const node = setUp();
    await node.boot();
    expect(node.worker.answerTo(node.worker.ask(node.grant(1)))).toBe("allowed");
    const gate = Promise.withResolvers<void>();
    node.file.gate = gate.promise;
    const asked = node.worker.hold(VIP);
    node.api.standing = "hang";
    await node.clock.advance(node.timings.renewDeadlineMs + 50);
    node.file.gate = undefined;
    gate.resolve();
    await node.clock.advance(1);
    expect(node.worker.answerTo(asked)).toBe("taking-down");
  });

  test("nothing is brought up that could not be recorded, or that belongs to no grant", async () => {
    const node = setUp();
    await node.boot();
    const early = node.worker.hold(VIP);
    await node.clock.advance(1);
    expect(node.worker.answerTo(early)).toBe("no-right");
    node.file.isBroken = true;
    expect(await node.activate(1)).toBe("no-right");
  });
});

describe("the end of the right", () => {
  test("an API server that does not answer: the worker takes down at R, a new session follows when it answers again", async () => {
    const { node, renewDeadlineMs } = await serving();
    node.api.standing = "hang";
    await node.clock.advance(renewDeadlineMs + 50);
    expect(node.worker.lastTakeDown()).toMatchObject({ cause: "renew-deadline" });
    await node.takeDownGently();
    expect(node.watchdog.isArmed).toBe(false);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1");
    node.api.standing = undefined;
    await node.clock.advance(2_000);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1-2");
    expect(await node.activate(1)).toBe("given-up");
    expect(await node.activate(2)).toBe("allowed");
  });

  test("a worker that does not take down is cut at R+S, its address removed, before the watchdog fires", async () => {
    const { node, renewDeadlineMs, stopBudgetMs } = await serving();
    const command = node.processes.start({ environment: { UNDERSTUDY_NODE: "n1" } });
    const stuckWorker = node.worker;
    node.api.standing = "hang";
    await node.clock.advance(renewDeadlineMs + stopBudgetMs + 300);
    expect(node.isServing).toBe(false);
    expect(node.processes.running.has(command.pid)).toBe(false);
    expect(node.processes.running.has(stuckWorker.process.pid)).toBe(false);
    expect(node.watchdog.hasFired).toBe(false);
    await node.clock.advance(60_000);
    expect(node.workers).toHaveLength(2);
    expect(node.watchdog.hasFired).toBe(false);
  });

  test("a process that cannot be killed is not down: the watchdog fires, and no session is acquired", async () => {
    const { node, watchdogTimeoutMs } = await serving();
    const stuck = node.processes.start({ environment: { UNDERSTUDY_NODE: "n1" }, isStuck: true });
    node.worker.die();
    await node.clock.advance(2 * watchdogTimeoutMs);
    expect(node.watchdog.hasFired).toBe(true);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1");
    stuck.isStuck = false;
    await node.clock.advance(1_000);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1-2");
  });

  test("addresses that cannot be read are not down", async () => {
    const { node } = await serving();
    node.addresses.failure = new Error("no answer");
    node.worker.die();
    await node.clock.advance(5_000);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1");
    node.addresses.failure = undefined;
    await node.clock.advance(1_000);
    expect(node.isServing).toBe(false);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1-2");
  });

  test("a worker's word is not believed: what it left is cut", async () => {
    const { node, renewDeadlineMs } = await serving();
    node.api.standing = "hang";
    await node.clock.advance(renewDeadlineMs + 50);
    node.worker.say({ type: "down", takeDownId: node.worker.lastTakeDown()?.takeDownId ?? 0 });
    await node.clock.advance(300);
    expect(node.isServing).toBe(false);
  });

  test("a late `down` of an earlier take-down proves nothing", async () => {
    const { node, guard, renewDeadlineMs } = await serving();
    node.api.standing = "hang";
    await node.clock.advance(renewDeadlineMs + 50);
    node.worker.say({ type: "down", takeDownId: (node.worker.lastTakeDown()?.takeDownId ?? 0) - 1 });
    await node.clock.advance(50);
    expect(guard.state.takeDown).toBeDefined();
    expect(node.isServing).toBe(true);
  });

  test("a lost race ends with everything down", async () => {
    const { node } = await serving();
    const { lease } = node;
    if (lease !== undefined)
      node.api.put({ ...lease, metadata: { ...lease.metadata, annotations: { [LEASE_ANNOTATIONS.ended]: "Fenced" } } });
    await node.clock.advance(2_000);
    expect(node.worker.lastTakeDown()).toMatchObject({ cause: "session-lost" });
    await node.takeDownGently();
    await node.clock.advance(1_000);
    expect(node.isServing).toBe(false);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1-2");
  });

  test("a lost worker ends with everything down and a new worker under a new session", async () => {
    const { node } = await serving();
    node.worker.die();
    await node.clock.advance(2_000);
    expect(node.isServing).toBe(false);
    expect(node.workers).toHaveLength(2);
    node.worker.say({ type: "ready" });
    expect(node.worker.heard).toContainEqual({ type: "session", session: "n1_life1-2" });
  });

  test("a worker that is lost while nothing is active costs no session", async () => {
    const node = setUp();
    await node.boot();
    node.worker.die();
    await node.clock.advance(5_000);
    expect(node.workers).toHaveLength(2);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1");
  });
});

describe("the watchdog", () => {
  test("is petted by renewals only", async () => {
    const { node, renewIntervalMs, watchdogTimeoutMs } = await serving();
    await node.clock.advance(20 * renewIntervalMs);
    expect(node.watchdog.hasFired).toBe(false);
    const { pets } = node.watchdog;
    expect(pets).toBeGreaterThan(15);
    expect(pets).toBeLessThanOrEqual(21);
    node.api.standing = "hang";
    await node.clock.advance(watchdogTimeoutMs - 1_500);
    expect(node.watchdog.pets).toBeLessThanOrEqual(pets + 1);
  });

  test("rests when nothing is active", async () => {
    const { node } = await serving();
    await node.addresses.remove("eth0", "10.9.0.1");
    node.worker.say({ type: "holdingRemoved", holding: VIP });
    expect(node.watchdog.isArmed).toBe(true);
    node.worker.say({ type: "deactivated", grant: node.grant(1) });
    expect(node.watchdog.isArmed).toBe(false);
    await node.clock.advance(60_000);
    expect(node.lease?.spec?.holderIdentity).toBe("n1_life1");
  });

  test("left running by a killed guard is opened only when everything is proven down, and then stopped", async () => {
    const { node } = await serving();
    // The old guard is gone; its timer runs on. The new one finds the address and cannot remove it yet.
    const before = node.watchdog.pets;
    node.addresses.failure = new Error("no answer");
    await node.boot();
    expect(node.watchdog.isArmed).toBe(true);
    node.addresses.failure = undefined;
    await node.clock.advance(500);
    expect(node.watchdog.isArmed).toBe(false);
    expect(node.watchdog.hasFired).toBe(false);
    expect(node.watchdog.pets).toBeLessThanOrEqual(before + 1);
  });
});

describe("a killed guard", () => {
  test("its next life takes down what it left before it acquires a session, and resumes nothing", async () => {
    const node = setUp();
    const first = await node.boot();
    expect(await node.activate(1)).toBe("allowed");
    const oldWorker = node.worker;
    const left = node.processes.start({ environment: { UNDERSTUDY_NODE: "n1" } });
    node.api.standing = "hang"; // the first life is dead: it says nothing any more
    await node.boot();
    expect(node.isServing).toBe(false);
    expect(node.processes.running.has(left.pid)).toBe(false);
    expect(node.processes.running.has(oldWorker.process.pid)).toBe(false);
    expect(first.guard.state.config.lifeId).toBe("life1");
    node.api.standing = undefined;
    await node.clock.advance(3_000);
    expect(node.lease?.spec?.holderIdentity).toMatch(/^n1_life2/);
  });

  test("a process of another boot with a recorded number is left alone", async () => {
    const node = setUp();
    const innocent = node.processes.start();
    node.file.text = JSON.stringify({
      version: 1,
      bootId: "boot-0",
      isWatchdogArmed: true,
      holdings: [{ kind: "process-group", processGroup: innocent.pid, startTicks: innocent.startTicks }],
    });
    await node.boot();
    expect(node.processes.running.has(innocent.pid)).toBe(true);
  });

  test("a later process with a recorded number is left alone, a leaderless group is not", async () => {
    const node = setUp();
    const later = node.processes.start();
    const member = node.processes.start({ leader: 777 });
    node.file.text = JSON.stringify({
      version: 1,
      bootId: "boot-1",
      isWatchdogArmed: false,
      holdings: [
        { kind: "process-group", processGroup: later.pid, startTicks: later.startTicks - 1 },
        { kind: "process-group", processGroup: 777, startTicks: 5 },
      ],
    });
    await node.boot();
    expect(node.processes.running.has(later.pid)).toBe(true);
    expect(node.processes.running.has(member.pid)).toBe(false);
  });

  test("refuses to start on a record it cannot understand", async () => {
    const node = setUp();
    node.file.text = '{"version":9}';
    await expect(node.boot()).rejects.toThrow("version 1");
  });
});

describe("a planned stop", () => {
  test("takes everything down, releases the session and ends the worker", async () => {
    const { node, guard, stopped } = await serving();
    guard.stop();
    expect(node.worker.lastTakeDown()).toMatchObject({ cause: "shutdown" });
    expect(await node.activate(2)).toBe("taking-down");
    await node.takeDownGently();
    await node.clock.advance(1_000);
    await stopped;
    expect(node.ended).toBe("Released");
    expect(node.watchdog.isArmed).toBe(false);
    expect(node.processes.running.size).toBe(0);
  });

  test("during an API outage ends without a release, with everything down", async () => {
    const { node, guard, stopped } = await serving();
    node.api.standing = "hang";
    guard.stop();
    await node.takeDownGently();
    await node.clock.advance(10_000);
    await stopped;
    expect(node.ended).toBeUndefined();
    expect(node.isServing).toBe(false);
  });
});

test("a message that is none of the protocol is not heard", async () => {
  const node = setUp();
  const { guard } = await node.boot();
  node.worker.say({ type: "mayActivate", requestId: 1 } as never);
  node.worker.say({
    type: "holdingAdded",
    requestId: 1,
    holding: { kind: "process-group", processGroup: 1, startTicks: 1 },
  });
  expect(guard.activity.active).toEqual([]);
});
