import { describe, expect, test } from "vitest";
import { CLOCK_RATE_BOUND } from "../../api/timings.ts";
import { parsePromiseMessage, promiseText, type PromiseMessage } from "./promise-messages.ts";
import { isPromised, type PromiseContext } from "./promise-state.ts";
import {
  ask,
  ASK_MS,
  asking,
  BIND_MS,
  bound,
  complete,
  grant,
  L,
  M,
  PromiseNode,
  timings,
} from "../../../test/builders/promise-node.ts";
import { rulesWithout } from "../../../test/fakes/broken-rules.ts";

describe("the promiser", () => {
  test("is bound from the ask on, answers only when it is durable, and is bound rho*L + M from its answer", () => {
    const b = new PromiseNode("b");
    b.hear("a", ask(3));
    expect(b.isBound).toBe(true);
    expect(b.sent("promise")).toEqual([]);
    b.pass(400);
    b.step({ type: "stored", storeId: b.stores()[0] ?? 0, isDurable: true });
    expect(b.sent("promise")).toEqual([{ type: "promise", nonce: "n1", groupUids: ["g1"] }]);
    b.pass(BIND_MS - 1);
    expect(b.isBound).toBe(true);
    b.pass(2);
    expect(b.isBound).toBe(false);
    expect(b.effects).toContainEqual({
      type: "report",
      groupUid: "g1",
      promise: { node: "a", session: "a_1", epoch: 3, state: "Lapsed" },
    });
  });

  test("answers a repeated ask at once, since it is durable, and is bound anew", () => {
    const b = bound();
    b.pass(BIND_MS / 2);
    b.hear("a", ask(3, "n2"));
    expect(b.sent("promise").at(-1)?.nonce).toBe("n2");
    b.pass(BIND_MS - 1);
    expect(b.isBound).toBe(true);
  });

  test("a wall clock that is stepped forward ends no promise", () => {
    const b = bound();
    b.wallMs += 86_400_000;
    b.step({ type: "tick" });
    expect(b.isBound).toBe(true);
  });

  test("does not answer what could not be stored, but keeps its word", () => {
    const b = new PromiseNode("b");
    b.hear("a", ask(3));
    b.step({ type: "stored", storeId: b.stores()[0] ?? 0, isDurable: false });
    expect(b.sent("promise")).toEqual([]);
    expect(b.isBound).toBe(true);
  });

  test.each<[string, Partial<PromiseContext>]>([
    ["has not proven its take-down yet", { canAnswer: false }],
    ["holds a newer grant that it has noted", { notedEpoch: () => 4 }],
    ["has the group active itself", { active: [grant(2)] }],
  ])("refuses when it %s", (_name, context) => {
    const b = new PromiseNode("b");
    b.step({ type: "tick" }, context);
    b.hear("a", ask(3));
    expect(b.isBound).toBe(false);
    expect(b.stores()).toEqual([]);
  });

  test("refuses an older epoch than it promised, and the second holder of one epoch", () => {
    const b = bound();
    b.hear("c", ask(2, "n2", "c"));
    b.hear("c", ask(3, "n3", "c"));
    expect(b.sent("promise").map((message) => message.nonce)).toEqual(["n1"]);
  });

  test("a newer holder's promise binds no shorter than the older one's", () => {
    const b = bound();
    b.hear("c", { ...ask(4, "n2", "c"), type: "ask", sessionDurationMs: 1_000, marginMs: 1 } as PromiseMessage);
    b.step({ type: "stored", storeId: b.stores().at(-1) ?? 0, isDurable: true });
    b.pass(BIND_MS - 1);
    expect(b.isBound).toBe(true);
  });

  test("takes the larger session duration of the two", () => {
    const b = new PromiseNode("b");
    b.hear("a", { ...ask(3), type: "ask", sessionDurationMs: 60_000 } as PromiseMessage);
    b.step({ type: "stored", storeId: b.stores()[0] ?? 0, isDurable: true });
    b.pass(CLOCK_RATE_BOUND * 60_000);
    expect(b.isBound).toBe(true);
  });

  test("is free once the holder itself says that the epoch is down, and promises it no more", () => {
    const b = bound();
    b.hear("c", { type: "down", session: "a_1", groups: [{ groupUid: "g1", epoch: 3 }] });
    expect(b.isBound).toBe(true);
    b.hear("a", { type: "down", session: "a_1", groups: [{ groupUid: "g1", epoch: 2 }] });
    expect(b.isBound).toBe(true);
    b.hear("a", { type: "down", session: "a_1", groups: [{ groupUid: "g1", epoch: 3 }] });
    expect(b.isBound).toBe(false);
    b.hear("a", ask(3, "n9"));
    expect(b.isBound).toBe(false);
    expect(b.effects).toContainEqual({
      type: "report",
      groupUid: "g1",
      promise: { node: "a", session: "a_1", epoch: 3, state: "Down" },
    });
  });

  test("is free once the holder speaks under a new session: its former one was proven down first", () => {
    const b = bound();
    b.step({ type: "newSession", node: "c", session: "c_2" });
    expect(b.isBound).toBe(true);
    b.step({ type: "newSession", node: "a", session: "a_2" });
    expect(b.isBound).toBe(false);
    expect(b.effects).toContainEqual({
      type: "report",
      groupUid: "g1",
      promise: { node: "a", session: "a_1", epoch: 3, state: "Down" },
    });
  });

  test("an ask under another session than the one that signed it is not heard", () => {
    const b = new PromiseNode("b");
    b.hear("c", ask(3));
    expect(b.isBound).toBe(false);
  });

  test("keeps its word over a restart of the guard, for the whole length again", () => {
    const record = { groupUid: "g1", node: "a", session: "a_1", epoch: 3, bindMs: BIND_MS };
    const b = new PromiseNode("b", { records: [record] });
    b.pass(BIND_MS - 1);
    expect(b.isBound).toBe(true);
    b.pass(2);
    expect(b.isBound).toBe(false);
  });

  test("waits after a boot, whatever it promised before", () => {
    const b = new PromiseNode("b", { bootWaitMs: BIND_MS });
    b.pass(BIND_MS - 1);
    expect(isPromised(b.state, "any", b.now)).toBe(true);
    b.pass(1);
    expect(isPromised(b.state, "any", b.now)).toBe(false);
  });
});

describe("the holder", () => {
  test("asks nobody while it renews", () => {
    const a = new PromiseNode("a");
    a.context = { ...a.context, active: [grant(3)] };
    a.step({ type: "mustAsk", set: { groupUid: "g1", epoch: 3, members: ["a", "b"] } });
    a.pass(ASK_MS - 1, { sinceRenewalMs: ASK_MS - 1 });
    expect(a.sent("ask")).toEqual([]);
  });

  test("asks every other member, and its right counts from the ask once all have answered it", () => {
    const a = asking(["a", "b", "c"]);
    const askedAt = a.now;
    expect(a.sent("ask")).toHaveLength(2);
    const { nonce } = a.sent("ask")[0] ?? { nonce: "" };
    a.nowMs += 300;
    expect(complete(a.hear("b", { type: "promise", nonce, groupUids: ["g1"] }))).toEqual([]);
    expect(complete(a.hear("c", { type: "promise", nonce, groupUids: ["g1"] }))).toEqual([
      { type: "roundComplete", askedAt },
    ]);
  });

  test("a majority is no permission; an answer to another ask, or twice the same, is no answer", () => {
    const a = asking(["a", "b", "c"]);
    const { nonce } = a.sent("ask")[0] ?? { nonce: "" };
    a.hear("b", { type: "promise", nonce, groupUids: ["g1"] });
    a.hear("b", { type: "promise", nonce, groupUids: ["g1"] });
    a.hear("c", { type: "promise", nonce: "another", groupUids: ["g1"] });
    a.hear("d", { type: "promise", nonce, groupUids: ["g1"] });
    expect(complete(a.effects)).toEqual([]);
  });

  test("asks again every interval; an older round may still be completed, a newer one ends it", () => {
    const a = asking(["a", "b"]);
    a.pass(timings.renewIntervalMs, { sinceRenewalMs: ASK_MS + timings.renewIntervalMs });
    const [first, second] = a.sent("ask").map((message) => message.nonce);
    expect(complete(a.hear("b", { type: "promise", nonce: second ?? "", groupUids: ["g1"] }))).toHaveLength(1);
    expect(complete(a.hear("b", { type: "promise", nonce: first ?? "", groupUids: ["g1"] }))).toEqual([]);
  });

  test("a group that runs alone needs nobody", () => {
    const a = asking(["a"]);
    expect(complete(a.effects)).toHaveLength(1);
  });

  test.each<[string, Partial<PromiseContext>]>([
    ["nobody has said who must be asked about one of its groups", { active: [grant(3), grant(1, "g2")] }],
    ["a member that must be asked is no peer", { isPeer: (node) => node !== "c" }],
    ["its right has lapsed", { session: undefined }],
  ])("asks nobody when %s", (_name, context) => {
    const a = new PromiseNode("a");
    a.context = { ...a.context, active: [grant(3)], ...context };
    a.step({ type: "mustAsk", set: { groupUid: "g1", epoch: 3, members: ["a", "b", "c"] } });
    a.pass(ASK_MS, { sinceRenewalMs: ASK_MS });
    expect(a.sent("ask")).toEqual([]);
  });

  test("a round does not count for a group that became active after its ask", () => {
    const a = asking(["a", "b"]);
    const { nonce } = a.sent("ask")[0] ?? { nonce: "" };
    a.context = { ...a.context, active: [grant(3), grant(1, "g2")] };
    expect(complete(a.hear("b", { type: "promise", nonce, groupUids: ["g1"] }))).toEqual([]);
  });

  test("growth of the set voids the rounds asked before it", () => {
    const a = asking(["a", "b"]);
    const { nonce } = a.sent("ask")[0] ?? { nonce: "" };
    a.step({ type: "mustAsk", set: { groupUid: "g1", epoch: 3, members: ["a", "b", "c"] } });
    expect(complete(a.hear("b", { type: "promise", nonce, groupUids: ["g1"] }))).toEqual([]);
  });

  test("tells its peers what is down once it has asked for promises, for as long as one could be open", () => {
    const a = asking(["a", "b"]);
    a.step({ type: "down", grant: grant(3) }, { active: [], session: undefined });
    expect(a.sent("down").at(-1)).toMatchObject({ session: "a_1", groups: [{ groupUid: "g1", epoch: 3 }] });
    const told = a.sent("down").length;
    a.pass(timings.heartbeatIntervalMs);
    expect(a.sent("down")).toHaveLength(told + 1);
    a.pass(3 * BIND_MS);
    a.pass(timings.heartbeatIntervalMs);
    expect(a.sent("down")).toHaveLength(told + 1);
  });

  test("many groups go in several datagrams that fit", () => {
    const groups = Array.from(
      { length: 30 },
      (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    );
    const a = new PromiseNode("a");
    a.context = { ...a.context, active: groups.map((uid) => grant(3, uid)) };
    for (const groupUid of groups) a.step({ type: "mustAsk", set: { groupUid, epoch: 3, members: ["a", "b"] } });
    a.pass(ASK_MS, { sinceRenewalMs: ASK_MS });
    expect(a.sent("ask")).toHaveLength(3);
    for (const message of a.sent("ask")) expect(promiseText(message).length).toBeLessThan(900);
  });
});

describe("with one rule broken, for the simulator only", () => {
  test("majority-is-permission", () => {
    const a = asking(["a", "b", "c"], { rules: rulesWithout("allMustPromise") });
    const { nonce } = a.sent("ask")[0] ?? { nonce: "" };
    expect(complete(a.hear("b", { type: "promise", nonce, groupUids: ["g1"] }))).toHaveLength(1);
  });

  test("ignore-promise, forget-promise-on-restart, promise-without-rho", () => {
    const ignoring = new PromiseNode("b", { rules: rulesWithout("promiseBlocksActivation") });
    ignoring.hear("a", ask(3));
    expect(ignoring.isBound).toBe(false);
    const record = { groupUid: "g1", node: "a", session: "a_1", epoch: 3, bindMs: BIND_MS };
    const forgetting = new PromiseNode("b", {
      rules: rulesWithout("promisesOutliveTheGuard"),
      records: [record],
      bootWaitMs: BIND_MS,
    });
    expect(forgetting.isBound).toBe(false);
    const short = new PromiseNode("b", { rules: rulesWithout("promiseBindsWithRho") });
    short.hear("a", ask(3));
    short.pass(L + M);
    expect(short.isBound).toBe(false);
  });
});

test("messages survive their encoding, and anything else is none", () => {
  const messages: PromiseMessage[] = [
    ask(3),
    { type: "promise", nonce: "n", groupUids: ["g1"] },
    { type: "down", session: "s", groups: [{ groupUid: "g1", epoch: 3 }] },
  ];
  for (const message of messages) expect(parsePromiseMessage(promiseText(message))).toEqual(message);
  for (const text of [
    "",
    "{",
    "null",
    "{}",
    '{"t":"ask","g":[]}',
    '{"t":"promise","n":"x","g":[1]}',
    '{"t":"down","s":"x","g":[["g",1.5]]}',
    '{"t":"ask","n":"x","s":"s","l":1e12,"m":1,"g":[]}',
  ])
    expect(parsePromiseMessage(text)).toBeUndefined();
});
