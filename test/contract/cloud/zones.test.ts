/** Availability zones: the same cases on the fake and through the SDK on the emulated EC2. */
import { afterEach, describe, expect, it } from "vitest";
import { Ec2Clients } from "../../../src/cloud/aws/ec2-access.ts";
import type { Ec2ZoneAccess } from "../../../src/cloud/aws/zone-knowledge.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { startEc2Endpoint } from "../../../src/sandbox/ec2/endpoint.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { smallVpc } from "../../fakes/fake-ec2.ts";
import { FakeZones } from "../../fakes/fake-zones.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";

const KEYS = { accessKeyId: "AKIATEST", secretAccessKey: "secret-of-test" };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function emulated(): Promise<{ access: Ec2ZoneAccess; calls: () => number }> {
  const { ec2 } = smallVpc(systemClock);
  const modules = { regions: [ec2], clock: systemClock, random: seededRandom() };
  const endpoint = await startEc2Endpoint({ accessKeys: [KEYS] }, modules);
  const access = new Ec2Clients(
    { endpoints: { ec2: endpoint.url } },
    { clock: systemClock, random: seededRandom(), metrics: noMetrics },
  );
  cleanups.push(
    () => endpoint.close(),
    () => access.close(),
  );
  const calls = (): number => endpoint.calls.get("DescribeAvailabilityZones") ?? 0;
  return { access, calls };
}

function faked(): Promise<{ access: Ec2ZoneAccess; calls: () => number }> {
  const access = new FakeZones(new FakeClock());
  return Promise.resolve({ access, calls: () => access.calls });
}

describe.each([
  ["the fake", faked],
  ["the SDK on the emulated EC2", emulated],
])("zones, by %s", (_name, make) => {
  it("are all zones of the region with their state, in one call for everybody who asks within a while", async () => {
    const { access, calls } = await make();
    const zones = await access.zonesOf("eu-central-1", KEYS);
    const wish = { sentSinceMs: 0, timeoutMs: 5_000 };
    const answers = await Promise.all([zones.zones(wish), zones.zones(wish), zones.zones(wish)]);
    for (const { value } of answers) {
      expect(value.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
        { name: "eu-central-1a", state: "available" },
        { name: "eu-central-1b", state: "available" },
      ]);
    }
    expect(calls()).toBe(1);
  });
});
