/**
 * Azure's name servers in the sandbox: they answer from the zones as Resource Manager has them at that moment. Public zones
 * are for everybody, a private zone for the networks that are linked to it ("What is a private Azure DNS zone").
 */
import type { DnsZone, ZoneSource } from "../dns/zones.ts";
import type { ArmZone, VirtualDnsZones } from "./dns-zones.ts";

/** Azure's SOA of a new zone ends so; for how long a resolver remembers that a name does not exist, in seconds. */
const NEGATIVE_TTL = 300;

/** `networkOf`: resource id of the virtual network that an address lies in; undefined: in none of Azure's. */
export function azureZoneSource(
  zones: VirtualDnsZones,
  networkOf: (address: string) => string | undefined,
): ZoneSource {
  const serials = new Map<string, number>();
  zones.subscribe(({ name }) => void serials.set(name, (serials.get(name) ?? 1) + 1));
  return {
    zonesFor: (clientAddress) => {
      const network = networkOf(clientAddress)?.toLowerCase();
      return zones
        .zones()
        .filter((zone) => zone.type === "dnsZones" || isLinked(zone, network))
        .map((zone) => served(zone, serials.get(zone.name) ?? 1));
    },
  };
}

function isLinked({ links }: ArmZone, network: string | undefined): boolean {
  return links.some(
    ({ virtualNetworkId, state }) => state === "Completed" && virtualNetworkId.toLowerCase() === network,
  );
}

/** An alias record set has no addresses that the sandbox knows. */
function served(zone: ArmZone, serial: number): DnsZone {
  const name = zone.name.toLowerCase();
  const records = [...zone.recordSets].map(([relative, { ttlSeconds, addresses }]) => ({
    name: relative === "@" ? name : `${relative}.${name}`,
    type: "A" as const,
    ttl: ttlSeconds,
    values: addresses,
  }));
  const isPrivate = zone.type === "privateDnsZones";
  return { name, isPrivate, nameServers: zone.nameServers, negativeTtl: NEGATIVE_TTL, serial, records };
}
