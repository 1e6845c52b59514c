import { afterEach, describe, expect, it } from "vitest";
import {
  aMonitor,
  type FakeKind,
  type FakePointer,
  type FakePointerOptions,
  makeFakePointer,
} from "../../../test/builders/fake-pointer.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";
import type { AwsElasticIP } from "../../api/generated/types.ts";
import { KINDS } from "../../api/kinds.ts";
import { noMetrics } from "../../lib/metrics.ts";
import type { Labels } from "../../lib/metrics.ts";

const made: FakePointer[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map(({ world }) => world.close()));
});

async function start(options?: FakePointerOptions): Promise<FakePointer> {
  const pointer = await makeFakePointer(options);
  made.push(pointer);
  return pointer;
}

/** Leads to node1 for a while. */
async function active(options?: FakePointerOptions): Promise<FakePointer> {
  const pointer = await start(options);
  await pointer.world.activate("node1", 1);
  await pointer.clock.advance(6_000);
  pointer.world.told.length = 0;
  pointer.cloud.writes.length = 0;
  return pointer;
}

async function changeSpec({ world }: FakePointer, change: Partial<AwsElasticIP["spec"]>): Promise<void> {
  const object = await world.object();
  await world.kube.replace(KINDS.AwsElasticIP, { ...object, spec: { ...object.spec, ...change } });
}

const OUTAGES: readonly CloudErrorCode[] = ["EndpointUnreachable", "CallTimeout", "Throttled", "CallFailed"];

describe("an outage of the cloud's API", () => {
  it.each(OUTAGES)("%s moves nothing, deletes nothing and leaves Ready as it is [REQ 5.3.9]", async (code) => {
    const { cloud, clock, world } = await active({ spec: { whenStopped: "Disassociate" } });
    cloud.outage = code;
    const before = cloud.reads;
    await clock.advance(60_000);
    // One per retry interval, not more: whoever is down is not helped by a storm.
    expect(cloud.reads - before).toBeLessThanOrEqual(30);
    expect(cloud.writes).toEqual([]);
    expect(cloud.target).toBe("node1");
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(await world.verdict("Observed")).toBe(`False ${code}`);
    expect(world.told.map((event) => event.reason)).toEqual([code]);
    cloud.outage = undefined;
    await clock.advance(10_000);
    expect(await world.verdict("Observed")).toBe("True Read");
    expect(cloud.writes).toEqual([]);
  });

  it("does not undo what a stopped group had, and it is undone once the cloud answers", async () => {
    const { cloud, clock, world } = await active({ spec: { whenStopped: "Disassociate" } });
    cloud.outage = "EndpointUnreachable";
    await clock.advance(20_000);
    await world.revoke(1, "StoppedByRequest");
    await clock.advance(60_000);
    expect(cloud.writes).toEqual([]);
    cloud.outage = undefined;
    await clock.advance(10_000);
    expect(cloud.writes).toEqual([""]);
  });

  it("does not undo what a group has that was started while the call waited for its turn", async () => {
    const turn = Promise.withResolvers<void>();
    const change = (kind: FakeKind): FakeKind => ({
      ...kind,
      write: async (target, request) => {
        if (target === "") await turn.promise;
        await kind.write(target, request);
      },
    });
    const { cloud, clock, world } = await active({ spec: { whenStopped: "Disassociate" }, change });
    await world.revoke(1, "StoppedByRequest");
    await clock.advance(1_000);
    await world.activate("node1", 2);
    await clock.advance(1_000);
    turn.resolve();
    await clock.advance(5_000);
    expect(cloud.writes).not.toContain("");
    expect(cloud.target).toBe("node1");
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("during a failover is tried again until it ends", async () => {
    const { cloud, clock, world } = await active();
    cloud.outage = "EndpointUnreachable";
    await world.activate("node2", 2);
    await clock.advance(20_000);
    expect(await world.verdict("Ready")).toBe("False Activating");
    await clock.advance(20_000);
    expect(await world.verdict("Ready")).toBe("False ActivationTimeout");
    cloud.outage = undefined;
    await clock.advance(2_100);
    expect(cloud.target).toBe("node2");
    expect(await world.verdict("Ready")).toBe("True Active");
  });
});

describe("monitor.whenUnreadable", () => {
  it("Warn is a condition with code + 100, and Ready keeps its value [REQ 5.2 code + 100]", async () => {
    const { cloud, clock, world } = await active();
    cloud.outage = "CallTimeout";
    await clock.advance(60_000);
    expect([await world.verdict("Ready"), await world.verdict("Observed")]).toEqual([
      "True Active",
      "False CallTimeout",
    ]);
  });

  it("Ignore is only a metric [REQ 5.2 code + 100]", async () => {
    const results: (string | undefined)[] = [];
    const metrics = {
      ...noMetrics,
      count: (name: string, labels?: Labels) => {
        if (name === "understudy_monitor_total") results.push(labels?.["result"]);
      },
    };
    const { cloud, clock, world } = await active({
      metrics,
      spec: { monitor: aMonitor({ whenUnreadable: "Ignore" }) },
    });
    cloud.outage = "CallTimeout";
    results.length = 0;
    await clock.advance(60_000);
    expect([await world.verdict("Ready"), await world.verdict("Observed")]).toEqual(["True Active", "True Read"]);
    expect(world.told).toEqual([]);
    expect(new Set(results)).toEqual(new Set(["unknown"]));
  });

  it.each(OUTAGES)(
    "Recover counts %s as bad after the retries, and repairs nothing [REQ 5.2 code + 100]",
    async (code) => {
      const { cloud, clock, world } = await active({ spec: { monitor: aMonitor({ whenUnreadable: "Recover" }) } });
      cloud.outage = code;
      await clock.advance(7_000);
      expect(await world.verdict("Ready")).toBe("True Active");
      await clock.advance(10_000);
      expect(await world.verdict("Ready")).toBe(`False ${code === "Throttled" ? "CallFailed" : code}`);
      expect(cloud.writes).toEqual([]);
      cloud.outage = undefined;
      await clock.advance(10_000);
      expect(await world.verdict("Ready")).toBe("True Active");
    },
  );
});

describe("a pointer that is wrong", () => {
  it("is watched without anybody asking for a monitor [REQ 5.3.1]", async () => {
    const { cloud, clock } = await active();
    const before = cloud.reads;
    await clock.advance(100_000);
    expect(cloud.reads - before).toBe(10);
  });

  it("is put right in place at the first reading, Ready stays, and one Event tells it [REQ 5.3.3b]", async () => {
    const { cloud, clock, world } = await active();
    cloud.target = "stranger";
    await clock.advance(10_000);
    expect([cloud.target, cloud.writes]).toEqual(["node1", ["node1"]]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(world.told).toEqual([
      { type: "Warning", reason: "AssociationWrong", message: "it should lead to node1 and leads to stranger" },
    ]);
  });

  it("counts as bad only when the repair failed for all retries [REQ 5.3.3b]", async () => {
    const { cloud, clock, world } = await active({ spec: { monitor: aMonitor({ retries: 2 }) } });
    cloud.refusal = "NotAuthorized";
    cloud.target = "stranger";
    await clock.advance(9_500);
    expect(cloud.writes.length).toBeGreaterThan(0);
    expect(await world.verdict("Ready")).toBe("True Active");
    await clock.advance(10_000);
    expect(await world.verdict("Ready")).toBe("False AssociationWrong");
    expect((await world.condition("Ready"))?.message).toContain("NotAuthorized");
    expect(world.told.map((event) => event.reason).filter((reason) => reason === "AssociationWrong").length).toBe(2);
    cloud.refusal = undefined;
    await clock.advance(2_100);
    expect([cloud.target, await world.verdict("Ready")]).toEqual(["node1", "True Active"]);
  });

  it("is told of again only when it was right in between", async () => {
    const { cloud, clock, world } = await active();
    for (let round = 0; round < 3; round++) {
      cloud.target = "stranger";
      await clock.advance(20_000);
    }
    expect(world.told.length).toBe(3);
  });

  it("is only reported while recovery is paused [REQ 5.3.18 switches]", async () => {
    const { cloud, clock, world } = await active({ settings: { isRecoveryPaused: true } });
    cloud.target = "stranger";
    await clock.advance(60_000);
    expect([cloud.target, cloud.writes]).toEqual(["stranger", []]);
    expect(await world.verdict("Ready")).toBe("False AssociationWrong");
  });

  it("is put right but not judged before monitor.startDelay is over [REQ 5.3.2]", async () => {
    const monitor = aMonitor({ startDelay: "1m", retries: 0, interval: "5s" });
    const { cloud, clock, world } = await start({ spec: { monitor } });
    await world.activate("node1", 1);
    await clock.advance(6_000);
    cloud.refusal = "CallFailed";
    cloud.target = "stranger";
    await clock.advance(45_000);
    expect(cloud.writes.length).toBeGreaterThan(1);
    expect(await world.verdict("Ready")).toBe("True Active");
    await clock.advance(20_000);
    expect(await world.verdict("Ready")).toBe("False AssociationWrong");
  });
});

describe("an activation", () => {
  const THRICE: FakePointerOptions = {
    change: (kind) => ({ ...kind, writeRetry: () => ({ intervalMs: 1_000, attempts: 3 }) }),
  };

  it("fails only after as many refusals as the kind allows, and goes on trying", async () => {
    const { cloud, clock, world } = await start(THRICE);
    cloud.refusal = "NotAuthorized";
    await world.activate("node1", 1);
    await clock.advance(200);
    expect(await world.verdict("Ready")).toBe("False Activating");
    await clock.advance(1_000);
    expect(await world.verdict("Ready")).toBe("False ActivationFailed");
    cloud.refusal = undefined;
    await clock.advance(1_100);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it.each(OUTAGES)(
    "is not failed by an outage of writes (%s), however often they are tried [REQ 5.3.9]",
    async (code) => {
      const { cloud, clock, world } = await start(THRICE);
      cloud.refusal = code;
      await world.activate("node1", 1);
      await clock.advance(20_000);
      expect(cloud.writes.length).toBeGreaterThan(10);
      expect(await world.verdict("Ready")).toBe("False Activating");
      await clock.advance(11_000);
      expect(await world.verdict("Ready")).toBe("False ActivationTimeout");
    },
  );

  it("succeeds when the pointer is right already", async () => {
    const { cloud, clock, world } = await start();
    cloud.target = "node1";
    await clock.advance(10_000);
    await world.activate("node1", 1);
    await clock.advance(100);
    expect([await world.verdict("Ready"), cloud.writes]).toEqual(["True Active", []]);
  });
});

describe("tunables", () => {
  it("act at once, without a restart", async () => {
    const pointer = await active();
    const { cloud, clock } = pointer;
    await clock.advance(10_000);
    await changeSpec(pointer, { monitor: aMonitor({ interval: "1s", timeout: "1s", retryInterval: "1s" }) });
    await clock.advance(1_000);
    const before = cloud.reads;
    await clock.advance(10_000);
    expect(cloud.reads - before).toBe(10);
    cloud.target = "stranger";
    await clock.advance(1_000);
    expect(cloud.target).toBe("node1");
    cloud.outage = "CallTimeout";
    await changeSpec(pointer, { monitor: aMonitor({ interval: "1s", timeout: "1s", whenUnreadable: "Recover" }) });
    await clock.advance(10_000);
    expect(await pointer.world.verdict("Ready")).toBe("False CallTimeout");
    await changeSpec(pointer, { monitor: aMonitor({ interval: "1s", timeout: "1s", whenUnreadable: "Warn" }) });
    cloud.outage = undefined;
    await clock.advance(2_000);
    expect(await pointer.world.verdict("Ready")).toBe("True Active");
  });
});

describe("the time that calls take", () => {
  it("stands in the status, to be compared with the timeout [REQ 5.3.10]", async () => {
    const { cloud, clock, world } = await active();
    cloud.callMs = 120;
    await clock.advance(30_000);
    expect((await world.object()).status?.callTime).toEqual({ p99: "120ms", max: "120ms" });
  });

  it("is warned about at the part of the timeout that the installation sets", async () => {
    const { cloud, clock, world } = await active({ settings: { delayWarningPercent: 10 } });
    cloud.callMs = 600;
    await clock.advance(20_000);
    expect(world.told.map((event) => event.reason)).toEqual(["DelayWarning"]);
  });

  it("is warned about once when it comes near the timeout [REQ 5.3.18 delay warnings]", async () => {
    const { cloud, clock, world } = await active();
    cloud.callMs = 4_100;
    await clock.advance(60_000);
    const told = world.told.filter((event) => event.reason === "DelayWarning");
    expect(told.map((event) => event.message)).toEqual([
      "99 of 100 calls take up to 4s100ms, which is more than 80 % of the 5s that spec.monitor.timeout and spec.timeouts.call allow. Raise them, or repair the path to the cloud",
    ]);
  });
});
