import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { ReadCache } from "./read-cache.ts";

function counted(): { call: () => Promise<number>; count: () => number } {
  let calls = 0;
  return { call: () => Promise.resolve(++calls), count: () => calls };
}

describe("a read cache", () => {
  it("shares one call among readers that accept its age, however many there are", async () => {
    const clock = new FakeClock();
    const cache = new ReadCache<number>(clock);
    const { call, count } = counted();
    const sinceMs = clock.monotonicMs() - 10_000;
    await Promise.all(Array.from({ length: 50 }, () => cache.read("vpc-1", sinceMs, call)));
    await clock.advance(9_000);
    await cache.read("vpc-1", clock.monotonicMs() - 10_000, call);
    expect(count()).toBe(1);
    await cache.read("vpc-2", sinceMs, call);
    expect(count()).toBe(2);
  });

  it("never answers a verify read from before the write", async () => {
    const clock = new FakeClock();
    const cache = new ReadCache<string>(clock);
    let answerOld: (value: string) => void = () => undefined;
    const old = cache.read("vpc-1", 0, () => new Promise((resolve) => (answerOld = resolve)));
    await clock.advance(20);
    const writtenAtMs = clock.monotonicMs();
    const fresh = await cache.read("vpc-1", writtenAtMs, () => Promise.resolve("after the write"));
    answerOld("before the write");
    expect([(await old).value, fresh]).toEqual(["before the write", { value: "after the write", sentAtMs: 20 }]);
    expect((await cache.read("vpc-1", 0, () => Promise.resolve("never called"))).value).toBe("after the write");
  });

  it("shares a failure for a moment only, and keeps the last good answer", async () => {
    const clock = new FakeClock();
    const cache = new ReadCache<number>(clock);
    const { call, count } = counted();
    await expect(cache.read("k", 0, () => Promise.reject(new Error("down")))).rejects.toThrow("down");
    await expect(cache.read("k", 0, call)).rejects.toThrow("down");
    await clock.advance(501);
    expect((await cache.read("k", 0, call)).value).toBe(1);
    await expect(cache.read("k", 502, () => Promise.reject(new Error("down")))).rejects.toThrow("down");
    expect(cache.lastGood("k")).toEqual({ value: 1, sentAtMs: 501 });
    expect(count()).toBe(1);
  });

  it("forgets what is invalidated", async () => {
    const cache = new ReadCache<number>(new FakeClock());
    const { call } = counted();
    await cache.read("k", 0, call);
    cache.invalidateAll();
    expect(cache.lastGood("k")).toEqual({ value: 1, sentAtMs: 0 });
    expect((await cache.read("k", 0, call)).value).toBe(2);
  });
});
