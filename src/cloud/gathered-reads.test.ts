import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { GatheredReads } from "./gathered-reads.ts";

function setUp(perCall = 100): {
  clock: FakeClock;
  calls: string[][];
  reads: GatheredReads<string>;
  ask: (key: string, maxAgeMs?: number) => Promise<string>;
  fail: (error: Error | undefined) => void;
} {
  const clock = new FakeClock();
  const calls: string[][] = [];
  let failure: Error | undefined;
  const read = (keys: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    calls.push([...keys].sort());
    if (failure !== undefined) return Promise.reject(failure);
    const there = keys.filter((key) => !key.startsWith("missing"));
    return Promise.resolve(new Map(there.map((key) => [key, `${key} at ${clock.monotonicMs()}`])));
  };
  const reads = new GatheredReads<string>({ read, absent: "nothing", perCall }, clock);
  const ask = async (key: string, maxAgeMs = 50_000): Promise<string> => {
    const wish = { sentSinceMs: clock.monotonicMs() - maxAgeMs, timeoutMs: 1_000 };
    return (await reads.ask(key, wish)).value;
  };
  return { clock, calls, reads, ask, fail: (error) => (failure = error) };
}

describe("gathered reads", () => {
  it("asks once for what is asked at about the same time", async () => {
    const { calls, ask } = setUp();
    const answers = Promise.all([ask("a"), ask("b"), ask("a"), ask("missing")]);
    expect(await answers).toEqual(["a at 0", "b at 0", "a at 0", "nothing"]);
    expect(calls).toEqual([["a", "b", "missing"]]);
  });

  it("sends two calls at a time; what is asked meanwhile goes together in the next, with what is left of its time", async () => {
    const clock = new FakeClock();
    const calls: string[] = [];
    const read = async (keys: readonly string[], timeoutMs: number): Promise<ReadonlyMap<string, true>> => {
      calls.push(`${keys.join("+")} within ${timeoutMs}`);
      await new Promise<void>((resolve) => void clock.setTimer(100, resolve));
      return new Map(keys.map((key) => [key, true]));
    };
    const reads = new GatheredReads<boolean>({ read, absent: false, perCall: 3 }, clock);
    const asked: Promise<unknown>[] = [];
    for (const key of ["a", "b", "c", "d", "e", "f"]) {
      asked.push(reads.ask(key, { sentSinceMs: -10_000, timeoutMs: 1_000 }));
      await clock.advance(10);
    }
    await clock.advance(300);
    expect((await Promise.all(asked)).length).toBe(6);
    expect(calls).toEqual(["a within 1000", "b within 1000", "c+d+e within 920", "f within 940"]);
  });

  it("takes along what will be due soon, but neither what is young nor what nobody asks for any more", async () => {
    const { clock, calls, ask } = setUp();
    for (const [key, atMs] of Object.entries({ a: 0, b: 40_000, c: 50_000, d: 700_000 })) {
      await clock.advance(atMs - clock.monotonicMs());
      expect(await ask(key)).toBe(`${key} at ${atMs}`);
    }
    // At 50 s the answer about a is 10 s old: b took it along.
    expect(calls).toEqual([["a"], ["a", "b"], ["c"], ["d"]]);
  });

  it("spreads a thousand watchers with one thing each over a few calls per interval", async () => {
    const { clock, calls, ask } = setUp();
    const watch = (key: string): void => {
      void ask(key, 50_000);
      clock.setTimer(10_000, () => watch(key));
    };
    for (let index = 0; index < 1_000; index++) clock.setTimer(index * 10, () => watch(`key${index}`));
    await clock.advance(70_000);
    const before = calls.length;
    for (let second = 0; second < 300; second++) await clock.advance(1_000);
    // Ten calls of a hundred keys per 25 to 50 seconds.
    expect((calls.length - before) / 5).toBeLessThanOrEqual(24);
    expect(Math.max(...calls.map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it("never answers from before the moment that is asked for", async () => {
    const { clock, ask } = setUp();
    void ask("a");
    await clock.advance(1_000);
    expect(await ask("a", 0)).toBe("a at 1000");
  });

  it("tells a failure to everybody in the call, and asks again soon", async () => {
    const { clock, ask, fail } = setUp();
    fail(new Error("down"));
    const both = await Promise.allSettled([ask("a"), ask("b")]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    fail(undefined);
    await clock.advance(600);
    expect(await ask("a")).toBe("a at 600");
  });
});
