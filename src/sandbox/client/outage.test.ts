import { describe, expect, it } from "vitest";
import { outageAround } from "./outage.ts";
import type { ClientSample } from "./outage.ts";

/** A request every 20 ms from 0; `who` says who answers the one sent at a given time. */
function requests(untilMs: number, who: (sentMs: number) => string | undefined): ClientSample[] {
  const samples: ClientSample[] = [];
  for (let sentMs = 0; sentMs <= untilMs; sentMs += 20) samples.push({ sentMs, answeredBy: who(sentMs) });
  return samples;
}

describe("outage around a fault", () => {
  it("is the time from the last answered send before the gap to the first after it", () => {
    const samples = requests(5_000, (ms) => (ms < 1_000 ? "node1" : ms >= 4_000 ? "node2" : undefined));
    expect(outageAround(samples, 1_000, 4_500)).toEqual({
      durationMs: 3_020,
      fromMs: 980,
      untilMs: 4_000,
      before: "node1",
      after: "node2",
    });
  });

  it("is one interval when every request was answered", () => {
    expect(
      outageAround(
        requests(2_000, () => "node1"),
        1_000,
        1_500,
      )?.durationMs,
    ).toBe(20);
  });

  it("does not count a gap that ended before the fault", () => {
    const samples = requests(3_000, (ms) => (ms > 200 && ms < 800 ? undefined : "node1"));
    expect(outageAround(samples, 1_000, 2_000)?.durationMs).toBe(20);
  });

  it("is unknown while the service has not come back", () => {
    const samples = requests(3_000, (ms) => (ms < 1_000 ? "node1" : undefined));
    expect(outageAround(samples, 1_000, 2_500)).toBeUndefined();
  });

  it("takes answers that arrive in another order than they were sent", () => {
    const samples = requests(2_000, (ms) => (ms > 1_000 && ms < 1_100 ? undefined : "node1")).toReversed();
    expect(outageAround(samples, 1_000, 1_500)?.durationMs).toBe(100);
  });
});
