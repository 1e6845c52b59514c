import { afterEach, describe, expect, it } from "vitest";
import { ADDRESSES, makeAwsDnsWorld, RECORD, type AwsDnsWorld } from "../../../test/builders/aws-dns-world.ts";
import { ZONE_ID } from "../../../test/builders/route53-zone.ts";

const worlds: AwsDnsWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ world }) => world.close()));
});

async function start(options?: Parameters<typeof makeAwsDnsWorld>[0]): Promise<AwsDnsWorld> {
  const made = await makeAwsDnsWorld(options);
  worlds.push(made);
  return made;
}

/** Active on node1 for a while, everything verified. */
async function settled(options?: Parameters<typeof makeAwsDnsWorld>[0]): Promise<AwsDnsWorld> {
  const made = await start(options);
  await made.world.activate("node1", 1);
  await made.clock.advance(20_000);
  made.world.told.length = 0;
  made.fake.calls.length = 0;
  return made;
}

function warnings(told: readonly { readonly type: string; readonly reason: string }[]): string[] {
  return told.filter(({ type }) => type === "Warning").map(({ reason }) => reason);
}

describe("the record of an AwsDns", () => {
  it("is checked for every member before anybody is active, and not written [REQ 5.1 AWS DNS zone and name]", async () => {
    const { world, record } = await start({ spec: { name: "srv.hz1.local" } });
    const { status, metadata } = await world.object();
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    expect(await world.verdict("Ready")).toBe("False Inactive");
    expect(await world.verdict("Propagated")).toBe("-");
    expect(metadata.finalizers).toEqual(["understudy.dev/in-use"]);
    expect(status?.zone).toEqual({ name: "hz1.local.", visibility: "Private" });
    expect(status?.members).toEqual([
      { node: "node1", address: ADDRESSES.node1 },
      { node: "node2", address: ADDRESSES.node2 },
    ]);
    expect(record()).toBeUndefined();
  });

  it("follows the grant, with 10 s to live unless the user chooses [REQ 5.1 AWS DNS TTL] [REQ 5.1 AWS DNS IP]", async () => {
    const { world, clock, record } = await start({
      spec: { members: [{ node: "node2", address: "10.0.2.99" }] },
    });
    await world.activate("node1", 1);
    await clock.advance(200);
    expect(record()).toEqual({ name: RECORD, type: "A", ttl: 10, values: [ADDRESSES.node1] });
    expect(await world.verdict("Ready")).toBe("True Active");
    await world.activate("node2", 2);
    await clock.advance(200);
    expect(record()?.values).toEqual(["10.0.2.99"]);
    const { status } = await world.object();
    expect(status).toMatchObject({ active: { node: "node2", epoch: 2 }, record: { address: "10.0.2.99", ttl: 10 } });
  });

  it("may give one fixed address on every member [REQ 5.1 AWS DNS IP]", async () => {
    const { world, clock, record, callsOf } = await settled({ spec: { address: "10.1.0.20", ttl: "60s" } });
    expect(record()).toMatchObject({ ttl: 60, values: ["10.1.0.20"] });
    await world.activate("node2", 2);
    await clock.advance(5_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(callsOf("ChangeResourceRecordSets")).toBe(0);
  });

  it("waits for what it depends on, then is written at once, from what is known [REQ 5.3.14]", async () => {
    const { world, clock, record, fake, callsOf } = await settled();
    await world.grant("node2", 2);
    await world.report("node2", 2, { app: { state: "Activating" } });
    await clock.advance(5_000);
    expect(callsOf("ChangeResourceRecordSets")).toBe(0);
    const sentAt: number[] = [];
    fake.onCall = (call) => void (call.startsWith("Change") && sentAt.push(clock.monotonicMs()));
    const activeAtMs = clock.monotonicMs();
    fake.fail("ListResourceRecordSets", { code: "CallTimeout" }, 100);
    await world.report("node2", 2);
    await clock.advance(1_000);
    expect(record()?.values).toEqual([ADDRESSES.node2]);
    expect((sentAt[0] ?? Infinity) - activeAtMs).toBeLessThanOrEqual(1_000);
  });

  it("is never absent during moves, and no reading is needed for that [REQ 5.2 AWS DNS slow to resolve]", async () => {
    const { world, clock, record } = await settled();
    for (let epoch = 2; epoch < 12; epoch++) {
      await world.activate(epoch % 2 === 0 ? "node2" : "node1", epoch);
      for (let step = 0; step < 20; step++) {
        await clock.advance(10);
        expect(record()?.values).toHaveLength(1);
      }
      await clock.advance(2_000);
    }
    expect(record()?.values).toEqual([ADDRESSES.node1]);
  });

  it("that somebody deletes is written again within one interval, in place, with an Event [REQ 5.2 AWS DNS monitor 7] [REQ 5.3.3b] [REQ 5.4 AWS DNS]", async () => {
    const { world, clock, record, tamper } = await settled();
    tamper(undefined);
    await clock.advance(30_000);
    expect(record()?.values).toEqual([ADDRESSES.node1]);
    expect(warnings(world.told)).toEqual(["RecordMissing"]);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("that somebody changes is corrected within one interval [REQ 5.2 AWS DNS monitor 8] [REQ 5.4 AWS DNS]", async () => {
    const { world, clock, record, tamper } = await settled();
    tamper(["192.0.2.1", "192.0.2.2"], 60);
    await clock.advance(30_000);
    expect(record()).toMatchObject({ values: [ADDRESSES.node1], ttl: 10 });
    expect(warnings(world.told)).toEqual(["RecordWrong"]);
  });

  it("is RecordMissing when the repair fails, which is what moves the group [REQ 5.3.3b]", async () => {
    const { world, clock, fake, tamper } = await settled();
    fake.fail("ChangeResourceRecordSets", { code: "NotAuthorized", providerCode: "AccessDenied" }, 1_000);
    tamper(undefined);
    await clock.advance(120_000);
    expect(await world.verdict("Ready")).toBe("False RecordMissing");
    expect((await world.condition("Ready"))?.message).toContain("ChangeResourceRecordSets");
  });

  it("keeps its TTL until the next write, whatever the spec says by then [REQ 5.1 Route 53 tunables]", async () => {
    const { world, clock, record, callsOf } = await settled();
    await world.change({ ttl: "1h" });
    await clock.advance(60_000);
    expect([record()?.ttl, callsOf("ChangeResourceRecordSets")]).toEqual([10, 0]);
    await world.activate("node2", 2);
    await clock.advance(1_000);
    expect(record()).toMatchObject({ ttl: 3_600, values: [ADDRESSES.node2] });
  });

  it("is read as often as the spec says, from the moment it says so [REQ 5.1 Route 53 tunables] [REQ 5.3.1]", async () => {
    const { world, clock, callsOf } = await settled();
    await clock.advance(60_000);
    const before = callsOf("ListResourceRecordSets");
    expect(before).toBeLessThanOrEqual(3);
    await world.change({ monitor: { interval: "5s", timeout: "5s" } });
    await clock.advance(60_000);
    expect(callsOf("ListResourceRecordSets") - before).toBeGreaterThanOrEqual(11);
  });

  it("that is right already makes a start succeed without a write [REQ 5.3.6] [REQ 5.4 LifeKeeper]", async () => {
    const present = { name: RECORD, type: "A", ttl: 300, values: [ADDRESSES.node1] };
    const { world, clock, callsOf } = await start({
      prepare: ({ route53 }) => void route53.changeRecords(ZONE_ID, [{ action: "CREATE", record: present }]),
    });
    await world.activate("node1", 1);
    await clock.advance(2_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(callsOf("ChangeResourceRecordSets")).toBe(0);
    expect(await world.verdict("Propagated"), "nothing was sent").toBe("-");
  });

  it("that became right since it was read makes a start succeed as well: the change is refused [REQ 5.3.6]", async () => {
    const { world, clock, tamper, record } = await start();
    tamper([ADDRESSES.node1], 300);
    await world.activate("node1", 1);
    await clock.advance(2_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(record()?.ttl).toBe(300);
  });

  it("that was written although the answer was lost makes the start succeed [REQ 5.3.6]", async () => {
    const { world, clock, fake, callsOf } = await start();
    fake.fail("ChangeResourceRecordSets", { code: "CallFailed", after: true }, 1);
    await world.activate("node1", 1);
    await clock.advance(2_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(callsOf("ChangeResourceRecordSets")).toBe(1);
  });

  it("is tried as often as spec.write says before it counts as failed, and on until it works [REQ 5.4 LifeKeeper]", async () => {
    const { world, clock, fake, record } = await start({ spec: { write: { retryInterval: "2s", attempts: 5 } } });
    fake.fail("ChangeResourceRecordSets", { code: "NotAuthorized", providerCode: "AccessDenied" }, 6);
    await world.activate("node1", 1);
    await clock.advance(1_000);
    expect(await world.verdict("Ready")).toBe("False Activating");
    await clock.advance(5_000);
    expect(await world.verdict("Ready")).toBe("False ActivationFailed");
    await clock.advance(5_000);
    expect(record()?.values).toEqual([ADDRESSES.node1]);
    expect(await world.verdict("Ready")).toBe("True Active");
  });

  it("is read again and decided anew when it was changed since it was read", async () => {
    const { world, clock, record, tamper, callsOf } = await settled();
    tamper(["10.0.7.7"]);
    await world.activate("node2", 2);
    await clock.advance(500);
    expect(record()?.values).toEqual([ADDRESSES.node2]);
    expect(callsOf("ChangeResourceRecordSets"), "refused once, then on what is there").toBe(2);
  });

  it("that became an alias meanwhile is left alone", async () => {
    const { world, clock, route53 } = await settled();
    const [present] = route53.zone(ZONE_ID).records.filter(({ name }) => name === RECORD);
    if (present === undefined) throw new Error("no record");
    const aliasTarget = { dnsName: "lb-1.example.com.", hostedZoneId: "Z35SXDOTRQ7X7K" };
    const alias = { name: RECORD, type: "A", values: [], aliasTarget };
    route53.changeRecords(ZONE_ID, [
      { action: "DELETE", record: present },
      { action: "CREATE", record: alias },
    ]);
    await world.activate("node2", 2);
    await clock.advance(30_000);
    expect(route53.zone(ZONE_ID).records).toContainEqual(alias);
    expect(await world.verdict("PreflightOK")).toBe("False RecordNotSimple");
    expect(await world.verdict("Ready")).toBe("False ActivationFailed");
  });
});

describe("an outage of Route 53", () => {
  it.each(["CallTimeout", "EndpointUnreachable", "CallFailed", "Throttled"] as const)(
    "(%s) changes nothing, deletes nothing and is no fault of the record [REQ 5.3.9] [REQ 5.3.5] [REQ 5.2 AWS DNS monitor 106]",
    async (code) => {
      const { world, clock, fake, record, callsOf } = await settled();
      for (const action of ["ListResourceRecordSets", "GetHostedZone", "GetChange", "ChangeResourceRecordSets"])
        fake.fail(action, { code }, 10_000);
      await clock.advance(10 * 60_000);
      expect(await world.verdict("Ready")).toBe("True Active");
      expect(await world.verdict("Observed")).toBe(`False ${code}`);
      expect(record()?.values).toEqual([ADDRESSES.node1]);
      expect(callsOf("ChangeResourceRecordSets")).toBe(0);
      fake.heal();
      await clock.advance(60_000);
      expect(await world.verdict("Observed")).toBe("True Read");
    },
  );

  it("is a fault where the user wants that: code 6 [REQ 5.2 AWS DNS monitor 106]", async () => {
    const { world, clock, fake } = await settled({ spec: { monitor: { whenUnreadable: "Recover" } as never } });
    fake.fail("ListResourceRecordSets", { code: "CallTimeout" }, 10_000);
    await clock.advance(10 * 60_000);
    expect(await world.verdict("Ready")).toBe("False CallTimeout");
  });

  it("does not hide that the record is right when it ends [REQ 5.3.6]", async () => {
    const { world, clock, fake } = await start();
    fake.fail("ChangeResourceRecordSets", { code: "CallTimeout", after: true }, 1);
    fake.fail("ListResourceRecordSets", { code: "CallTimeout" }, 20);
    await world.activate("node1", 1);
    await clock.advance(3_000);
    expect((await world.verdict("Ready")).startsWith("False Activati")).toBe(true);
    fake.heal();
    await clock.advance(40_000);
    expect(await world.verdict("Ready")).toBe("True Active");
  });
});

describe("what the member's resolver says", () => {
  it.each([
    ["NotResolved", "9"],
    ["ResolvedElsewhere", "10"],
  ])("%s is a fault of the resource although the record is right (code %s)", async (reason) => {
    const { world, clock } = await settled();
    const trouble = { state: "Failed", reason, message: `${RECORD} on node1: as the resolver says` };
    await world.report("node1", 1, { awsdns1: trouble });
    await clock.advance(200);
    expect(await world.verdict("Ready")).toBe(`False ${reason}`);
    await world.report("node1", 1);
    await clock.advance(30_000);
    expect(await world.verdict("Ready")).toBe("True Active");
  });
});

describe("how far a change has come", () => {
  it("is only reported: pending, then everywhere [REQ 5.1 Route 53 tunables]", async () => {
    const { world, clock, callsOf } = await start({ propagationMs: 30_000 });
    await world.activate("node1", 1);
    await clock.advance(1_000);
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(await world.verdict("Propagated")).toBe("False Pending");
    expect((await world.object()).status?.change).toMatchObject({ state: "Pending" });
    await clock.advance(40_000);
    expect(await world.verdict("Propagated")).toBe("True InSync");
    expect(callsOf("GetChange"), "one reading per 20 s").toBe(2);
    await clock.advance(300_000);
    expect(callsOf("GetChange"), "nothing more to ask").toBe(2);
  });

  it("is slow after all readings of spec.sync, and asked on", async () => {
    const { world, clock, record } = await start({
      propagationMs: 60_000,
      spec: { sync: { interval: "2s", attempts: 3 } },
    });
    await world.activate("node1", 1);
    await clock.advance(10_000);
    expect(await world.verdict("Propagated")).toBe("False SlowPropagation");
    expect(await world.verdict("Ready")).toBe("True Active");
    expect(record()?.values).toEqual([ADDRESSES.node1]);
    await clock.advance(120_000);
    expect(await world.verdict("Propagated")).toBe("True InSync");
  });
});

describe("the record of a stopped group [REQ 5.1 AWS DNS delete on deactivation]", () => {
  it("stays unless the user wants it gone, and is never touched in a move", async () => {
    for (const whenStopped of ["Keep", "Delete"] as const) {
      const { world, clock, record } = await settled({ spec: { whenStopped } });
      await world.activate("node2", 2);
      await clock.advance(1_000);
      expect(record()?.values).toEqual([ADDRESSES.node2]);
      await world.revoke(2);
      await clock.advance(60_000);
      expect(record()?.values, "nobody holds the group, but it was not stopped").toEqual([ADDRESSES.node2]);
      await world.revoke(2, "StoppedByRequest");
      await clock.advance(60_000);
      expect(record()?.values).toEqual(whenStopped === "Keep" ? [ADDRESSES.node2] : undefined);
    }
  });

  it("stays when it no longer holds what was written, or cannot be read", async () => {
    const changed = await settled({ spec: { whenStopped: "Delete" } });
    changed.tamper(["10.0.7.7"]);
    await changed.world.revoke(1, "StoppedByRequest");
    await changed.clock.advance(60_000);
    expect(changed.record()?.values).toEqual(["10.0.7.7"]);
    const unread = await settled({ spec: { whenStopped: "Delete" } });
    unread.fake.fail("ListResourceRecordSets", { code: "CallTimeout" }, 10_000);
    await unread.clock.advance(60_000);
    await unread.world.revoke(1, "StoppedByRequest");
    await unread.clock.advance(60_000);
    expect(unread.record()?.values).toEqual([ADDRESSES.node1]);
  });
});

describe("calls of many records", () => {
  it("are the same few, however many objects look at a zone", async () => {
    const { clock, callsOf } = await settled();
    await clock.advance(10 * 60_000);
    expect(callsOf("ListResourceRecordSets")).toBeLessThanOrEqual(21);
    expect(callsOf("GetHostedZone")).toBeLessThanOrEqual(5);
  });
});
