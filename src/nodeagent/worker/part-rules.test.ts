import { describe, expect, test } from "vitest";
import { newPart, type Part, type StepOutcome } from "./group-state.ts";
import type { RefusedPlan } from "./part-plan.ts";
import { afterStart } from "./part-rules.ts";

function refused(reason: RefusedPlan["reason"]): Part {
  const times = { startTimeoutMs: 1_000, stopTimeoutMs: 1_000, monitor: undefined };
  const plan = { key: "probe", resource: "probe", onFailure: "Failover", needs: [], ...times } as const;
  return newPart({ ...plan, kind: "refused", reason, message: "no such object" }, true);
}

/** The part after so many failed starts, a second apart. */
function tried(part: Part, times: number): Part {
  const outcome: StepOutcome = { ok: false, reason: "ResourceNotFound", message: "no such object" };
  const starts = Array.from({ length: times }, (_, index) => index * 1_000);
  return starts.reduce((at, nowMs) => afterStart({ ...at, phase: "starting" }, outcome, nowMs, undefined), part);
}

describe("a resource whose object is not known here", () => {
  test("is waited for, since the watch that brings it may be slower than the grant", () => {
    const part = tried(refused("ResourceNotFound"), 1);
    expect(part.trouble).toMatchObject({ reason: "ResourceNotFound", isFinal: false });
    expect(part.notBeforeMs).toBe(1_000);
  });

  test("is not waited for without end", () => {
    expect(tried(refused("ResourceNotFound"), 20).trouble?.isFinal).toBe(true);
  });

  test("is not waited for when no object could help", () => {
    expect(tried(refused("NotImplemented"), 1).trouble?.isFinal).toBe(true);
  });
});
