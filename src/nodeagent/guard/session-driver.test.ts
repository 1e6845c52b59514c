import { describe, expect, test } from "vitest";
import { holdingGuard as holding, sessionGuard as setUp } from "../../../test/builders/session-guard.ts";
import { LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { presetTimings } from "../../api/timings.ts";
import { readInstant } from "../../lib/clock.ts";

const timings = presetTimings("default");
const { renewDeadlineMs: R, stopBudgetMs: S, renewIntervalMs: interval } = timings;

function stranger(lease: Lease, change: { holder?: string; ended?: string }): Lease {
  const annotations = { ...lease.metadata.annotations };
  if (change.ended !== undefined) annotations[LEASE_ANNOTATIONS.ended] = change.ended;
  const spec = { ...lease.spec, ...(change.holder === undefined ? {} : { holderIdentity: change.holder }) };
  return { ...lease, metadata: { ...lease.metadata, annotations }, spec };
}

describe("acquiring", () => {
  test("nothing is written before the take-down of what an earlier life left is proven", async () => {
    const { driver, clock, api, ofType } = setUp();
    driver.dispatch({ type: "started" });
    await clock.advance(60_000);
    expect(api.sent).toEqual([]);
    expect(ofType("hardCut")).toHaveLength(1);
    driver.dispatch({ type: "downProven" });
    await clock.advance(10);
    expect(api.sent.map((request) => request.verb)).toEqual(["get", "create"]);
  });

  test("the Lease of an earlier life is replaced by compare-and-set, its end removed, strangers' labels kept", async () => {
    const { driver, clock, api, lease, session } = setUp();
    api.put({
      metadata: {
        name: "n1",
        namespace: "understudy-system",
        labels: { theirs: "1" },
        annotations: { [LEASE_ANNOTATIONS.ended]: "Expired" },
      },
      spec: { holderIdentity: "n1_earlier", leaseTransitions: 4 },
    } as Lease);
    driver.dispatch({ type: "started" });
    driver.dispatch({ type: "downProven" });
    await clock.advance(10);
    expect(session()).toBe("n1_life");
    expect(lease().spec).toMatchObject({ holderIdentity: "n1_life", leaseTransitions: 5 });
    expect(lease().metadata.labels).toMatchObject({ theirs: "1", "understudy.dev/session": "true" });
    expect(lease().metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBeUndefined();
  });

  test("a conflict while acquiring is read again and tried again", async () => {
    const { driver, clock, api, session, lease } = setUp();
    driver.dispatch({ type: "started" });
    api.faults.push("ok", "late");
    driver.dispatch({ type: "downProven" });
    await clock.advance(10);
    api.put({ metadata: { name: "n1" }, spec: { holderIdentity: "n1_other" } } as Lease);
    await clock.advance(3_000);
    expect(session()).toBe("n1_life");
    expect(api.carryOutLate()).toBe(false);
    expect(lease().spec?.holderIdentity).toBe("n1_life");
  });

  test("an acquisition whose reply is lost counts from its send once its nonce is read back", async () => {
    const { driver, clock, api, session, ofType } = setUp();
    driver.dispatch({ type: "started" });
    api.faults.push("ok", "lostReply");
    driver.dispatch({ type: "downProven" });
    await clock.advance(timings.requestTimeoutMs + 10);
    expect(session()).toBe("n1_life");
    expect(ofType("prolonged")[0]?.base.monotonicMs).toBeLessThan(10);
  });

  test("a session acquired unknowingly and ended since is not taken for a right", async () => {
    const { driver, clock, api, session, lease } = setUp();
    driver.dispatch({ type: "started" });
    api.faults.push("ok", "lostReply", "hang");
    driver.dispatch({ type: "downProven" });
    await clock.advance(timings.requestTimeoutMs + 10);
    api.put(stranger(lease(), { ended: "Expired" }));
    await clock.advance(5_000);
    expect(session()).toBe("n1_life-2");
  });
});

describe("renewing", () => {
  test("the right counts from the send and is prolonged by every renewal with a fresh nonce", async () => {
    const { clock, api, driver, ofType, right } = await holding();
    await clock.advance(20 * interval);
    expect(right()).toBeGreaterThan(R - interval - 100);
    const nonces = api.sent.map((request) => request.object?.metadata.annotations?.[LEASE_ANNOTATIONS.nonce]);
    const written = nonces.filter((nonce) => nonce !== undefined);
    expect(new Set(written).size).toBe(written.length);
    expect(ofType("takeDown").filter((effect) => effect.cause !== "restart")).toEqual([]);
    expect(driver.state.unknown).toEqual([]);
  });

  test("a renewal whose reply is lost is resolved by its nonce without a take-down", async () => {
    const { clock, api, ofType } = await holding();
    await clock.advance(interval);
    api.faults.push("lostReply");
    await clock.advance(3 * interval);
    expect(ofType("renewal").map((effect) => effect.outcome)).toContain("resolved");
    expect(ofType("takeDown").filter((effect) => effect.cause !== "restart")).toEqual([]);
  });

  test("a conflict caused by the guard's own delayed write is not a lost race, and counts from that write's send", async () => {
    const { clock, api, ofType, driver } = await holding();
    await clock.advance(interval);
    api.faults.push("late", "ok", "late");
    await clock.advance(interval + timings.requestTimeoutMs); // first renewal unknown, read back: not there yet
    const firstSentAt = driver.state.unknown[0]?.sentAt;
    expect(firstSentAt).toBeDefined();
    expect(api.carryOutLate()).toBe(true);
    expect(api.carryOutLate()).toBe(false);
    await clock.advance(timings.requestTimeoutMs + 20);
    expect(ofType("prolonged").map((effect) => effect.base)).toContainEqual(firstSentAt);
    expect(ofType("renewal").map((effect) => effect.outcome)).not.toContain("lost");
    expect(ofType("takeDown").filter((effect) => effect.cause !== "restart")).toEqual([]);
  });

  test("a lost race ends with everything down, and only then a new session begins", async () => {
    const { clock, api, ofType, session, lease, driver } = await holding();
    api.put(stranger(lease(), { ended: "Expired" }));
    await clock.advance(2 * interval);
    expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "session-lost" });
    expect(session()).toBeUndefined();
    const before = api.sent.length;
    await clock.advance(60_000);
    expect(ofType("hardCut").at(-1)).toMatchObject({ cause: "session-lost" });
    expect(api.sent).toHaveLength(before);
    driver.dispatch({ type: "downProven" });
    await clock.advance(100);
    expect(session()).toBe("n1_life-2");
  });

  test.each([
    ["a foreign holder", (lease: Lease) => stranger(lease, { holder: "n1_other" })],
    ["an ended session", (lease: Lease) => stranger(lease, { ended: "Fenced" })],
    [
      "a nonce nobody here wrote",
      (lease: Lease) => ({
        ...lease,
        metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, [LEASE_ANNOTATIONS.nonce]: "x" } },
      }),
    ],
  ])("%s on the Lease is a lost session", async (_name, change) => {
    const { clock, api, ofType, lease } = await holding();
    api.put(change(lease()));
    await clock.advance(2 * interval);
    expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "session-lost" });
  });

  test("a deleted Lease is a lost session", async () => {
    const { clock, api, ofType } = await holding();
    api.remove("n1");
    await clock.advance(2 * interval);
    expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "session-lost" });
  });

  test("a label put on by a stranger is no lost race", async () => {
    const { clock, api, ofType, lease } = await holding();
    api.put({ ...lease(), metadata: { ...lease().metadata, labels: { ...lease().metadata.labels, theirs: "1" } } });
    await clock.advance(5 * interval);
    expect(ofType("takeDown").filter((effect) => effect.cause !== "restart")).toEqual([]);
    expect(lease().metadata.labels).toMatchObject({ theirs: "1" });
  });
});

describe("the end of the right", () => {
  test.each(["hang", "unreachable", "late"] as const)(
    "an API server that answers with %s: take-down at R, hard cut at R+S",
    async (fault) => {
      const { clock, api, ofType, driver } = await holding();
      await clock.advance(interval);
      const sentAt = driver.state.base;
      api.standing = fault;
      const start = sentAt?.monotonicMs ?? 0;
      await clock.advance(start + R - clock.monotonicMs() - 1);
      expect(ofType("takeDown").at(-1)?.cause).toBe("restart");
      await clock.advance(2);
      expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "renew-deadline" });
      expect(ofType("session").at(-1)).toEqual({ type: "session", session: undefined });
      await clock.advance(S - 3);
      expect(ofType("hardCut").at(-1)?.cause).toBe("restart");
      await clock.advance(4);
      expect(ofType("hardCut").at(-1)).toMatchObject({ cause: "renew-deadline" });
    },
  );

  test("a reply that arrives during a take-down neither prolongs the right nor pets", async () => {
    const { clock, api, ofType, driver } = await holding();
    await clock.advance(interval);
    api.standing = "hang";
    await clock.advance(R + 100);
    expect(driver.state.takeDown?.cause).toBe("renew-deadline");
    const prolonged = ofType("prolonged").length;
    api.standing = "ok";
    await clock.advance(5_000);
    expect(ofType("prolonged")).toHaveLength(prolonged);
    driver.dispatch({ type: "downProven" });
    await clock.advance(100);
    expect(driver.state.announced).toBe("n1_life-2");
  });

  test("a wall clock stepped forward ends the right; stepped back it does not prolong it", async () => {
    const forward = await holding();
    forward.api.standing = "hang";
    await forward.clock.advance(1_000);
    forward.clock.stepWall(R);
    await forward.clock.advance(250);
    expect(forward.ofType("takeDown").at(-1)).toMatchObject({ cause: "renew-deadline" });
    const back = await holding();
    back.api.standing = "hang";
    back.clock.stepWall(-60_000);
    await back.clock.advance(R + 1);
    expect(back.ofType("takeDown").at(-1)).toMatchObject({ cause: "renew-deadline" });
  });

  test("a reply read after a long pause of this process neither pets nor saves the right", async () => {
    const { clock, api, driver, ofType } = await holding();
    api.faults.push("hang");
    await clock.advance(interval);
    const { inFlight, lease } = driver.state;
    if (inFlight === undefined || lease === undefined) throw new Error("no renewal is under way");
    const prolonged = ofType("prolonged").length;
    clock.stepWall(R + 1); // the pause; then the reply is the first thing to be read
    driver.dispatch({ type: "answered", requestId: inFlight.requestId, answer: { kind: "written", lease } });
    expect(ofType("prolonged")).toHaveLength(prolonged);
    expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "renew-deadline" });
  });

  test("a pause that only the peers' clocks show shortens the right, also of a renewal under way", async () => {
    const { clock, api, driver, right, ofType } = await holding();
    const before = right();
    driver.dispatch({ type: "pauseFound", pauseMs: 1_000 });
    expect(right()).toBe(before - 1_000);
    api.faults.push("hang");
    await clock.advance(interval);
    const { inFlight, lease } = driver.state;
    if (inFlight === undefined || lease === undefined) throw new Error("no renewal is under way");
    driver.dispatch({ type: "pauseFound", pauseMs: R });
    driver.dispatch({ type: "answered", requestId: inFlight.requestId, answer: { kind: "written", lease } });
    expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "renew-deadline" });
  });

  test("with nothing active an API outage ends no session: it goes on under the same name", async () => {
    const { clock, api, session, ofType } = await holding(false);
    api.standing = "hang";
    await clock.advance(60_000);
    expect(session()).toBeUndefined();
    api.standing = undefined;
    await clock.advance(3_000);
    expect(session()).toBe("n1_life");
    expect(ofType("takeDown").filter((effect) => effect.cause !== "restart")).toEqual([]);
  });

  test("a promise round prolongs an unbroken right and never a lapsed one", async () => {
    const { clock, api, driver, right } = await holding();
    api.standing = "hang";
    await clock.advance(2_000);
    driver.dispatch({ type: "promiseRound", askedAt: readInstant(clock) });
    expect(right()).toBe(R);
    await clock.advance(R);
    driver.dispatch({ type: "downProven" });
    driver.dispatch({ type: "promiseRound", askedAt: readInstant(clock) });
    expect(right()).toBe(0);
  });

  test("a lost worker is cut at once", async () => {
    const { driver, ofType } = await holding();
    driver.dispatch({ type: "takeDownWanted", cause: "worker-lost" });
    expect(ofType("hardCut").at(-1)).toMatchObject({ cause: "worker-lost" });
  });
});

describe("a planned stop", () => {
  test("keeps renewing while it takes down, then writes the end by compare-and-set", async () => {
    const { driver, clock, ofType, lease, api } = await holding();
    driver.dispatch({ type: "stopWanted" });
    expect(ofType("takeDown").at(-1)).toMatchObject({ cause: "shutdown" });
    const before = api.sent.length;
    await clock.advance(2 * interval);
    expect(api.sent.length).toBeGreaterThan(before);
    driver.dispatch({ type: "downProven" });
    await clock.advance(2 * interval);
    expect(ofType("stopped")).toEqual([{ type: "stopped", isReleased: true }]);
    expect(lease().metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBe("Released");
  });

  test("a release that is carried out late acts on nothing of the next session", async () => {
    const { driver, clock, api, ofType, lease } = await holding(false);
    await clock.advance(10);
    api.standing = "late";
    driver.dispatch({ type: "stopWanted" });
    await clock.advance(R + 100);
    expect(ofType("stopped")).toEqual([{ type: "stopped", isReleased: false }]);
    api.put(stranger(lease(), { holder: "n1_next" }));
    expect(api.carryOutLate()).toBe(false);
    expect(lease().metadata.annotations?.[LEASE_ANNOTATIONS.ended]).toBeUndefined();
  });

  test("a release whose reply is lost is recognised by its nonce", async () => {
    const { driver, clock, api, ofType } = await holding(false);
    await clock.advance(10);
    api.faults.push("lostReply");
    driver.dispatch({ type: "stopWanted" });
    await clock.advance(timings.requestTimeoutMs + 50);
    expect(ofType("stopped")).toEqual([{ type: "stopped", isReleased: true }]);
  });

  test("what does not stop within the stop budget is cut, and nothing is renewed from then on", async () => {
    const { driver, clock, api, ofType } = await holding();
    driver.dispatch({ type: "stopWanted" });
    await clock.advance(S + 1);
    expect(ofType("hardCut").at(-1)).toMatchObject({ cause: "shutdown" });
    const writes = api.sent.filter((request) => request.verb === "replace").length;
    await clock.advance(30_000);
    expect(api.sent.filter((request) => request.verb === "replace")).toHaveLength(writes);
  });
});

test("an earlier life's smaller session duration binds the holder for that long", async () => {
  const { driver, clock, api, right } = setUp();
  const fast = presetTimings("fast");
  api.put({
    metadata: { name: "n1", annotations: { [LEASE_ANNOTATIONS.timings]: JSON.stringify(fast) } },
    spec: { holderIdentity: "n1_earlier" },
  } as Lease);
  driver.dispatch({ type: "started" });
  driver.dispatch({ type: "downProven" });
  await clock.advance(10);
  expect(right()).toBeLessThanOrEqual(fast.renewDeadlineMs);
  await clock.advance(fast.sessionDurationMs + interval);
  expect(right()).toBeGreaterThan(fast.renewDeadlineMs);
});
