import { describe, expect, test } from "vitest";
import type { Condition } from "../../api/generated/types.ts";
import { newTroubles } from "./trouble-events.ts";

function condition(type: string, status: Condition["status"], reason: string, message = "why"): Condition {
  return { type, status, reason, message, lastTransitionTime: "2026-01-01T00:00:00Z" };
}

describe("people are told", () => {
  test("when a preflight fails, a person must act, or something that was up is down", () => {
    const after = [
      condition("PreflightOK", "False", "PortInUse"),
      condition("Stalled", "True", "NeedsOperator"),
      condition("Ready", "False", "ListenerDown"),
    ];
    expect(newTroubles(undefined, after).map(({ reason }) => reason)).toEqual([
      "PortInUse",
      "NeedsOperator",
      "ListenerDown",
    ]);
  });

  test("once, however the message changes, and again for another reason", () => {
    const before = [condition("PreflightOK", "False", "PortInUse", "on node1")];
    expect(newTroubles(before, [condition("PreflightOK", "False", "PortInUse", "on node2")])).toEqual([]);
    expect(newTroubles(before, [condition("PreflightOK", "False", "ClaimedElsewhere")])).toEqual([
      { reason: "ClaimedElsewhere", message: "why" },
    ]);
  });

  test("nothing about what is good, unknown, or on its way", () => {
    const after = [
      condition("Ready", "False", "Inactive"),
      condition("Ready", "False", "Activating"),
      condition("Ready", "True", "Active"),
      condition("PreflightOK", "Unknown", "NotChecked"),
      condition("Reconciling", "True", "Applying"),
    ];
    expect(newTroubles([], after)).toEqual([]);
  });
});
