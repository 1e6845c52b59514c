import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { keyText, type ObjectKey } from "../kube/ports.ts";
import { noMetrics } from "../lib/metrics.ts";
import { WorkQueue, type WorkQueueOptions } from "./work-queue.ts";

const key = (name: string): ObjectKey => ({ namespace: "ha", name });

function setup(options: Partial<WorkQueueOptions> = {}) {
  const clock = new FakeClock();
  const log: string[] = [];
  const running = new Map<string, () => void>();
  const work = async (worked: ObjectKey): Promise<void> => {
    const text = keyText(worked);
    if (running.has(text)) throw new Error(`two workers on ${text}`);
    log.push(worked.name);
    await new Promise<void>((resolve) => running.set(text, resolve));
    running.delete(text);
  };
  const backoff = { baseMs: 100, maxMs: 1_000 };
  const queue = new WorkQueue(
    { name: "test", concurrency: 2, backoff, ...options },
    { clock, random: { next: () => 1, uuid: () => "" }, metrics: noMetrics, work },
  );
  const finish = async (name: string): Promise<void> => {
    running.get(`ha/${name}`)?.();
    await clock.advance(0);
  };
  return { clock, queue, log, finish };
}

describe("a work queue", () => {
  it("works on different keys at once up to its limit, in order, and never twice on one", async () => {
    const { clock, queue, log, finish } = setup();
    for (const name of ["a", "b", "c", "a", "d"]) queue.add(key(name));
    queue.start();
    await clock.advance(0);
    expect([log, queue.depth]).toEqual([["a", "b"], 2]);
    await finish("a");
    expect(log).toEqual(["a", "b", "c"]);
  });

  it("looks once more at a key that was added, however often, while it was worked on", async () => {
    const { clock, queue, log, finish } = setup();
    queue.start();
    queue.add(key("a"));
    await clock.advance(0);
    queue.add(key("a"));
    queue.add(key("a"));
    await clock.advance(0);
    expect(log).toEqual(["a"]);
    await finish("a");
    await finish("a");
    expect(log).toEqual(["a", "a"]);
  });

  it("keeps the earliest of several times for a key", async () => {
    const { clock, queue, log } = setup();
    queue.start();
    queue.addAfter(key("a"), 500);
    queue.addAfter(key("a"), 200);
    queue.addAfter(key("a"), 900);
    await clock.advance(199);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect([log, clock.timersPending]).toEqual([["a"], 0]);
  });

  it("retries with delays that grow up to a maximum, per key, until the key is forgotten", () => {
    const { queue } = setup();
    expect([1, 2, 3, 4, 5, 6].map(() => queue.retry(key("a")))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(queue.retry(key("b"))).toBe(100);
    queue.forget(key("a"));
    expect(queue.retry(key("a"))).toBe(100);
  });

  it("stops when what is under way has ended, and starts nothing more", async () => {
    const { clock, queue, log, finish } = setup({ concurrency: 1 });
    queue.start();
    queue.add(key("a"));
    queue.add(key("b"));
    queue.addAfter(key("c"), 100);
    await clock.advance(0);
    let hasStopped = false;
    const stopped = queue.stop().then(() => (hasStopped = true));
    queue.add(key("d"));
    await clock.advance(1_000);
    expect([log, hasStopped, clock.timersPending]).toEqual([["a"], false, 0]);
    await finish("a");
    await stopped;
    expect(log).toEqual(["a"]);
  });

  it("is bounded: more keys than objects can exist are a broken invariant", () => {
    const { queue } = setup({ maxKeys: 2 });
    queue.add(key("a"));
    queue.add(key("b"));
    queue.add(key("a"));
    expect(() => queue.add(key("c"))).toThrow(/at most 2/);
  });
});
