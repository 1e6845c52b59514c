import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeNames } from "../../../test/fakes/fake-names.ts";
import { silentLog } from "../../lib/log.ts";
import type { MonitorTimings } from "../monitor/schedule.ts";
import type { StepContext } from "../worker/local-part.ts";
import type { NamePlan } from "../worker/part-plan.ts";
import { NamePart } from "./name-part.ts";

const MONITOR: MonitorTimings = {
  intervalMs: 30_000,
  timeoutMs: 5_000,
  retries: 3,
  retryIntervalMs: 2_000,
  startDelayMs: 30_000,
  whenUnreadable: "Warn",
};

const PLAN: NamePlan = {
  kind: "name",
  key: "dns",
  resource: "dns",
  onFailure: "Failover",
  monitor: MONITOR,
  startTimeoutMs: 30_000,
  stopTimeoutMs: 30_000,
  needs: [],
  name: "srv.hz1.local",
  address: "10.0.1.10",
  servers: undefined,
  ttlMs: 10_000,
  settledEpoch: 5,
  version: "v1",
};

function setup(plan: Partial<NamePlan> = {}) {
  const clock = new FakeClock();
  const resolver = new FakeNames();
  const part = new NamePart({ ...PLAN, ...plan }, { resolver, clock, log: silentLog });
  const context = (epoch: number): StepContext => ({
    signal: new AbortController().signal,
    environment: { UNDERSTUDY_EPOCH: String(epoch) },
    hold: () => Promise.resolve(true),
    released: () => undefined,
  });
  return { clock, resolver, part, check: (epoch = 5) => part.check(context(epoch), 5_000) };
}

/** The record is settled and its former value forgotten everywhere. */
async function settled(plan: Partial<NamePlan> = {}) {
  const made = setup(plan);
  await made.check();
  await made.clock.advance(10_000);
  return made;
}

describe("a name on the active member", () => {
  test("is not asked for before the record is settled under this epoch and one TTL has passed [REQ 5.3.2]", async () => {
    const { resolver, part, check, clock } = setup({ settledEpoch: 4 });
    expect(await check()).toMatchObject({ result: "early" });
    part.adopt(PLAN);
    expect(await check()).toEqual({ result: "early", message: expect.any(String) as string, againMs: 10_000 });
    await clock.advance(4_000);
    expect(await check()).toMatchObject({ result: "early", againMs: 6_000 });
    expect(resolver.asked).toEqual([]);
    await clock.advance(6_000);
    await check();
    expect(resolver.asked).toEqual([{ name: "srv.hz1.local", servers: undefined }]);
  });

  test("waits for the TTL again after the record was changed", async () => {
    const { part, check } = await settled();
    part.adopt({ ...PLAN, address: "10.0.1.11" });
    expect(await check()).toMatchObject({ result: "early", againMs: 10_000 });
  });

  test("that was written anew in place may be remembered as absent; another address counts after the TTL", async () => {
    const { part, check, resolver, clock } = await settled();
    part.adopt({ ...PLAN, version: "v2" });
    expect(await check()).toMatchObject({ result: "early", againMs: 10_000 });
    await clock.advance(10_000);
    expect(await check()).toMatchObject({ result: "early", againMs: 890_000 });
    resolver.addresses.set("srv.hz1.local", ["10.0.2.10"]);
    expect(await check()).toMatchObject({ result: "bad", reason: "ResolvedElsewhere" });
    resolver.addresses.clear();
    await clock.advance(890_000);
    expect(await check()).toMatchObject({ result: "bad", reason: "NotResolved" });
  });

  test("is not judged while nobody knows where it should lead", async () => {
    const { check } = await settled({ address: undefined });
    expect(await check()).toMatchObject({ result: "early" });
  });

  test("is good when it leads to the member", async () => {
    const { resolver, check } = await settled();
    resolver.addresses.set("srv.hz1.local", ["10.0.1.10"]);
    expect(await check()).toEqual({ result: "good" });
  });

  test("that does not exist is not resolved [REQ 5.2 AWS DNS monitor 9]", async () => {
    const { check } = await settled();
    expect(await check()).toMatchObject({
      result: "bad",
      reason: "NotResolved",
      message: expect.stringContaining("srv.hz1.local does not resolve on this member") as string,
    });
  });

  test.each([[["10.0.2.10"]], [["10.0.1.10", "10.0.2.10"]]])(
    "that leads to %s resolves elsewhere [REQ 5.2 AWS DNS monitor 10]",
    async (addresses) => {
      const { resolver, check } = await settled();
      resolver.addresses.set("srv.hz1.local", addresses);
      expect(await check()).toMatchObject({ result: "bad", reason: "ResolvedElsewhere" });
      const reading = await check();
      expect(reading.result === "bad" && reading.message).toContain("10.0.2.10");
    },
  );

  test("that nobody answers for is unknown, never wrong, unless the user wants it recovered [REQ 5.3.5]", async () => {
    for (const [whenUnreadable, result] of [
      ["Warn", "unknown"],
      ["Ignore", "unknown"],
      ["Recover", "bad"],
    ] as const) {
      const { resolver, check } = await settled({ monitor: { ...MONITOR, whenUnreadable } });
      resolver.trouble = "ETIMEOUT";
      expect(await check()).toMatchObject({ result });
    }
  });
});
