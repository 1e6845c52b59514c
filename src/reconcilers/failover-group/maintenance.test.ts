import { describe, expect, it } from "vitest";
import { ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import type { ScheduledEvent } from "../../api/scheduled-events.ts";
import { EVENT_TYPES } from "../../api/scheduled-events.ts";
import { maintenanceSentences } from "./plan-maintenance.ts";
import type { Seen } from "./seen.ts";

const MINUTE_MS = 60_000;

async function worldOn(nodes: readonly string[], spec: object = {}): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(nodes, spec);
  await world.until(isReadyOn(nodes[0] ?? ""));
  return world;
}

/** An event that may begin so many minutes from now. */
function event(world: ControllerWorld, type: ScheduledEvent["type"], inMinutes?: number, id = "e1"): ScheduledEvent {
  const notBefore = new Date(world.clock.wallMs() + (inMinutes ?? 0) * MINUTE_MS).toISOString();
  return { id, type, ...(inMinutes === undefined ? {} : { notBefore }) };
}

async function seenOf(world: ControllerWorld, events: readonly ScheduledEvent[]): Promise<Seen> {
  const group = await world.group();
  const session = { node: "node1", verdict: { state: "Unknown", reason: "NotRead" }, facts: { events } };
  return { group, members: [{ node: "node1", session }] } as unknown as Seen;
}

const toldOf = (world: ControllerWorld): string[] =>
  world.told.filter(({ reason }) => reason === "ScheduledEvent").map(({ message }) => message);

describe("maintenance that the cloud announces", () => {
  it.each(EVENT_TYPES.filter((type) => type !== "Freeze"))(
    "%s is a planned move to a standby, before its time",
    async (type) => {
      const world = await worldOn(["node1", "node2"]);
      world.agent("node1").events = [event(world, type, 5)];
      const tookMs = await world.until(isReadyOn("node2"));
      expect(tookMs).toBeLessThan(3_000);
      const [move] = (await world.group()).status?.history ?? [];
      expect(move).toMatchObject({ cause: "ScheduledEvent", from: "node1", to: "node2", result: "Succeeded" });
      expect(world.mostServing).toBe(1);
    },
  );

  it("moves the group leadTime before it, not earlier, and at once when it may come at any moment", async () => {
    const world = await worldOn(["node1", "node2"], { scheduledEvents: { leadTime: "2m" } });
    world.agent("node1").events = [event(world, "Reboot", 3)];
    await world.advance(55_000, 50);
    expect((await world.group()).status?.active?.node).toBe("node1");
    await world.until(isReadyOn("node2"), 8_000);
    world.agent("node1").events = [];
    await world.advance(2_000);
    world.agent("node2").events = [event(world, "Preempt", undefined, "e2")];
    await world.until(isReadyOn("node1"), 3_000);
  });

  it("takes nothing down while nobody may take over, and goes as soon as somebody may", async () => {
    const world = await worldOn(["node1", "node2"]);
    await world.patchNode("node2", { unschedulable: true });
    await world.advance(500);
    world.agent("node1").events = [event(world, "Redeploy", 1)];
    await world.advance(20_000, 50);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
    await world.patchNode("node2", { unschedulable: null });
    await world.until(isReadyOn("node2"), 3_000);
  });

  it("leads to a member whose own comes later or not at all, never to one whose own comes first", async () => {
    const world = await worldOn(["node1", "node2", "node3"]);
    world.agent("node2").events = [event(world, "Reboot", 3, "e2")];
    world.agent("node1").events = [event(world, "Reboot", 5)];
    await world.until(isReadyOn("node3"), 3_000);
    world.agent("node3").events = [event(world, "Reboot", 6, "e3")];
    await world.advance(5_000);
    expect((await world.group()).status?.active?.node).toBe("node3");
  });

  it("is a reason not to be chosen for an unplanned move, and not to be returned to", async () => {
    const spec = { failover: { failback: "Automatic", failbackAfter: "1s" } };
    const world = await worldOn(["node1", "node2", "node3"], spec);
    world.agent("node2").events = [event(world, "Reboot", 5, "e2")];
    await world.advance(2_000);
    world.agent("node1").crash();
    await world.until(isReadyOn("node3"), 20_000);
    await world.advance(5_000);
    expect((await world.group()).status?.active?.node).toBe("node3");
  });

  it("is told once per event, and only told with action Report", async () => {
    const world = await worldOn(["node1", "node2"], { scheduledEvents: { action: "Report" } });
    world.agent("node1").events = [event(world, "Reboot", 1)];
    await world.advance(30_000, 50);
    expect(toldOf(world)).toEqual([
      expect.stringContaining("node1: the cloud announces Reboot (e1), not before") as string,
    ]);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });

  it("is among what explain tells", async () => {
    const world = await worldOn(["node1", "node2"], { scheduledEvents: { action: "Report" } });
    const seen = await seenOf(world, [event(world, "Retirement", 60)]);
    expect(maintenanceSentences(seen)).toEqual([
      expect.stringContaining("node1: the cloud announces Retirement (e1), not before") as string,
    ]);
  });

  it("is nothing with action Ignore", async () => {
    const world = await worldOn(["node1", "node2"], { scheduledEvents: { action: "Ignore" } });
    world.agent("node1").events = [event(world, "Reboot", 1)];
    await world.advance(10_000, 50);
    expect(toldOf(world)).toEqual([]);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });

  it.each([{ mode: "Manual" }, { mode: "Paused" }])("moves nothing in failover.mode $mode", async ({ mode }) => {
    const world = await worldOn(["node1", "node2"]);
    await world.patch({ failover: { mode } });
    await world.advance(200);
    world.agent("node1").events = [event(world, "Reboot", 1)];
    await world.advance(10_000, 50);
    expect((await world.group()).status?.active?.node).toBe("node1");
    expect(toldOf(world)).toHaveLength(1);
  });
});

describe("a freeze that the cloud announces", () => {
  /** Longer than rho*L+M of the fast preset, shorter than what Azure announces. */
  const FREEZE_MS = 20_000;

  it("is waited for: the group goes on where it is, and nobody else serves meanwhile [REQ 5.3.11]", async () => {
    const world = await worldOn(["node1", "node2"]);
    world.agent("node1").events = [event(world, "Freeze", 0)];
    await world.advance(1_000);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
    world.agent("node1").freeze();
    await world.advance(FREEZE_MS, 50);
    expect((await world.group()).status?.active?.node).toBe("node1");
    // It took everything down when it woke, and began a new life.
    await world.agent("node1").start();
    await world.until(isReadyOn("node1"), 3_000);
    expect(world.agent("node2").servedEpochs).toEqual([]);
  });

  it("ends: a machine that does not come back is lost", async () => {
    const world = await worldOn(["node1", "node2"]);
    world.agent("node1").events = [{ ...event(world, "Freeze", 0), durationSeconds: 9 }];
    await world.advance(1_000);
    world.agent("node1").crash();
    const tookMs = await world.until(isReadyOn("node2"), 60_000);
    expect(tookMs).toBeGreaterThan(30_000);
    expect(tookMs).toBeLessThan(38_000);
  });

  it.each([
    ["was announced for later", "Act", 60],
    ["is only reported", "Report", 0],
  ] as const)("changes nothing when it %s", async (_what, action, inMinutes) => {
    const world = await worldOn(["node1", "node2"], { scheduledEvents: { action } });
    world.agent("node1").events = [event(world, "Freeze", inMinutes)];
    await world.advance(1_000);
    world.agent("node1").crash();
    expect(await world.until(isReadyOn("node2"), 20_000)).toBeLessThan(7_000);
  });

  it("shoots nobody while it lasts, and proves the machine off when it does not end", async () => {
    const fencing = { fencing: { awsStopInstance: {}, timeout: "60s" } };
    const world = await worldOn(["node1", "node2"], fencing);
    world.agent("node1").events = [event(world, "Freeze", 0)];
    await world.advance(1_000);
    world.agent("node1").freeze();
    await world.advance(FREEZE_MS, 50);
    expect(isReadyOn("node2")(await world.group())).toBe(false);
    expect((await world.group()).status?.members?.find(({ node }) => node === "node1")?.state).not.toBe("Fencing");
    await world.until(isReadyOn("node2"), 60_000);
    expect((await world.group()).status?.history?.[0]?.cause).toBe("Fenced");
  });
});
