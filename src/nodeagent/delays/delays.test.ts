import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { silentLog } from "../../lib/log.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { type Delay, delaySentence, DelayWarnings } from "./delays.ts";

function setup() {
  const clock = new FakeClock();
  const told: Delay[] = [];
  const delays = new DelayWarnings(
    { percent: 80 },
    { clock, log: silentLog, metrics: noMetrics, tell: (delay) => void told.push(delay) },
  );
  return { clock, told, delays };
}

describe("a warning before the timeout [REQ 5.3.18 delay warnings]", () => {
  test("for a renewal that came late, and for none in time or too late", () => {
    const { told, delays } = setup();
    for (const baseMs of [0, 1_000, 4_199, 8_300, 13_000]) delays.renewed(baseMs, 4_000);
    expect(told).toEqual([]);
    delays.renewed(16_200, 4_000);
    expect(told).toEqual([{ what: "Renewal", subject: "", tookMs: 3_200, limitMs: 4_000 }]);
  });

  test("for a heartbeat of each peer, once a minute", async () => {
    const { clock, told, delays } = setup();
    for (let second = 0; second < 120; second++) {
      delays.heard("node2", 1_200);
      delays.heard("node3", 3_000);
      await clock.advance(1_000);
    }
    expect(told).toHaveLength(2);
    expect(told[0]).toEqual({ what: "Heartbeat", subject: "node2", tookMs: 1_000, limitMs: 1_200 });
  });

  test("for a reading that took most of its timeout, or all of it", () => {
    const { told, delays } = setup();
    delays.read("app", 7_900, 10_000);
    delays.read("app", 8_000, 10_000);
    delays.read("vip", 10_000, 10_000);
    expect(told.map(({ subject }) => subject)).toEqual(["app", "vip"]);
  });

  test("says what was late, by how much and what to do", () => {
    for (const what of ["Renewal", "Heartbeat", "Monitor"] as const) {
      const sentence = delaySentence({ what, subject: "app", tookMs: 8_100.4, limitMs: 10_000 });
      expect(sentence).toContain("8100 ms of 10000 ms");
    }
  });
});
