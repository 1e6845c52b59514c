import { describe, expect, test } from "vitest";
import type { FailoverGroup } from "../api/generated/types.ts";
import { moveProgress } from "./move-progress.ts";

function group(status: object, annotations: Record<string, string> = {}): FailoverGroup {
  return {
    apiVersion: "understudy.dev/v1alpha1",
    kind: "FailoverGroup",
    metadata: { name: "failover1", namespace: "ha", annotations },
    spec: { members: [{ node: "node1" }, { node: "node2" }], resources: [] } as unknown as FailoverGroup["spec"],
    status: status,
  };
}

const ready = [{ type: "Ready", status: "True", reason: "Active", message: "", lastTransitionTime: "" }];
const on = (node: string, more: Record<string, unknown> = {}): FailoverGroup =>
  group({ active: { node, epoch: 1, session: "s", since: "" }, conditions: ready, ...more });
const requested = { epoch: 2, cause: "Requested", startedAt: "2026-01-01T00:00:00Z" };

describe("progress of a requested move", () => {
  test("waits while the annotation is still there", () => {
    const now = group(on("node1").status ?? {}, { "understudy.dev/move-to": "node2" });
    expect(moveProgress(on("node1"), now, "node2")).toMatchObject({ state: "waiting" });
  });

  test("waits while the operation is being carried out, even when the old member is still Ready", () => {
    const now = on("node1", { operation: { verb: "move-to", value: "node2", since: "" } });
    expect(moveProgress(on("node1"), now, "node1")).toMatchObject({ state: "waiting" });
  });

  test("is done when the group is Ready on the target", () => {
    expect(
      moveProgress(on("node1"), on("node2", { history: [{ ...requested, result: "Succeeded" }] }), "node2"),
    ).toMatchObject({ state: "done", node: "node2" });
  });

  test("`any` is done on another member only", () => {
    expect(moveProgress(on("node1"), on("node1"), "any")).toMatchObject({ state: "waiting" });
    expect(moveProgress(on("node1"), on("node2"), "any")).toMatchObject({ state: "done", node: "node2" });
  });

  test("a refusal carries its reason, and an older refusal is not taken for the answer", () => {
    const refusal = { ...requested, result: "Refused", message: "node2 is cordoned" };
    expect(moveProgress(on("node1"), on("node1", { history: [refusal] }), "node2")).toEqual({
      state: "refused",
      why: "node2 is cordoned",
    });
    expect(
      moveProgress(on("node1", { history: [refusal] }), on("node1", { history: [refusal] }), "node2"),
    ).toMatchObject({ state: "waiting" });
  });
});
