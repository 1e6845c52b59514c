import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeZones } from "../../../test/fakes/fake-zones.ts";
import type { ZoneMonitor } from "../../api/generated/types.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { zoneOf } from "./zone-view.ts";
import { ZoneWatch } from "./zone-watch.ts";

const MONITOR: ZoneMonitor = {
  interval: "60s",
  timeout: "10s",
  retries: 2,
  retryInterval: "2s",
  startDelay: "0s",
  whenUnreadable: "Warn",
  onFailure: "Warn",
};
const PLACE = { region: "eu-central-1", zone: "eu-central-1a" };

function setup(monitor: Partial<ZoneMonitor> = {}, place = PLACE) {
  const clock = new FakeClock();
  const cloud = new FakeZones(clock);
  const watch = new ZoneWatch({ access: cloud, clock, metrics: noMetrics });
  const changed: string[] = [];
  watch.onChange(({ name }) => changed.push(name));
  const look = (name = "g") => watch.viewOf({ namespace: "ha", name }, place, { ...MONITOR, ...monitor });
  return { clock, cloud, watch, look, changed };
}

describe("the zone of an active member", () => {
  it("is read at once, and then every interval", async () => {
    const { clock, cloud, look, changed } = setup();
    expect(look()).toEqual({ state: "NotChecked" });
    await clock.advance(10);
    expect(look()).toMatchObject({ state: "Available" });
    expect(changed).toEqual(["g"]);
    await clock.advance(125_000);
    expect(cloud.calls).toBe(3);
    expect(changed).toEqual(["g"]);
  });

  it("is read after the start delay only [REQ 5.3.2]", async () => {
    const { clock, cloud, look } = setup({ startDelay: "30s" });
    look();
    await clock.advance(29_000);
    expect(cloud.calls).toBe(0);
    await clock.advance(2_000);
    expect(cloud.calls).toBe(1);
  });

  it("is unavailable after the retries, and available again at the first good reading", async () => {
    const { clock, cloud, look } = setup();
    look();
    await clock.advance(10);
    cloud.states.set("eu-central-1a", "unavailable");
    await clock.advance(60_000);
    expect(look()).toMatchObject({ state: "Available" });
    await clock.advance(4_100);
    expect(look()).toEqual({ state: "Unavailable", detail: "unavailable", notWorking: ["eu-central-1a"] });
    cloud.states.set("eu-central-1a", "available");
    await clock.advance(60_100);
    expect(look()).toMatchObject({ state: "Available" });
  });

  it.each(["information", "constrained"])("works while it is %s", async (state) => {
    const { clock, cloud, look } = setup();
    cloud.states.set("eu-central-1a", state);
    look();
    await clock.advance(10);
    expect(look()).toMatchObject({ state: "Available" });
  });

  it("that the region does not have is invalid [REQ 5.2 AZ monitor 105]", async () => {
    const { clock, look } = setup({}, { region: "eu-central-1", zone: "eu-central-1x" });
    look();
    await clock.advance(5_000);
    expect(look()).toMatchObject({ state: "Invalid", detail: expect.stringContaining("eu-central-1a") as string });
  });

  it.each([
    ["CallTimeout", "CallTimeout"],
    ["EndpointUnreachable", "CallFailed"],
    ["NotAuthorized", "CallFailed"],
  ] as const)("is unreadable when the call ends with %s", async (trouble, reason) => {
    const { clock, cloud, look } = setup();
    cloud.trouble = trouble;
    look();
    await clock.advance(5_000);
    expect(look()).toMatchObject({ state: "Unreadable", reason });
  });

  it("costs one call per interval, however many groups watch zones of the region", async () => {
    const { clock, cloud, look } = setup();
    for (let count = 0; count < 100; count++) look(`g${count}`);
    await clock.advance(61_000);
    expect(cloud.calls).toBe(2);
  });

  it("is not watched any more once nobody asks, or the group went to another one", async () => {
    const { clock, cloud, watch, look } = setup();
    look();
    await clock.advance(100_000);
    watch.viewOf({ namespace: "ha", name: "g" }, { ...PLACE, zone: "eu-central-1b" }, MONITOR);
    await clock.advance(10);
    expect(watch.viewOf({ namespace: "ha", name: "g" }, { ...PLACE, zone: "eu-central-1b" }, MONITOR).state).toBe(
      "Available",
    );
    await clock.advance(300_000);
    const { calls } = cloud;
    await clock.advance(600_000);
    expect(cloud.calls).toBe(calls);
  });
});

it("the zone is in the provider id, on AWS only", () => {
  expect(zoneOf(["aws:///us-west-2-lax-1a/i-1"])).toEqual({ region: "us-west-2", zone: "us-west-2-lax-1a" });
  expect(zoneOf(["azure:///subscriptions/x"])).toBeUndefined();
  expect(zoneOf([])).toBeUndefined();
});
