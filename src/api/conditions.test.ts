import { describe, expect, it } from "vitest";
import { findCondition, isConditionTrue, setConditions, wanted, wantedWithRemedy } from "./conditions.ts";

const EARLIER = "2026-05-01T10:00:00Z";
const NOW = "2026-05-01T10:01:00Z";
const active = wanted("FailoverGroup", "Ready", "True", "Active", "active on node1");
const failing = wanted("FailoverGroup", "Ready", "False", "FailingOver", "node1 is lost");

describe("setConditions", () => {
  it("keeps the transition time while the status stays, and follows reason, message and generation", () => {
    const before = setConditions([], [failing], 1, EARLIER);
    const stopped = wanted("FailoverGroup", "Ready", "False", "Stopped", "by request");
    expect(setConditions(before, [stopped], 2, NOW)).toEqual([
      {
        type: "Ready",
        status: "False",
        reason: "Stopped",
        message: "by request",
        observedGeneration: 2,
        lastTransitionTime: EARLIER,
      },
    ]);
  });

  it("moves the transition time when the status changes", () => {
    const before = setConditions(undefined, [failing], 1, EARLIER);
    expect(setConditions(before, [active], 1, NOW)[0]?.lastTransitionTime).toBe(NOW);
  });

  it.each(["Reconciling", "Stalled", "Paused"] as const)("keeps %s only while it is True", (type) => {
    const on = { type, status: "True", reason: "Because", message: "" } as const;
    expect(setConditions([], [on], 1, NOW)).toHaveLength(1);
    expect(setConditions([], [{ ...on, status: "False" }], 1, NOW)).toEqual([]);
  });

  it("drops what is no longer wanted", () => {
    const before = setConditions([], [active, wanted("FailoverGroup", "Paused", "True", "FailoverPaused", "")], 1, NOW);
    expect(setConditions(before, [active], 1, NOW).map(({ type }) => type)).toEqual(["Ready"]);
  });
});

describe("messages and lookups", () => {
  it("carry the remedy of the table", () => {
    const condition = wantedWithRemedy("FailoverGroup", "Stalled", "True", "CyclicDependency", "a -> b -> a");
    expect(condition.message).toMatch(/^a -> b -> a\. Remove one of the dependencies/);
    expect(wantedWithRemedy("FailoverGroup", "Ready", "True", "Active", "active on node1").message).toBe(
      "active on node1",
    );
  });

  it("find a condition by type", () => {
    const conditions = setConditions([], [active], 1, NOW);
    expect(isConditionTrue(conditions, "Ready")).toBe(true);
    expect(isConditionTrue(conditions, "Stalled")).toBe(false);
    expect(findCondition(undefined, "Ready")).toBeUndefined();
  });
});
