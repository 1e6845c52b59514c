import { describe, expect, it } from "vitest";
import { FakeAzureDns } from "../../../test/fakes/fake-azure-dns.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import type { RecordSet } from "./dns-ports.ts";
import { AzureDnsKnowledge } from "./dns-knowledge.ts";

const ZONE = { resourceGroup: "g", zone: "cluster1.zone", visibility: "Public" } as const;
const INTERVAL_MS = 30_000;

async function settled<T>(clock: FakeClock, call: Promise<T>): Promise<T> {
  await clock.advance(100);
  return await call;
}

function setUp(records: number): {
  clock: FakeClock;
  dns: FakeAzureDns;
  knowledge: AzureDnsKnowledge;
  names: string[];
} {
  const clock = new FakeClock();
  const dns = new FakeAzureDns(clock);
  dns.addZone(ZONE);
  const names = Array.from({ length: records }, (_, index) => `r${index}`);
  for (const record of names) dns.change({ ...ZONE, record }, () => ({ addresses: ["10.5.0.110"], ttlSeconds: 10 }));
  return { clock, dns, knowledge: new AzureDnsKnowledge(dns, clock), names };
}

describe("what is known of Azure's zones", () => {
  const interval = async ({
    clock,
    knowledge,
    names,
  }: ReturnType<typeof setUp>): Promise<(RecordSet | undefined)[]> => {
    await clock.advance(INTERVAL_MS);
    const wish = { sentSinceMs: clock.monotonicMs() - INTERVAL_MS + 100, timeoutMs: 1_000 };
    const reads = Promise.all(names.map((record) => knowledge.record({ ...ZONE, record }, wish)));
    return (await settled(clock, reads)).map(({ value }) => value);
  };

  it("costs one read per record while they are few", async () => {
    const world = setUp(3);
    await interval(world);
    expect([...world.dns.calls]).toEqual([["RecordSets.Get", 3]]);
  });

  it("costs one walk over the zone per interval when they are many", async () => {
    const world = setUp(200);
    await interval(world);
    world.dns.calls.clear();
    expect((await interval(world)).every((record) => record?.addresses[0] === "10.5.0.110")).toBe(true);
    expect([...world.dns.calls]).toEqual([["RecordSets.List", 1]]);
  });

  it("reads the one record for whoever wants to know what holds now", async () => {
    const world = setUp(200);
    await interval(world);
    const { clock, dns, knowledge } = world;
    dns.calls.clear();
    dns.change({ ...ZONE, record: "r7" }, () => undefined);
    const wish = { sentSinceMs: clock.monotonicMs(), timeoutMs: 1_000 };
    const { value } = await settled(clock, knowledge.record({ ...ZONE, record: "r7" }, wish));
    expect(value).toBeUndefined();
    expect([...dns.calls]).toEqual([["RecordSets.Get", 1]]);
  });

  it("answers at any age without asking, the newest of what is known", async () => {
    const world = setUp(200);
    await interval(world);
    const { clock, dns, knowledge } = world;
    dns.change({ ...ZONE, record: "r7" }, () => ({ addresses: ["10.5.0.111"], ttlSeconds: 10 }));
    const ref = { ...ZONE, record: "r7" };
    await settled(clock, knowledge.record(ref, { sentSinceMs: clock.monotonicMs(), timeoutMs: 1_000 }));
    dns.calls.clear();
    const anyAge = { sentSinceMs: clock.monotonicMs(), timeoutMs: 1_000, anyAge: true };
    expect((await knowledge.record(ref, anyAge)).value?.addresses).toEqual(["10.5.0.111"]);
    expect((await knowledge.record({ ...ZONE, record: "r8" }, anyAge)).value?.addresses).toEqual(["10.5.0.110"]);
    expect(dns.calls.size).toBe(0);
  });
});
