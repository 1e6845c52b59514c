/** A group with a record in Azure that somebody deletes, from the controller's own wiring. */
import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import { FakeAzureDns } from "../../../test/fakes/fake-azure-dns.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { KINDS } from "../../api/kinds.ts";
import type { KubeObject } from "../../kube/ports.ts";

const NODES = ["node1", "node2"];
const ZONE = { resourceGroup: "TestGroup1", zone: "cluster1.zone", visibility: "Public" } as const;
const REF = { ...ZONE, record: "test-record1" };
const ADDRESSES: Readonly<Record<string, string>> = { node1: "10.5.0.110", node2: "10.5.0.111" };

async function start(): Promise<{ world: ControllerWorld; dns: FakeAzureDns }> {
  const held: { dns: FakeAzureDns } = { dns: new FakeAzureDns(new FakeClock()) };
  const spec = { resources: [{ kind: "AzureDns", name: "record" }] };
  const world = await ControllerWorld.create(NODES, spec, undefined, {
    azureDns: (clock) => {
      held.dns = new FakeAzureDns(clock);
      held.dns.addZone(ZONE);
      return held.dns;
    },
  });
  const monitor = { interval: "1s", timeout: "1s", retryInterval: "1s", startDelay: "0s", resolution: "Off" };
  const members = NODES.map((node) => ({ node, address: ADDRESSES[node] }));
  const { resourceGroup, zone, record } = REF;
  const subscriptionId = "11111111-2222-3333-4444-555555555555";
  const record1 = { resourceGroup, zone, record, subscriptionId, members, monitor };
  await world.kube.create(KINDS.AzureDns, {
    metadata: { namespace: "ha", name: "record" },
    spec: record1,
  } as KubeObject);
  await world.until(isReadyOn("node1"));
  return { world, dns: held.dns };
}

describe("a record that somebody deletes", () => {
  it("is written again where the group is: nothing moves [REQ 5.3.3b]", async () => {
    const { world, dns } = await start();
    dns.change(REF, () => undefined);
    await world.advance(5_000, 50);
    expect(dns.peek(REF)?.addresses).toEqual([ADDRESSES["node1"]]);
    expect((await world.group()).status?.active).toMatchObject({ node: "node1", epoch: 1 });
  });

  it("moves the group once its repair was refused, and is there for the other member [REQ 5.3.3b] [REQ 5.4 Azure DNS]", async () => {
    const { world, dns } = await start();
    dns.failures.set("RecordSets.CreateOrUpdate", "NotAuthorized");
    dns.change(REF, () => undefined);
    await world.until((group) => group.status?.active?.node === "node2");
    dns.failures.clear();
    await world.until(isReadyOn("node2"));
    expect(dns.peek(REF)?.addresses).toEqual([ADDRESSES["node2"]]);
    expect((await world.group()).status?.history?.[0]).toMatchObject({ cause: "ResourceFailed", from: "node1" });
  });

  it("stays where it is while Azure cannot be asked to repair it [REQ 5.3.9]", async () => {
    const { world, dns } = await start();
    dns.failures.set("RecordSets.CreateOrUpdate", "EndpointUnreachable");
    dns.change(REF, () => undefined);
    await world.advance(60_000, 50);
    const group = await world.group();
    expect(group.status?.active).toMatchObject({ node: "node1", epoch: 1 });
    expect(condition(group, "Ready")?.status).toBe("False");
  });
});
