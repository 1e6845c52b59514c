import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { KubeError, type ObjectKey } from "../kube/ports.ts";
import { InvariantBroken } from "../lib/assert.ts";
import { silentLog } from "../lib/log.ts";
import { type Labels, noMetrics } from "../lib/metrics.ts";
import { Deposed, type Fence, type Plan, type Reconciler } from "./contract.ts";
import { ReconcileLoop, type ReconcileLoopOptions } from "./reconcile-loop.ts";

const key = (name: string): ObjectKey => ({ namespace: "ha", name });

/** A world of counters that should reach 3; each step adds one. */
class Counters implements Reconciler<number, "add"> {
  readonly name = "Counter";
  readonly values = new Map<string, number>();
  readonly seen: string[] = [];
  requeueAfterMs: number | undefined;
  stepsPerPlan = 1;
  failure: (() => unknown) | undefined;
  afterAct: (() => void) | undefined;

  async observe({ name }: ObjectKey): Promise<number | undefined> {
    this.seen.push(name);
    return await Promise.resolve(this.values.get(name));
  }
  plan(value: number): Plan<"add"> {
    const steps = value < 3 ? Array.from({ length: this.stepsPerPlan }, () => "add" as const) : [];
    return { steps, ...(this.requeueAfterMs === undefined ? {} : { requeueAfterMs: this.requeueAfterMs }) };
  }
  async act({ name }: ObjectKey): Promise<void> {
    await Promise.resolve();
    const failure: unknown = this.failure?.();
    if (failure !== undefined) throw failure;
    this.values.set(name, (this.values.get(name) ?? 0) + 1);
    this.afterAct?.();
  }
}

function setup(options: ReconcileLoopOptions = {}) {
  const clock = new FakeClock();
  const counters = new Counters();
  const results: string[] = [];
  const right = { isLeader: true };
  const fence: Fence = {
    assertLeader: () => {
      if (!right.isLeader) throw new Deposed("not the leader");
    },
  };
  const metrics = {
    ...noMetrics,
    count: (_name: string, labels?: Labels) => void results.push(labels?.["result"] ?? ""),
  };
  const loop = new ReconcileLoop(counters, options, {
    fence,
    clock,
    random: { next: () => 1, uuid: () => "" },
    log: silentLog,
    metrics,
  });
  loop.start();
  return { clock, counters, loop, results, right };
}

describe("the reconcile loop", () => {
  it("observes again after acting, until nothing is left to do", async () => {
    const { clock, counters, loop, results } = setup();
    counters.values.set("a", 0);
    loop.enqueue(key("a"));
    await clock.advance(0);
    expect([counters.values.get("a"), counters.seen.length, results, clock.timersPending]).toEqual([
      3,
      4,
      ["ok", "ok", "ok", "ok"],
      0,
    ]);
  });

  it("forgets what is gone", async () => {
    const { clock, counters, loop } = setup();
    loop.enqueue(key("gone"));
    await clock.advance(60_000);
    expect(counters.seen).toEqual(["gone"]);
  });

  it("looks again when the plan asks for it", async () => {
    const { clock, counters, loop } = setup();
    counters.values.set("a", 3);
    counters.requeueAfterMs = 500;
    loop.enqueue(key("a"));
    await clock.advance(1_600);
    expect(counters.seen).toHaveLength(4);
  });

  it("after a failed step drops the rest of the plan, backs off that key and leaves others alone", async () => {
    const { clock, counters, loop, results } = setup();
    counters.stepsPerPlan = 3;
    counters.values.set("a", 0);
    let failures = 2;
    counters.failure = () => (failures-- > 0 ? new KubeError({ code: "Unreachable" }, "down") : undefined);
    loop.enqueue(key("a"));
    await clock.advance(49);
    expect([counters.values.get("a"), results]).toEqual([0, ["error"]]);
    counters.values.set("b", 3);
    loop.enqueue(key("b"));
    await clock.advance(1 + 99);
    expect([counters.values.get("b"), results]).toEqual([3, ["error", "ok", "error"]]);
    await clock.advance(1);
    expect(counters.values.get("a")).toBe(3);
  });

  it("keeps on after an error nobody foresaw", async () => {
    const { clock, counters, loop } = setup();
    counters.values.set("a", 0);
    let failures = 1;
    counters.failure = () => (failures-- > 0 ? new TypeError("x is undefined") : undefined);
    loop.enqueue(key("a"));
    await clock.advance(1_000);
    expect(counters.values.get("a")).toBe(3);
  });

  it("stops between two steps when the right is lost, and does nothing ever after", async () => {
    const { clock, counters, loop, results, right } = setup();
    counters.stepsPerPlan = 3;
    counters.values.set("a", 0);
    counters.afterAct = () => (right.isLeader = false);
    loop.enqueue(key("a"));
    await clock.advance(60_000);
    right.isLeader = true;
    loop.enqueue(key("a"));
    await clock.advance(60_000);
    expect([counters.values.get("a"), results]).toEqual([1, ["deposed", "deposed"]]);
  });

  it("does not even observe without the right", async () => {
    const { clock, counters, loop, right } = setup();
    right.isLeader = false;
    loop.enqueue(key("a"));
    await clock.advance(0);
    expect(counters.seen).toEqual([]);
  });

  it("slows down a plan that never converges", async () => {
    const { clock, counters, loop } = setup({ maxEagerRounds: 5 });
    counters.values.set("a", -1_000_000);
    loop.enqueue(key("a"));
    await clock.advance(60_000);
    expect(counters.seen.length).toBeLessThan(25);
    expect(counters.seen.length).toBeGreaterThan(10);
  });

  it("runs independent keys at the same time, up to its limit", async () => {
    const { clock, counters, loop } = setup({ concurrency: 2 });
    let [running, most] = [0, 0];
    counters.observe = async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => clock.setTimer(100, resolve));
      running -= 1;
      return undefined;
    };
    for (const name of ["a", "b", "c", "d"]) loop.enqueue(key(name));
    await clock.advance(200);
    expect([most, running]).toEqual([2, 0]);
  });

  it("does not survive a broken invariant", async () => {
    const crashes: unknown[] = [];
    const listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.once("unhandledRejection", (reason) => crashes.push(reason));
    const { clock, counters, loop } = setup();
    counters.values.set("a", 0);
    counters.stepsPerPlan = 65;
    loop.enqueue(key("a"));
    await clock.advance(0);
    for (const listener of listeners) process.on("unhandledRejection", listener);
    expect(crashes).toEqual([new InvariantBroken("a plan has at most 64 steps")]);
  });
});
