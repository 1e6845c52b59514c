import { describe, expect, test } from "vitest";
import { GuardedNode, VIP } from "../../../test/builders/guard.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeDatagrams } from "../../../test/fakes/fake-datagrams.ts";
import { FakeLeaseApi } from "../../../test/fakes/fake-lease-api.ts";
import { presetTimings, revokeWaitMs } from "../../api/timings.ts";

const timings = presetTimings("default");
const { renewDeadlineMs: R, stopBudgetMs: S } = timings;

/** Nodes a, b, c with live heartbeats; a is active in the group of `members` under epoch 1. */
async function cluster(members: readonly string[] = ["a", "b", "c"]) {
  const clock = new FakeClock();
  const api = new FakeLeaseApi(clock);
  const network = new FakeDatagrams();
  const nodeOf = (name: string) => new GuardedNode(clock, { name, api, network });
  const nodes = { a: nodeOf("a"), b: nodeOf("b"), c: nodeOf("c") };
  const lives = { a: await nodes.a.boot(), b: await nodes.b.boot(), c: await nodes.c.boot() };
  const all = ["a", "b", "c"].map((node) => ({ node, address: `ip-${node}` }));
  for (const node of Object.values(nodes)) node.worker.say({ type: "peersWanted", peers: all });
  await clock.advance(3_000);
  expect(await nodes.a.activate(1)).toBe("allowed");
  const { worker } = nodes.a;
  worker.say({ type: "mustAsk", requestId: 900, grant: nodes.a.grant(1), members });
  expect(worker.answerTo(900)).toBe("allowed");
  const promiseTo = (node: GuardedNode) => node.worker.heard.findLast((message) => message.type === "promise")?.promise;
  return { clock, api, network, nodes, lives, promiseTo };
}

describe("when the API server is gone", () => {
  test("the holder goes on with everybody's promise, for as long as it lasts, and its watchdog does not fire", async () => {
    const { clock, api, nodes, promiseTo } = await cluster();
    api.standing = "hang";
    await clock.advance(300_000);
    expect(nodes.a.isServing).toBe(true);
    expect(nodes.a.worker.lastTakeDown()?.cause).toBeUndefined();
    expect(nodes.a.watchdog.hasFired).toBe(false);
    expect(promiseTo(nodes.b)).toEqual({ node: "a", session: "a_life1", epoch: 1, state: "Open" });
    api.standing = undefined;
    await clock.advance(2 * revokeWaitMs(timings));
    expect(nodes.a.isServing).toBe(true);
    expect(nodes.a.lease?.spec?.holderIdentity).toBe("a_life1");
    expect(promiseTo(nodes.b)?.state).toBe("Lapsed");
  });

  test("one member that must be asked does not answer: the holder stops in time, and says so to the others", async () => {
    const { clock, api, network, nodes, promiseTo } = await cluster();
    network.passes = ({ from, to }) => from !== "ip-c" && to !== "ip-c";
    api.standing = "hang";
    await clock.advance(R + 50);
    expect(nodes.a.worker.lastTakeDown()).toMatchObject({ cause: "renew-deadline" });
    expect(promiseTo(nodes.b)?.state).toBe("Open");
    await clock.advance(S);
    expect(nodes.a.isServing).toBe(false);
    await clock.advance(timings.heartbeatIntervalMs);
    expect(promiseTo(nodes.b)).toMatchObject({ epoch: 1, state: "Down" });
  });

  test("a group that runs alone survives without anybody", async () => {
    const { clock, api, network, nodes } = await cluster(["a"]);
    network.passes = () => false;
    api.standing = "hang";
    await clock.advance(60_000);
    expect(nodes.a.isServing).toBe(true);
  });

  test("a holder cut off from everybody stops by itself", async () => {
    const { clock, api, network, nodes } = await cluster();
    network.passes = () => false;
    api.standing = "hang";
    await clock.advance(R + S + 300);
    expect(nodes.a.isServing).toBe(false);
  });

  test("nothing new becomes active under a right that rests on promises", async () => {
    const { clock, api, nodes } = await cluster();
    api.standing = "hang";
    await clock.advance(20_000);
    const other = { ...nodes.a.grant(1), group: "db", groupUid: "uid-db" };
    expect(nodes.a.worker.answerTo(nodes.a.worker.ask(other))).toBe("no-right");
    nodes.a.worker.say({ type: "mustAsk", requestId: 901, grant: nodes.a.grant(1), members: ["a", "b", "c", "d"] });
    expect(nodes.a.worker.answerTo(901)).toBe("no-right");
    nodes.a.worker.say({ type: "mustAsk", requestId: 902, grant: nodes.a.grant(1), members: ["a", "b"] });
    expect(nodes.a.worker.answerTo(902)).toBe("allowed");
  });
});

describe("a member that has promised", () => {
  test("activates nothing of the group, also after a restart of its guard, until the holder says down", async () => {
    const { clock, api, network, nodes, lives } = await cluster();
    api.standing = "hang";
    await clock.advance(6_000);
    api.standing = undefined;
    // a is cut off from the API alone: here its Lease is revoked, as a leader without the veto would.
    await clock.advance(2_000);
    expect(await nodes.b.activate(2)).toBe("promised");
    expect(nodes.b.promiseFile.text).toContain("a_life1");
    network.passes = () => false;
    lives.b.guard.stop();
    await clock.advance(5_000);
    await nodes.b.boot();
    expect(await nodes.b.activate(2)).toBe("promised");
    await clock.advance(revokeWaitMs(timings) + 10);
    expect(await nodes.b.activate(2)).toBe("allowed");
  });

  test("is free as soon as a planned move has taken the holder down", async () => {
    const { clock, api, nodes } = await cluster();
    api.standing = "hang";
    await clock.advance(6_000);
    api.standing = undefined;
    await clock.advance(2_000);
    await nodes.a.addresses.remove("eth0", "10.9.0.1");
    nodes.a.worker.say({ type: "holdingRemoved", holding: VIP });
    nodes.a.worker.say({ type: "deactivated", grant: nodes.a.grant(1) });
    await clock.advance(10);
    expect(await nodes.b.activate(2)).toBe("allowed");
  });

  test("that holds a newer grant gives no promise: the older holder stops", async () => {
    const { clock, api, nodes } = await cluster(["a", "b"]);
    expect(await nodes.b.activate(2)).toBe("allowed");
    api.standing = "hang";
    await clock.advance(R + 50);
    expect(nodes.a.worker.lastTakeDown()).toMatchObject({ cause: "renew-deadline" });
  });
});

test("a member that is granted the group while it is bound gives no further promise: the older holder stops, it starts", async () => {
  const { clock, api, nodes } = await cluster(["a", "b"]);
  api.hanging.add("a"); // a alone is cut off from the API server
  await clock.advance(6_000);
  expect(nodes.a.isServing).toBe(true);
  expect(await nodes.b.activate(2)).toBe("promised");
  await clock.advance(R + S + 500);
  expect(nodes.a.isServing).toBe(false);
  await clock.advance(timings.heartbeatIntervalMs);
  expect(await nodes.b.activate(2)).toBe("allowed");
});

test("what a new worker must report is told to it again", async () => {
  const { clock, api, nodes } = await cluster();
  api.standing = "hang";
  await clock.advance(6_000);
  nodes.b.worker.die();
  await clock.advance(1_000);
  nodes.b.worker.say({ type: "ready" });
  expect(nodes.b.worker.heard).toContainEqual(expect.objectContaining({ type: "promise", groupUid: "uid-web" }));
});
