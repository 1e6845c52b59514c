/** Fencing on the whole machinery of the controller: what is stopped, when, and what is never granted without proof. */
import { describe, expect, it } from "vitest";
import { condition, type ControllerWorld, isReadyOn, TIMINGS } from "../../../test/builders/controller-world.ts";
import {
  BEST_EFFORT,
  endOfSession,
  fencedWorld,
  isOn,
  reportAs,
  REQUIRED,
  stalled,
} from "../../../test/builders/fencing-world.ts";
import { revokeWaitMs, silenceMs } from "../../api/timings.ts";

/** Advances as `until` does, and fails when something is granted elsewhere while the machine is not off. */
async function neverGrantedBeforeOff(world: ControllerWorld, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 20) {
    await world.advance(20, 20);
    const holder = (await world.group()).status?.active?.node;
    if (holder !== "node1") expect(world.machines.stateOf("i-node1")).toBe("off");
  }
}

describe("with policy Required", () => {
  it("a silent holder is stopped before its session expires, and the group moves on proof [REQ 5.1 Forced stop]", async () => {
    const world = await fencedWorld();
    world.agent("node1").freeze();
    const tookMs = await world.until(isReadyOn("node2"), 8_000);
    expect(tookMs).toBeLessThan(revokeWaitMs(TIMINGS));
    expect(await endOfSession(world, "node1")).toBe("Fenced");
    expect(world.machines.stateOf("i-node1")).toBe("off");
    expect(world.mostServing).toBe(1);
    const [move] = (await world.group()).status?.history ?? [];
    expect(move).toMatchObject({ cause: "Fenced", from: "node1", to: "node2", result: "Succeeded" });
    expect(move?.steps?.fence).toMatch(/s$/);
    expect(world.told.map(({ reason }) => reason)).toEqual(expect.arrayContaining(["Fencing", "Fenced", "Granted"]));
  });

  it("nobody is stopped before a working holder would have taken everything down", async () => {
    const world = await fencedWorld();
    world.agent("node1").freeze();
    await world.advance(silenceMs(TIMINGS) - TIMINGS.renewIntervalMs - 200);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
    await world.agent("node1").start();
    await world.until((group) => group.status?.active?.session === "node1_2", 3_000);
    await world.advance(5_000);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
  });

  it("nothing is granted while the cloud says stopping, and within a second of off it is", async () => {
    const world = await fencedWorld();
    world.machines.stopMs = Number.POSITIVE_INFINITY;
    world.agent("node1").freeze();
    await world.until((group) => condition(group, "Reconciling")?.reason === "Fencing", 3_000);
    await neverGrantedBeforeOff(world, 20_000);
    expect((await world.group()).status?.members?.[0]?.state).toBe("Fencing");
    expect((await world.group()).status?.active?.node).toBe("node1");
    world.machines.force("i-node1", "off");
    expect(await world.until(isOn("node2"), 2_000)).toBeLessThanOrEqual(1_000);
    expect(world.mostServing).toBe(1);
  });

  it("nothing is granted while the cloud cannot be asked, and a person is called", async () => {
    const world = await fencedWorld();
    const ends = [
      world.machines.fail("powerOff", { error: "EndpointUnreachable" }),
      world.machines.fail("state", { error: "EndpointUnreachable" }),
    ];
    world.agent("node1").crash();
    await world.until(stalled("FenceUnproven"), 60_000);
    expect(condition(await world.group(), "Stalled")?.message).toMatch(/EndpointUnreachable.*out-of-service/);
    expect((await world.group()).status?.active?.node).toBe("node1");
    for (const end of ends) end();
    await world.until(isReadyOn("node2"), 8_000);
    expect(world.mostServing).toBe(1);
  });

  it("a missing permission is told at once, with the remedy", async () => {
    const world = await fencedWorld();
    world.machines.fail("powerOff", { error: "NotAuthorized" });
    world.agent("node1").crash();
    await world.until(stalled("FenceUnproven"), 4_000);
    expect((await world.group()).status?.phase).toBe("Blocked");
    expect(world.told.map(({ reason }) => reason)).toContain("FencingFailed");
  });

  it("a machine that stops for ever is told after the timeout, and stopped again and again", async () => {
    const world = await fencedWorld({ fencing: { ...REQUIRED.fencing, timeout: "10s" } });
    world.machines.stopMs = Number.POSITIVE_INFINITY;
    world.agent("node1").freeze();
    await world.until(stalled("FenceUnproven"), 14_000);
    expect(condition(await world.group(), "Stalled")?.message).toContain("stopping");
    await world.advance(40_000, 50);
    expect(world.machines.shotsAt("i-node1")).toBeGreaterThanOrEqual(2);
    expect((await world.group()).status?.active?.node).toBe("node1");
  });

  it("a lost reply is found by reading; the machine is not granted past before it is off", async () => {
    const world = await fencedWorld();
    world.machines.fail("powerOff", { loseReplyAfterMs: 300 }, 1);
    world.agent("node1").freeze();
    await neverGrantedBeforeOff(world, 12_000);
    expect(isOn("node2")(await world.group())).toBe(true);
    expect(world.mostServing).toBe(1);
  });

  it("a read that is older than the shot is not taken for proof", async () => {
    const world = await fencedWorld();
    world.machines.stopMs = 5_000;
    world.machines.fail("state", { stale: "off" });
    world.agent("node1").freeze();
    await neverGrantedBeforeOff(world, 12_000);
    expect(isOn("node2")(await world.group())).toBe(true);
    expect(world.mostServing).toBe(1);
  });

  it("a machine that was destroyed is off for good", async () => {
    const world = await fencedWorld();
    world.machines.force("i-node1", "gone");
    world.machines.fail("powerOff", { error: "InvalidRequest" });
    await world.until(isReadyOn("node2"), 6_000);
    expect(await endOfSession(world, "node1")).toBe("Fenced");
  });

  it("an unknown machine is no proof", async () => {
    const world = await fencedWorld();
    world.machines.fail("powerOff", { error: "NotFound" });
    world.machines.fail("state", { error: "NotFound" });
    world.agent("node1").crash();
    await world.advance(20_000, 50);
    expect((await world.group()).status?.active?.node).toBe("node1");
    expect(stalled("FenceUnproven")(await world.group())).toBe(true);
  });

  it("a member that released is not stopped", async () => {
    const world = await fencedWorld();
    await world.agent("node1").release();
    await world.until(isReadyOn("node2"), 3_000);
    await world.advance(8_000);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
  });

  it("a holder to which a live peer has promised is not stopped until the promise is over", async () => {
    const world = await fencedWorld();
    const promise = { node: "node1", session: "node1_1", epoch: 1, state: "Open" } as const;
    await reportAs(world, { node: "node2", session: "node2_1", epoch: 0, state: "Inactive", promise });
    world.agent("node1").freeze();
    await world.advance(10_000);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
    expect((await world.group()).status?.active?.node).toBe("node1");
    const lapsed = { ...promise, state: "Lapsed" } as const;
    await reportAs(world, { node: "node2", session: "node2_1", epoch: 0, state: "Inactive", promise: lapsed });
    await world.until(isOn("node2"), 3_000);
  });
});

describe("nobody is stopped", () => {
  it("when nobody could take over: the last healthy member", async () => {
    const world = await fencedWorld();
    world.agent("node2").crash();
    await world.advance(7_000);
    world.agent("node1").freeze();
    await world.advance(15_000, 20);
    expect(world.machines.shotsAt("i-node1") + world.machines.shotsAt("i-node2")).toBe(0);
  });

  it("when both fell silent at once", async () => {
    const world = await fencedWorld();
    world.agent("node1").freeze();
    world.agent("node2").freeze();
    await world.advance(15_000, 20);
    expect(world.machines.shotsAt("i-node1") + world.machines.shotsAt("i-node2")).toBe(0);
  });

  it("for an outage of the API server, however long", async () => {
    const world = await fencedWorld();
    const outage = world.kube.faults.add({ action: { kind: "cut" } });
    await world.advance(30_000, 50);
    world.kube.faults.remove(outage);
    await world.advance(10_000, 20);
    expect(world.machines.shotsAt("i-node1") + world.machines.shotsAt("i-node2")).toBe(0);
    expect(world.mostServing).toBe(1);
  });

  it("when no agent can renew although everything can be read", async () => {
    const world = await fencedWorld();
    world.kube.faults.add({
      match: { userAgent: "agent-", resource: "leases" },
      action: { kind: "error", status: 500 },
    } as never);
    await world.advance(20_000, 50);
    expect(world.machines.shotsAt("i-node1") + world.machines.shotsAt("i-node2")).toBe(0);
  });

  it.each(["Manual", "Paused"])("in failover.mode %s", async (mode) => {
    const world = await fencedWorld();
    await world.patch({ failover: { mode } });
    world.agent("node1").crash();
    await world.advance(12_000, 20);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
  });

  it("when the sources disagree about which machine it is", async () => {
    const world = await fencedWorld();
    await world.patch({ members: [{ node: "node1", providerID: "aws:///eu-central-1a/i-other" }, { node: "node2" }] });
    await world.advance(500);
    expect(condition(await world.group(), "PreflightOK")).toMatchObject({ status: "False", reason: "Failed" });
    world.agent("node1").crash();
    await world.until(stalled("FenceUnproven"), 6_000);
    expect(world.machines.calls.filter((call) => call.startsWith("powerOff"))).toEqual([]);
  });

  it("when the holder comes back after the decision and before the call", async () => {
    const world = await fencedWorld();
    const match = { userAgent: "controller-", resource: "configmaps" } as const;
    world.kube.faults.add({ match, action: { kind: "delay", ms: 250 } });
    world.agent("node1").freeze();
    await world.until((group) => condition(group, "Reconciling")?.reason === "Fencing", 4_000);
    await world.agent("node1").start();
    await world.until((group) => group.status?.active?.session === "node1_2", 3_000);
    await world.advance(4_000);
    expect(world.machines.shotsAt("i-node1")).toBe(0);
  });
});

describe("with policy BestEffort", () => {
  it("expiry counts after the timeout without proof", async () => {
    const world = await fencedWorld(BEST_EFFORT);
    world.machines.fail("powerOff", { error: "EndpointUnreachable" });
    world.machines.fail("state", { error: "EndpointUnreachable" });
    world.agent("node1").crash();
    await world.advance(9_000);
    expect((await world.group()).status?.active?.node).toBe("node1");
    await world.until(isReadyOn("node2"), 5_000);
    expect(await endOfSession(world, "node1")).toBe("Expired");
    const shots = world.machines.calls.length;
    await world.advance(5_000);
    expect(world.machines.calls.length - shots).toBeLessThanOrEqual(2);
  });

  it("proof comes first where it can be had", async () => {
    const world = await fencedWorld(BEST_EFFORT);
    world.agent("node1").freeze();
    await world.until(isReadyOn("node2"), 6_000);
    expect(await endOfSession(world, "node1")).toBe("Fenced");
  });
});

describe("another leader", () => {
  it.each([50, 400, 900, 1_300, 1_700])(
    "that takes over %i ms after the shot brings it to the same end",
    async (afterMs) => {
      const world = await fencedWorld();
      world.agent("node1").freeze();
      for (let passed = 0; world.machines.shotsAt("i-node1") === 0 && passed < 5_000; passed += 20)
        await world.advance(20, 20);
      await world.advance(afterMs, 10);
      world.replaceController();
      await world.until(isReadyOn("node2"), 10_000);
      expect(await endOfSession(world, "node1")).toBe("Fenced");
      expect((await world.group()).status?.epoch).toBe(2);
      expect(world.mostServing).toBe(1);
    },
  );

  it("is not disturbed by a shot of the old one that the cloud carries out late", async () => {
    const world = await fencedWorld();
    world.machines.fail("powerOff", { loseReplyAfterMs: 1_500 }, 1);
    world.agent("node1").freeze();
    for (let passed = 0; world.machines.shotsAt("i-node1") === 0 && passed < 5_000; passed += 20)
      await world.advance(20, 20);
    world.replaceController();
    await neverGrantedBeforeOff(world, 10_000);
    expect((await world.group()).status).toMatchObject({ epoch: 2, active: { node: "node2" } });
    expect(world.mostServing).toBe(1);
  });
});

describe("the machine that comes back while it is being stopped", () => {
  it("proves its end by its new life, and nothing is shot twice", async () => {
    const world = await fencedWorld();
    world.machines.stopMs = Number.POSITIVE_INFINITY;
    world.agent("node1").freeze();
    await world.until((group) => condition(group, "Reconciling")?.reason === "Fencing", 4_000);
    await world.advance(500);
    world.machines.force("i-node1", "off");
    world.machines.force("i-node1", "running");
    await world.until((group) => condition(group, "Ready")?.status === "True", 6_000);
    expect(world.mostServing).toBe(1);
    const shots = world.machines.shotsAt("i-node1");
    await world.advance(35_000, 50);
    expect(world.machines.shotsAt("i-node1")).toBe(shots);
  });
});
