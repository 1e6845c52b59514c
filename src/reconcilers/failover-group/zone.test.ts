import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";

const MONITOR = { interval: "5s", timeout: "2s", retries: 1, retryInterval: "1s" };

/** node1 and node3 in zone a, node2 in zone b. */
async function worldWith(monitor: object = {}): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(["node1", "node3", "node2"], {
    monitors: { availabilityZone: { ...MONITOR, ...monitor } },
  });
  await world.patchNode("node2", { providerID: "aws:///eu-central-1b/i-node2" });
  await world.until(isReadyOn("node1"));
  await world.advance(200);
  return world;
}

const zoneOf = async (world: ControllerWorld) => condition(await world.group(), "ZoneAvailable");

const movesOf = async (world: ControllerWorld) =>
  ((await world.group()).status?.history ?? []).filter(({ from }) => from !== undefined);

describe("monitors.availabilityZone", () => {
  it("says that the active member's zone works, and costs nobody who did not ask for it [REQ 5.1 AZ monitor]", async () => {
    const world = await worldWith();
    expect(await zoneOf(world)).toMatchObject({ status: "True", reason: "Available" });
    const other = await ControllerWorld.create(["node1", "node2"]);
    await other.until(isReadyOn("node1"));
    expect(await zoneOf(other)).toBeUndefined();
    expect(other.zones.calls).toBe(0);
  });

  it("only warns by default: the target of its recovery is the member itself [REQ 5.3.4]", async () => {
    const world = await worldWith();
    world.zones.states.set("eu-central-1a", "unavailable");
    await world.advance(15_000, 50);
    expect(await zoneOf(world)).toMatchObject({ status: "False", reason: "ZoneUnavailable" });
    expect(isReadyOn("node1")(await world.group())).toBe(true);
    expect(world.told.filter(({ reason }) => reason === "ZoneUnavailable")).toHaveLength(1);
  });

  it("with onFailure Failover moves the group to another zone, past a member of the same one", async () => {
    const world = await worldWith({ onFailure: "Failover" });
    world.zones.states.set("eu-central-1a", "impaired");
    await world.until(isReadyOn("node2"), 15_000);
    expect((await world.group()).status?.history?.[0]).toMatchObject({ cause: "ZoneUnavailable", from: "node1" });
    await world.advance(200);
    expect(await zoneOf(world)).toMatchObject({ status: "True" });
    expect(world.mostServing).toBe(1);
  });

  it("does not go back, nor to another member of the zone, before the zone works again", async () => {
    const world = await worldWith({ onFailure: "Failover" });
    await world.patch({ failover: { failback: "Automatic", failbackAfter: "1s" } });
    world.zones.states.set("eu-central-1a", "unavailable");
    await world.until(isReadyOn("node2"), 15_000);
    await world.advance(20_000, 50);
    expect((await world.group()).status?.active?.node).toBe("node2");
    world.zones.states.set("eu-central-1a", "available");
    await world.until(isReadyOn("node1"), 15_000);
  });

  it("moves nothing where every other member is in the same zone", async () => {
    const world = await worldWith({ onFailure: "Failover" });
    await world.patchNode("node2", { unschedulable: true });
    world.zones.states.set("eu-central-1a", "unavailable");
    await world.advance(15_000, 50);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });

  it.each([
    ["CallTimeout", "CallTimeout"],
    ["EndpointUnreachable", "CallFailed"],
  ] as const)(
    "when the cloud cannot be asked (%s) the default is a warning, and nothing moves [REQ 5.2 AZ monitor 105] [REQ 5.2 AZ monitor 106]",
    async (trouble, reason) => {
      const world = await worldWith({ onFailure: "Failover" });
      world.zones.trouble = trouble;
      await world.advance(15_000, 50);
      expect(await zoneOf(world)).toMatchObject({ status: "Unknown", reason });
      expect(world.told.some((told) => told.reason === reason)).toBe(true);
      expect(isReadyOn("node1")(await world.group())).toBe(true);
    },
  );

  it("with whenUnreadable Ignore says nothing about it, and with Recover counts it as a fault", async () => {
    const silent = await worldWith({ whenUnreadable: "Ignore" });
    silent.zones.trouble = "CallFailed";
    await silent.advance(15_000, 50);
    expect(await zoneOf(silent)).toMatchObject({ status: "True", reason: "Available" });
    const strict = await worldWith({ whenUnreadable: "Recover", onFailure: "Failover" });
    strict.zones.trouble = "CallTimeout";
    await strict.until(isReadyOn("node2"), 15_000);
  });

  it("moves nothing back and forth where both zones do not work", async () => {
    const world = await worldWith({ onFailure: "Failover" });
    world.zones.states.set("eu-central-1a", "impaired").set("eu-central-1b", "impaired");
    await world.advance(60_000, 50);
    expect(await movesOf(world)).toHaveLength(0);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });

  it("with whenUnreadable Recover moves once: where the next zone cannot be asked for either, it stays", async () => {
    const world = await worldWith({ whenUnreadable: "Recover", onFailure: "Failover" });
    world.zones.trouble = "CallTimeout";
    await world.advance(60_000, 50);
    expect(await movesOf(world)).toHaveLength(1);
    expect(isReadyOn("node2")(await world.group())).toBe(true);
  });

  it("does not go back to a zone that does not work for the sake of maintenance", async () => {
    const world = await worldWith({ onFailure: "Failover" });
    world.agent("node2").events = [{ id: "e1", type: "Reboot" }];
    world.zones.states.set("eu-central-1a", "impaired");
    await world.advance(60_000, 50);
    expect(await movesOf(world)).toHaveLength(1);
    expect(isReadyOn("node2")(await world.group())).toBe(true);
  });

  it("says NotSupported off AWS, and goes on without it", async () => {
    const world = await worldWith();
    await world.patchNode("node2", { providerID: "azure:///subscriptions/x" });
    await world.advance(500);
    const group = await world.group();
    expect(condition(group, "PreflightOK")).toMatchObject({ status: "False", reason: "NotSupported" });
    expect(isReadyOn("node1")(group)).toBe(true);
  });
});
