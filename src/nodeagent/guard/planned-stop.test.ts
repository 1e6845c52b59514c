import { describe, expect, test } from "vitest";
import { GuardedNode } from "../../../test/builders/guard.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { LEASE_ANNOTATIONS, type NodeFacts } from "../../api/session-lease.ts";

async function serving() {
  const node = new GuardedNode(new FakeClock());
  const { guard, stopped } = await node.boot();
  expect(await node.activate(1)).toBe("allowed");
  await node.clock.advance(2_000);
  return { node, guard, stopped };
}

const factsOf = (node: GuardedNode): NodeFacts =>
  JSON.parse(node.lease?.metadata.annotations?.[LEASE_ANNOTATIONS.facts] ?? "{}") as NodeFacts;

describe("a planned stop", () => {
  test("of the machine, as the worker heard it announced: everything down at once, the session released [REQ 5.3.8]", async () => {
    const { node, stopped } = await serving();
    node.worker.say({ type: "shutdown", how: "PrepareForShutdown" });
    expect(node.worker.lastTakeDown()).toMatchObject({ cause: "shutdown" });
    await node.takeDownGently();
    await node.clock.advance(1_000);
    await stopped;
    expect(node.ended).toBe("Released");
    expect(factsOf(node).isRestarting).toBeUndefined();
  });

  test("of the agent alone says first that it comes back, and goes on serving until whoever decides has heard it", async () => {
    const { node, guard, stopped } = await serving();
    guard.stopToRestart();
    await node.clock.advance(node.timings.renewIntervalMs + node.timings.requestTimeoutMs);
    expect(factsOf(node).isRestarting).toBe(true);
    expect(node.worker.lastTakeDown()).toBeUndefined();
    expect(node.isServing).toBe(true);
    await node.clock.advance(node.timings.readGapMs + 100);
    await node.takeDownGently();
    await node.clock.advance(1_000);
    await stopped;
    expect(node.ended).toBe("Released");
  });

  test("of the agent that turns out to be the machine's takes its word back", async () => {
    const { node, guard, stopped } = await serving();
    guard.stopToRestart();
    await node.clock.advance(1_500);
    expect(factsOf(node).isRestarting).toBe(true);
    node.worker.say({ type: "shutdown", how: "PrepareForShutdown" });
    await node.takeDownGently();
    await node.clock.advance(1_000);
    await stopped;
    expect(node.ended).toBe("Released");
    expect(factsOf(node).isRestarting).toBeUndefined();
  });

  test("that is asked for twice does not wait, nor one with nothing active", async () => {
    const { node, guard } = await serving();
    guard.stopToRestart();
    guard.stop();
    expect(node.worker.lastTakeDown()).toMatchObject({ cause: "shutdown" });
    const idle = new GuardedNode(new FakeClock());
    const booted = await idle.boot();
    await idle.clock.advance(2_000);
    booted.guard.stopToRestart();
    await idle.clock.advance(500);
    await booted.stopped;
    expect(idle.ended).toBe("Released");
  });
});

describe("the final action", () => {
  test("boots the machine anew after everything is down and the session released", async () => {
    const node = new GuardedNode(new FakeClock());
    const reasons: string[] = [];
    const { stopped } = await node.boot({
      reboot: { now: async (reason) => void reasons.push(`${reason}; session ${node.ended ?? "held"}`) },
    });
    expect(await node.activate(1)).toBe("allowed");
    node.worker.say({ type: "rebootWanted", grant: node.grant(1, "n1_other") });
    expect(node.worker.lastTakeDown()).toBeUndefined();
    node.worker.say({ type: "rebootWanted", grant: node.grant(1) });
    await node.takeDownGently();
    await node.clock.advance(1_000);
    await stopped;
    expect(reasons).toEqual(["default/web failed on every member; session Released"]);
  });

  test("boots it all the same when it does not go down", async () => {
    const node = new GuardedNode(new FakeClock());
    const reasons: string[] = [];
    await node.boot({ reboot: { now: async (reason) => void reasons.push(reason) } });
    expect(await node.activate(1)).toBe("allowed");
    node.addresses.failure = new Error("the kernel does not answer");
    node.worker.say({ type: "rebootWanted", grant: node.grant(1) });
    await node.clock.advance(29_000);
    expect(reasons).toEqual([]);
    await node.clock.advance(2_000);
    expect(reasons).toHaveLength(1);
  });
});
