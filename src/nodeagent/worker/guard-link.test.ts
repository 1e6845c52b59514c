import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import type { GuardToWorker, Holding, WorkerToGuard } from "../guard-protocol.ts";
import { ForwardedMetrics } from "./forwarded-metrics.ts";
import { GuardLink } from "./guard-link.ts";

const grant = { namespace: "ha", group: "fg", groupUid: "u", epoch: 5, session: "s" };
const port: Holding = { kind: "probe-port", port: 26001 };

function setup() {
  const clock = new FakeClock();
  const sent: WorkerToGuard[] = [];
  const told: GuardToWorker[] = [];
  const link = new GuardLink(
    { send: (message) => void sent.push(message) },
    { clock },
    (message) => void told.push(message),
  );
  const idOf = (index: number): number => {
    const message = sent[index];
    return message !== undefined && "requestId" in message ? message.requestId : -1;
  };
  return { clock, sent, told, link, idOf };
}

describe("questions to the guard", () => {
  test("are answered by their own number, in any order", async () => {
    const { link, idOf } = setup();
    const first = link.mayActivate(grant);
    const second = link.mayActivate({ ...grant, epoch: 6 });
    link.receive({ type: "denied", requestId: idOf(1), reason: "promised" });
    link.receive({ type: "allowed", requestId: idOf(0) });
    expect(await first).toBeUndefined();
    expect(await second).toBe("promised");
  });

  test("without an answer in time, or after the guard is gone, are denied", async () => {
    const { link, clock, idOf } = setup();
    const late = link.mayActivate(grant);
    await clock.advance(2_000);
    expect(await late).toBe("no-right");
    link.receive({ type: "allowed", requestId: idOf(0) });
    const open = link.mayActivate(grant);
    link.close();
    expect(await open).toBe("no-right");
    expect(await link.mayActivate(grant)).toBe("no-right");
  });
});

describe("holdings", () => {
  test("that the guard has noted are not asked for again, until they are released", async () => {
    const { link, sent, idOf } = setup();
    const ahead = link.hold(port);
    const needed = link.hold(port);
    link.receive({ type: "allowed", requestId: idOf(0) });
    expect([await ahead, await needed, sent.length]).toEqual([true, true, 1]);
    link.tell({ type: "holdingRemoved", holding: port });
    void link.hold(port);
    expect(sent.filter((message) => message.type === "holdingAdded")).toHaveLength(2);
  });

  test("are asked for again after a refusal, a take-down and a new session", async () => {
    const { link, sent, idOf } = setup();
    const refused = link.hold(port);
    link.receive({ type: "denied", requestId: idOf(0), reason: "taking-down" });
    expect(await refused).toBe(false);
    const allowed = link.hold(port);
    link.receive({ type: "allowed", requestId: idOf(1) });
    expect(await allowed).toBe(true);
    link.receive({ type: "takeDown", takeDownId: 1, cause: "shutdown", budgetMs: 1 });
    void link.hold(port);
    link.receive({ type: "session", session: "s2" });
    void link.hold(port);
    expect(sent).toHaveLength(4);
  });
});

test("what the guard tells is passed on, answers are not", () => {
  const { link, told } = setup();
  link.receive({ type: "session", session: "s" });
  link.receive({ type: "allowed", requestId: 99 });
  link.receive({ type: "peers", alive: [], lost: [] });
  expect(told.map((message) => message.type)).toEqual(["session", "peers"]);
});

test("metrics travel in batches of a second", async () => {
  const clock = new FakeClock();
  const batches: number[] = [];
  const metrics = new ForwardedMetrics({ clock }, (operations) => void batches.push(operations.length));
  metrics.count("understudy_monitor_total", { kind: "address", result: "good" });
  metrics.set("understudy_resource_active", 1);
  await clock.advance(1_000);
  metrics.observe("understudy_resource_step_seconds", 0.1);
  await clock.advance(1_000);
  expect(batches).toEqual([2, 1]);
});
