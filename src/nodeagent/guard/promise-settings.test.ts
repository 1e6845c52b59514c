import { describe, expect, test } from "vitest";
import { CLOCK_RATE_BOUND, deriveTimings } from "../../api/timings.ts";
import { ask, ASK_MS, asking, PromiseNode, timings } from "../../../test/builders/promise-node.ts";

describe("settings that change meanwhile", () => {
  const longer = deriveTimings("default", 30_000);

  test("bind a promise for the larger of old and new, until the old ones are over", () => {
    for (const [before, after] of [
      [timings, longer],
      [longer, timings],
    ] as const) {
      const b = new PromiseNode("b");
      b.step({ type: "timings", timings: before });
      b.pass(100_000);
      b.step({ type: "timings", timings: after });
      b.hear("a", ask(1));
      b.pass(CLOCK_RATE_BOUND * longer.sessionDurationMs);
      expect(b.isBound).toBe(true);
      b.pass(longer.marginMs + 1);
      expect(b.isBound).toBe(false);
    }
  });

  test("let the holder ask by the nearer deadline and name the larger duration", () => {
    const a = asking(["a", "b"]);
    a.step({ type: "timings", timings: longer });
    a.pass(timings.renewIntervalMs, { sinceRenewalMs: ASK_MS });
    expect(a.sent("ask").at(-1)).toMatchObject({ sessionDurationMs: 30_000 });
  });

  test("let it ask by the session's own deadline, however often they changed", () => {
    const a = asking(["a", "b"]);
    a.step({ type: "timings", timings: longer });
    a.step({ type: "timings", timings: deriveTimings("default", 60_000) });
    a.effects = [];
    a.pass(timings.renewIntervalMs, { sinceRenewalMs: ASK_MS, renewDeadlineMs: timings.renewDeadlineMs });
    expect(a.sent("ask").at(-1)).toMatchObject({ sessionDurationMs: 60_000 });
  });

  test("count alone when the old ones are over", () => {
    const a = asking(["a", "b"]);
    a.step({ type: "timings", timings: longer });
    a.effects = [];
    a.pass(100_000, { sinceRenewalMs: ASK_MS });
    expect(a.sent("ask")).toEqual([]);
    a.pass(1, { sinceRenewalMs: longer.renewDeadlineMs });
    expect(a.sent("ask")).toHaveLength(1);
  });
});
