import { afterEach, describe, expect, it } from "vitest";
import { ADDRESSES, AzureDnsWorld } from "../../../test/builders/azure-dns-world.ts";

const worlds: AzureDnsWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(options?: Parameters<typeof AzureDnsWorld.create>[0]): Promise<AzureDnsWorld> {
  const world = await AzureDnsWorld.create(options);
  worlds.push(world);
  await world.clock.advance(100);
  return world;
}

describe("the record of an AzureDns", () => {
  it("is checked for every member before anybody is active, and not written [REQ 5.1 Azure DNS record set]", async () => {
    const world = await start();
    const { status, metadata } = await world.object();
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    expect(await world.verdict("Ready")).toBe("False Inactive");
    expect(metadata.finalizers).toEqual(["understudy.dev/in-use"]);
    expect(status?.zone).toEqual({ name: "cluster1.zone", visibility: "Public" });
    expect(status?.members).toEqual([
      { node: "node1", address: ADDRESSES.node1 },
      { node: "node2", address: ADDRESSES.node2 },
    ]);
    expect(world.record()).toBeUndefined();
  });

  it.each(["Public", "Private"] as const)(
    "follows the grant in a %s zone, with its TTL [REQ 5.1 Azure DNS TTL]",
    async (zoneType) => {
      const world = await start({ spec: { zoneType, ttl: "1h" } });
      await world.activate("node1", 1);
      await world.clock.advance(100);
      expect(world.record()).toMatchObject({ addresses: [ADDRESSES.node1], ttlSeconds: 3_600 });
      expect(await world.verdict("Ready")).toBe("True Active");
      await world.activate("node2", 2);
      await world.clock.advance(100);
      expect(world.record()).toMatchObject({ addresses: [ADDRESSES.node2], ttlSeconds: 3_600 });
      const { status } = await world.object();
      expect(status).toMatchObject({
        active: { node: "node2", epoch: 2 },
        record: { address: ADDRESSES.node2, ttl: 3_600 },
        etag: world.record()?.etag,
      });
    },
  );

  it("holds the member's own address where one is given, else that of its Node [REQ 5.1 Azure DNS per-node IP]", async () => {
    const world = await start({ spec: { members: [{ node: "node2", address: "10.5.0.99" }] } });
    await world.activate("node2", 1);
    await world.clock.advance(100);
    expect(world.record()?.addresses).toEqual(["10.5.0.99"]);
    await world.activate("node1", 2);
    await world.clock.advance(100);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node1]);
  });

  it("is not written for a grant that was over when the call's turn came", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    const turn = Promise.withResolvers<void>();
    const sent: string[] = [];
    world.dns.onPut = (addresses) => void sent.push(...addresses);
    world.dns.turn = turn.promise;
    await world.activate("node2", 2);
    await world.clock.advance(500);
    await world.activate("node1", 3);
    await world.clock.advance(500);
    turn.resolve();
    await world.clock.advance(5_000);
    expect(sent).not.toContain(ADDRESSES.node2);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node1]);
  });

  it("waits for what it depends on, then is written without asking anything first", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.dns.calls.clear();
    await world.grant("node2", 2);
    await world.report("node2", 2, { app: { state: "Activating" } });
    await world.clock.advance(5_000);
    expect(world.dns.calls.get("RecordSets.CreateOrUpdate")).toBeUndefined();
    const readsBefore = world.dns.calls.get("RecordSets.Get") ?? 0;
    await world.report("node2", 2);
    await world.clock.advance(11);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node2]);
    expect((world.dns.calls.get("RecordSets.Get") ?? 0) - readsBefore).toBeLessThanOrEqual(1);
  });

  it("is never absent during a move", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(100);
    for (let epoch = 2; epoch < 12; epoch++) {
      await world.activate(epoch % 2 === 0 ? "node2" : "node1", epoch);
      for (let step = 0; step < 20; step++) {
        await world.clock.advance(2);
        expect(world.record()?.addresses).toHaveLength(1);
      }
    }
    expect(world.dns.calls.get("RecordSets.Delete")).toBeUndefined();
  });

  it("that somebody deletes is written again within one interval, in place, with an Event [REQ 5.3.3b] [REQ 5.4 Azure DNS]", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.told.length = 0;
    world.change(() => undefined);
    await world.clock.advance(30_000);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node1]);
    expect(world.told.map(({ type, reason }) => `${type} ${reason}`)).toEqual(["Warning RecordMissing"]);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("that somebody changes is corrected, and somebody's notes on it stay", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.change(() => ({ addresses: ["192.0.2.1", "192.0.2.2"], ttlSeconds: 60, metadata: { owner: "team-a" } }));
    await world.clock.advance(30_000);
    expect(world.record()).toMatchObject({
      addresses: [ADDRESSES.node1],
      ttlSeconds: 10,
      metadata: { owner: "team-a" },
    });
    expect(world.told.map(({ reason }) => reason)).toContain("RecordWrong");
  });

  it("is RecordMissing when the repair fails, which is what moves the group", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.dns.failures.set("RecordSets.CreateOrUpdate", "NotAuthorized");
    world.change(() => undefined);
    await world.clock.advance(120_000);
    expect(await world.verdict("Ready")).toBe("False RecordMissing");
    expect((await world.condition("Ready"))?.message).toContain("RecordSets.CreateOrUpdate");
    expect(await world.verdict("Stalled")).toBe("True NeedsOperator");
    world.dns.failures.clear();
    await world.clock.advance(60_000);
    expect(await world.verdict("Stalled")).toBe("-");
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it.each(["EndpointUnreachable", "CallTimeout", "Throttled", "CallFailed"] as const)(
    "that cannot be repaired because of an outage (%s) is no reason to move [REQ 5.3.9]",
    async (code) => {
      const world = await start();
      await world.activate("node1", 1);
      await world.clock.advance(20_000);
      world.dns.failures.set("RecordSets.CreateOrUpdate", code);
      world.change(() => undefined);
      await world.clock.advance(300_000);
      expect(await world.verdict("Ready")).toBe("False RecordMissing");
      expect(await world.verdict("Stalled")).toBe("-");
    },
  );

  it("keeps the address of a new TTL until the next write", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.change((before) => (before === undefined ? undefined : { ...before, ttlSeconds: 300 }));
    const written = world.dns.calls.get("RecordSets.CreateOrUpdate");
    await world.clock.advance(120_000);
    expect(world.dns.calls.get("RecordSets.CreateOrUpdate")).toBe(written);
    expect((await world.object()).status?.record?.ttl).toBe(300);
  });

  it("is not overwritten by a writer that comes late: its version is gone", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    const { etag = "" } = world.record() ?? {};
    await world.activate("node2", 2);
    await world.clock.advance(1_000);
    const late = world.dns.put(world.ref, { addresses: [ADDRESSES.node1], ttlSeconds: 10 }, { etag });
    const refused = expect(late).rejects.toThrow("PreconditionFailed");
    await world.clock.advance(1_000);
    await refused;
    expect(world.record()?.addresses).toEqual([ADDRESSES.node2]);
  });

  it("is read again and written by its new version when somebody changed it before a failover", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.change((before) => (before === undefined ? undefined : { ...before, addresses: ["10.5.0.77"] }));
    await world.activate("node2", 2);
    await world.clock.advance(1_000);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node2]);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is found written when the reply of the write was lost", async () => {
    const world = await start();
    world.dns.lostReplies = 1;
    await world.activate("node1", 1);
    await world.clock.advance(1_000);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node1]);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(world.dns.calls.get("RecordSets.CreateOrUpdate")).toBe(1);
  });

  it("whose name resolves wrongly on the active member is not ready [REQ 5.3.5]", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    const reason = "ResolvedElsewhere";
    await world.report("node1", 1, { azuredns1: { state: "Failed", reason, message: "is 192.0.2.9 on node1" } });
    await world.clock.advance(1_000);
    expect(await world.verdict("Ready")).toBe("False ResolvedElsewhere");
  });

  it("that is missing is not told as a name that does not resolve: the record is repaired first", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.dns.failures.set("RecordSets.CreateOrUpdate", "NotAuthorized");
    world.change(() => undefined);
    await world.report("node1", 1, { azuredns1: { state: "Activating", reason: "NotResolved", message: "ENOTFOUND" } });
    await world.clock.advance(120_000);
    expect(await world.verdict("Ready")).toBe("False RecordMissing");
  });
});

describe("an AzureDns of a stopped group", () => {
  it("keeps its record by default", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    await world.revoke(1, "StoppedByRequest");
    await world.clock.advance(60_000);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node1]);
    expect((await world.condition("Ready"))?.message).toContain("clients may still reach the last address");
  });

  it("loses exactly its own record with whenStopped: Delete, not in a move", async () => {
    const world = await start({ spec: { whenStopped: "Delete" } });
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    await world.revoke(1);
    await world.clock.advance(60_000);
    expect(world.record()?.addresses).toEqual([ADDRESSES.node1]);
    await world.activate("node2", 2);
    await world.clock.advance(20_000);
    await world.revoke(2, "StoppedByRequest");
    await world.clock.advance(60_000);
    expect(world.record()).toBeUndefined();
  });

  it("leaves a record alone that somebody else has written meanwhile", async () => {
    const world = await start({ spec: { whenStopped: "Delete" } });
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.change(() => ({ addresses: ["192.0.2.1"], ttlSeconds: 60 }));
    await world.revoke(1, "StoppedByRequest");
    await world.clock.advance(60_000);
    expect(world.record()?.addresses).toEqual(["192.0.2.1"]);
  });
});

describe("an outage of Azure", () => {
  it.each([
    "EndpointUnreachable",
    "CallTimeout",
    "Throttled",
    "CallFailed",
    "CredentialsRejected",
    "NotFound",
  ] as const)("(%s) moves nothing and deletes nothing [REQ 5.3.9]", async (code) => {
    const world = await start({ spec: { whenStopped: "Delete" } });
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    const before = world.record();
    world.dns.failures.set("*", code);
    await world.clock.advance(600_000);
    expect(world.record()).toEqual(before);
    expect(await world.verdict("Ready")).toBe("True Active");
    await world.revoke(1, "StoppedByRequest");
    await world.clock.advance(60_000);
    expect(world.record()).toEqual(before);
    world.dns.failures.clear();
    await world.clock.advance(60_000);
    expect(world.record()).toBeUndefined();
  });

  it("is told in Observed, and ends there", async () => {
    const world = await start();
    await world.activate("node1", 1);
    await world.clock.advance(20_000);
    world.dns.failures.set("*", "EndpointUnreachable");
    await world.clock.advance(60_000);
    expect(await world.verdict("Observed")).toBe("False EndpointUnreachable");
    expect((await world.condition("Observed"))?.message).toContain("Azure Resource Manager");
    world.dns.failures.clear();
    await world.clock.advance(60_000);
    expect(await world.verdict("Observed")).toBe("True Read");
  });
});
