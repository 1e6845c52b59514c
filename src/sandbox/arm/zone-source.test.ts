import { afterEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { askForAddress } from "../dns/ask.ts";
import { type DnsServer, startDnsServer } from "../dns/server.ts";
import { VirtualDnsZones } from "./dns-zones.ts";
import { azureZoneSource } from "./zone-source.ts";

const VNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/vnet1";
const servers: DnsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe("Azure's name servers in the sandbox", () => {
  const create = async (isInVnet: boolean): Promise<{ zones: VirtualDnsZones; server: DnsServer }> => {
    const zones = new VirtualDnsZones({ subscriptionId: "s" }, { random: seededRandom() });
    const source = azureZoneSource(zones, () => (isInVnet ? VNET.toUpperCase() : undefined));
    const server = await startDnsServer({}, source);
    servers.push(server);
    return { zones, server };
  };

  it("answer from a public zone, and what Resource Manager changes at once", async () => {
    const { zones, server } = await create(false);
    const id = { resourceGroup: "g", name: "cluster1.zone", type: "dnsZones" } as const;
    const zone = zones.createZone({ ...id, nameServers: ["ns1-01.azure-dns.com."] });
    const ask = () => askForAddress(server, "test-record1.cluster1.zone", 1_000);
    expect((await ask()).code).toBe("NXDOMAIN");
    zones.put(zone, { name: "test-record1", ttlSeconds: 10, addresses: ["10.5.0.110"] });
    expect(await ask()).toMatchObject({ addresses: ["10.5.0.110"], ttl: 10, isAuthoritative: true });
    const changed = zones.zone(id);
    if (changed !== undefined) zones.put(changed, { name: "test-record1", ttlSeconds: 10, addresses: ["10.5.0.111"] });
    expect((await ask()).addresses).toEqual(["10.5.0.111"]);
  });

  it.each([
    [true, ["10.5.0.110"]],
    [false, []],
  ])("answer from a private zone to its linked network only (inside: %s)", async (isInVnet, addresses) => {
    const { zones, server } = await create(isInVnet);
    const links = [{ name: "link1", virtualNetworkId: VNET, state: "Completed" }] as const;
    const zone = zones.createZone({ resourceGroup: "g", name: "cluster1.zone", type: "privateDnsZones", links });
    zones.put(zone, { name: "@", ttlSeconds: 10, addresses: ["10.5.0.110"] });
    expect((await askForAddress(server, "cluster1.zone", 1_000)).addresses).toEqual(addresses);
  });
});
