import { describe, expect, it } from "vitest";
import { revokeWaitMs } from "../../api/timings.ts";
import { condition, ControllerWorld, isReadyOn, TIMINGS } from "../../../test/builders/controller-world.ts";

describe("FailoverGroup", () => {
  it("starts on the first member and is Ready with a standby", async () => {
    const world = await ControllerWorld.create(["node1", "node2"]);
    await world.until(isReadyOn("node1"), 3_000);
    const group = await world.group();
    expect(group.status).toMatchObject({
      phase: "Active",
      epoch: 1,
      active: { node: "node1", epoch: 1, session: "node1_1" },
    });
    expect(condition(group, "StandbyReady")?.status).toBe("True");
    expect(condition(group, "WatchdogReady")?.status).toBe("True");
    expect(group.status?.history?.[0]).toMatchObject({ cause: "ColdStart", to: "node1", result: "Succeeded" });
    expect(world.mostServing).toBe(1);
  });

  it("grants to the standby within rho*L + M and one interval after a crash", async () => {
    const world = await ControllerWorld.create(["node1", "node2"]);
    await world.until(isReadyOn("node1"));
    world.agent("node1").crash();
    const tookMs = await world.until((group) => group.status?.active?.node === "node2");
    expect(tookMs).toBeLessThanOrEqual(revokeWaitMs(TIMINGS) + TIMINGS.renewIntervalMs + 50);
    await world.until(isReadyOn("node2"), 1_000);
    const [move] = (await world.group()).status?.history ?? [];
    expect(move).toMatchObject({ epoch: 2, cause: "SessionExpired", from: "node1", to: "node2", result: "Succeeded" });
    expect(Object.keys(move?.steps ?? {})).toEqual(expect.arrayContaining(["detect", "revoke", "grant", "activate"]));
    expect(world.mostServing).toBe(1);
  });
});
