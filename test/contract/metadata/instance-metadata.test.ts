/**
 * The agent's reader of instance metadata against the sandbox's emulation of both clouds. Where the emulation follows
 * documentation, the test names it.
 */
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import { InstanceMetadata } from "../../../src/nodeagent/linux/instance-metadata.ts";
import { AwsMetadata } from "../../../src/sandbox/metadata/aws-metadata.ts";
import { AzureMetadata } from "../../../src/sandbox/metadata/azure-metadata.ts";
import type { MetadataService } from "../../../src/sandbox/metadata/documents.ts";
import { type MetadataServer, startMetadataServer } from "../../../src/sandbox/metadata/metadata-server.ts";
import { TOPOLOGIES } from "../../../src/sandbox/network/topologies.ts";
import { smallVpc } from "../../fakes/fake-ec2.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";

const LIMIT_MS = 2_000;
const { signal } = new AbortController();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function serve(
  service: MetadataService,
): Promise<{ reader: InstanceMetadata; server: MetadataServer; url: string }> {
  const server = await startMetadataServer({ host: "127.0.0.1", port: 0 }, { service, vmAt: () => "node1" });
  cleanups.push(() => server.close());
  const url = `http://127.0.0.1:${server.port}`;
  return { reader: new InstanceMetadata({ url }, { clock: systemClock }), server, url };
}

describe("EC2's instance metadata", () => {
  const world = smallVpc(systemClock);
  const modules = {
    regions: [world.ec2],
    instanceOf: () => world.instance1,
    clock: systemClock,
    random: seededRandom(),
  };

  it("tells a machine who it is, and what AWS has planned for it in its own way of writing dates", async () => {
    const { reader } = await serve(new AwsMetadata(modules));
    const found = await reader.identity(LIMIT_MS, signal);
    const providerId = `aws:///eu-central-1a/${world.instance1}`;
    expect(found).toEqual({ ok: true, value: { cloud: "aws", providerId, zone: "eu-central-1a" } });
    if (!found.ok) return;
    expect(await reader.events(found.value, LIMIT_MS, signal)).toEqual({ ok: true, value: [] });
    world.ec2.setInstanceEvents(world.instance1, [
      {
        instanceEventId: "instance-event-0d59937288b749b32",
        code: "system-reboot",
        description: "scheduled reboot",
        notBefore: "2026-01-21T09:00:43.000Z",
      },
    ]);
    expect(await reader.events(found.value, LIMIT_MS, signal)).toEqual({
      ok: true,
      value: [{ id: "instance-event-0d59937288b749b32", type: "Reboot", notBefore: "2026-01-21T09:00:43.000Z" }],
    });
  });

  it("answers no request without a fresh token of the same machine (EC2 user guide, IMDSv2)", async () => {
    const { url } = await serve(new AwsMetadata(modules));
    const path = `${url}/latest/meta-data/instance-id`;
    expect((await fetch(path)).status).toBe(401);
    expect((await fetch(path, { headers: { "x-aws-ec2-metadata-token": "guessed" } })).status).toBe(401);
    const headers = { "x-aws-ec2-metadata-token-ttl-seconds": "21601" };
    expect((await fetch(`${url}/latest/api/token`, { method: "PUT", headers })).status).toBe(400);
  });

  it("tells of a spot interruption as long as there is one (EC2 user guide, Spot Instance interruption notices)", async () => {
    const service = new AwsMetadata(modules);
    service.spotNotices.set("node1", { action: "terminate", time: "2026-01-21T09:02:00Z" });
    const { reader } = await serve(service);
    const found = await reader.identity(LIMIT_MS, signal);
    if (!found.ok) throw new Error(found.message);
    const events = await reader.events(found.value, LIMIT_MS, signal);
    expect(events.ok && events.value).toContainEqual({
      id: "spot-terminate-2026-01-21T09:02:00Z",
      type: "Preempt",
      notBefore: "2026-01-21T09:02:00.000Z",
    });
  });
});

describe("Azure's instance metadata", () => {
  const { vms } = TOPOLOGIES.vnet("abcdef");
  const resourceId = (vm: string): string =>
    `/subscriptions/s/resourceGroups/TestGroup1/providers/Microsoft.Compute/virtualMachines/${vm}`;
  const reboot = {
    id: "f020ba2e-3bc0-4c40-a10b-86575a9eabd5",
    type: "Reboot",
    vms: ["node1"],
    notBeforeMs: Date.parse("2026-01-21T09:00:43Z"),
    durationSeconds: 9,
    status: "Scheduled",
  } as const;

  it("tells a machine who it is and of an event, which starts once it is approved (Azure, Scheduled Events)", async () => {
    const approved: string[] = [];
    const service = new AzureMetadata({ vms, resourceId, approved: (event) => approved.push(event.id) });
    service.announce(reboot);
    service.announce({ ...reboot, id: "of-another", vms: ["node2"] });
    const { reader } = await serve(service);
    const found = await reader.identity(LIMIT_MS, signal);
    expect(found).toMatchObject({
      ok: true,
      value: { cloud: "azure", providerId: `azure://${resourceId("node1")}`, zone: "japaneast-1" },
    });
    if (!found.ok) return;
    const notBefore = "2026-01-21T09:00:43.000Z";
    const event = { id: reboot.id, type: "Reboot", durationSeconds: 9 };
    expect(await reader.events(found.value, LIMIT_MS, signal)).toEqual({ ok: true, value: [{ ...event, notBefore }] });
    expect(await reader.acknowledge(found.value, [reboot.id, "unknown"], LIMIT_MS, signal)).toMatchObject({ ok: true });
    expect(await reader.events(found.value, LIMIT_MS, signal)).toEqual({
      ok: true,
      value: [{ ...event, isStarted: true }],
    });
    expect(approved).toEqual([reboot.id]);
  });

  it("refuses requests without the Metadata header, through a proxy or without a version (Azure, IMDS)", async () => {
    const { url } = await serve(new AzureMetadata({ vms, resourceId }));
    const path = `${url}/metadata/instance?api-version=2021-02-01`;
    const status = async (where: string, headers: Record<string, string>) => (await fetch(where, { headers })).status;
    expect(await status(path, { metadata: "true" })).toBe(200);
    expect(await status(path, {})).toBe(400);
    expect(await status(path, { metadata: "true", "x-forwarded-for": "10.0.0.1" })).toBe(400);
    expect(await status(`${url}/metadata/instance`, { metadata: "true" })).toBe(400);
  });

  it("is silent when it is told to be, and the reader gives up in time", async () => {
    const { reader, server } = await serve(new AzureMetadata({ vms, resourceId }));
    server.setSilent(true);
    expect(await reader.identity(100, signal)).toMatchObject({ ok: false });
  });
});
