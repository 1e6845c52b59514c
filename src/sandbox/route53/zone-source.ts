/** The zones of a virtual Route 53 as its name servers and the resolvers of its VPCs answer. */
import type { DnsRecord, DnsRecordType, DnsZone, ZoneSource } from "../dns/zones.ts";
import type { HostedRecord, VirtualHostedZone, VirtualRoute53 } from "./virtual-route53.ts";

/**
 * `vpcOf`: the VPC that a client asks from. Private zones are served to the VPCs that they are associated with (Route 53
 * developer guide, "Working with private hosted zones"); `undefined` stands for a client outside every VPC.
 */
export function route53Zones(
  route53: VirtualRoute53,
  vpcOf: (clientAddress: string) => string | undefined,
): ZoneSource {
  return {
    zonesFor: (clientAddress) => {
      const vpcId = vpcOf(clientAddress);
      const isVisible = (zone: VirtualHostedZone): boolean =>
        !zone.isPrivate || zone.vpcs.some((vpc) => vpc.vpcId === vpcId);
      return route53.zones.filter(isVisible).map((zone) => servedZone(route53, zone));
    },
  };
}

/** The last field of the SOA that Route 53 makes: how long "no such name" may be remembered. */
function negativeTtlOf(records: readonly HostedRecord[]): number {
  const soa = records.find((record) => record.type === "SOA")?.values[0]?.split(" ") ?? [];
  return Number(soa.at(-1) ?? 900);
}

const SERVED: ReadonlySet<string> = new Set<DnsRecordType>(["A", "AAAA", "CNAME", "NS", "TXT"]);

function isServed(type: string): type is DnsRecordType {
  return SERVED.has(type);
}

function servedZone(route53: VirtualRoute53, zone: VirtualHostedZone): DnsZone {
  const { serial, records } = route53.served(zone.zoneId);
  const withoutDot = (name: string): string => name.replace(/\.$/, "");
  return {
    name: withoutDot(zone.name),
    isPrivate: zone.isPrivate,
    nameServers: zone.nameServers,
    negativeTtl: negativeTtlOf(records),
    serial,
    records: records.flatMap(({ name, type, ttl, values }): DnsRecord[] =>
      isServed(type) && ttl !== undefined ? [{ name: withoutDot(name), type, ttl, values }] : [],
    ),
  };
}
