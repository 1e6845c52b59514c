import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { CallLimiter } from "./rate-limit.ts";

const LIMITS = { read: { capacity: 2, refillPerSecond: 1 }, write: { capacity: 1, refillPerSecond: 1 } };

function setUp(): {
  clock: FakeClock;
  limiter: CallLimiter;
  admitted: string[];
  ask: (kind: "read" | "write", name: string, patienceMs: number) => void;
} {
  const clock = new FakeClock();
  const limiter = new CallLimiter(LIMITS, { clock, random: seededRandom() });
  const admitted: string[] = [];
  const ask = (kind: "read" | "write", name: string, patienceMs: number): void => {
    limiter.admit(kind, name, patienceMs).then(
      () => admitted.push(name),
      (thrown: Error) => admitted.push(`${name} refused: ${thrown.message.slice(0, 20)}`),
    );
  };
  return { clock, limiter, admitted, ask };
}

describe("the limiter of cloud calls", () => {
  it("lets the capacity pass at once, the rest as tokens come back, in order", async () => {
    const { clock, admitted, ask } = setUp();
    for (const name of ["a", "b", "c", "d"]) ask("read", name, 5_000);
    await clock.advance(0);
    expect(admitted).toEqual(["a", "b"]);
    await clock.advance(1_000);
    expect(admitted).toEqual(["a", "b", "c"]);
    await clock.advance(1_000);
    expect(admitted).toEqual(["a", "b", "c", "d"]);
  });

  it("refuses at once what it could not admit in time", async () => {
    const { clock, admitted, ask } = setUp();
    ask("write", "a", 100);
    ask("write", "b", 100);
    await clock.advance(0);
    expect(admitted).toEqual(["a", "b refused: b was not sent: the "].map((text) => text.slice(0, 31)));
  });

  it("keeps the budget of writes apart from a crowd of reads", async () => {
    const { clock, admitted, ask, limiter } = setUp();
    for (const name of ["a", "b", "c"]) ask("read", name, 60_000);
    limiter.throttled("read");
    ask("write", "w", 0);
    await clock.advance(0);
    expect(admitted).toEqual(["a", "b", "w"]);
  });

  it("pauses everybody once after a throttled answer, longer each time until a call succeeds", async () => {
    const { clock, admitted, ask, limiter } = setUp();
    limiter.throttled("write");
    limiter.throttled("write");
    ask("write", "a", 60_000);
    await clock.advance(187);
    expect(admitted).toEqual([]);
    await clock.advance(126);
    expect(admitted).toEqual(["a"]);
    await clock.advance(10_000);
    limiter.throttled("write");
    ask("write", "b", 60_000);
    await clock.advance(374);
    expect(admitted).toEqual(["a"]);
    await clock.advance(300);
    expect(admitted).toEqual(["a", "b"]);
    limiter.answered("write");
    await clock.advance(10_000);
    limiter.throttled("write");
    ask("write", "c", 60_000);
    await clock.advance(313);
    expect(admitted).toEqual(["a", "b", "c"]);
  });

  it("gives what can wait only the better half of the budget, so that a move always finds tokens", async () => {
    const clock = new FakeClock();
    const bucket = { capacity: 10, refillPerSecond: 1 };
    const limiter = new CallLimiter({ read: bucket, write: bucket }, { clock, random: seededRandom() });
    const spare = (): boolean => {
      try {
        limiter.admitSpare("write", "ReplaceRoute");
        return true;
      } catch (thrown) {
        expect(String(thrown)).toContain("half of the call budget");
        return false;
      }
    };
    expect(Array.from({ length: 20 }, spare).filter(Boolean).length).toBe(5);
    for (let write = 0; write < 5; write++) await limiter.admit("write", "ReplaceRoute", 0);
    await clock.advance(5_000);
    expect(spare()).toBe(false);
    await clock.advance(1_000);
    expect(spare()).toBe(true);
  });
});
