/**
 * What the DNS server serves: zones, as the name servers of their provider answer at this moment. Whoever emulates a
 * provider (Route 53, Azure DNS) is a `ZoneSource`; the server asks it anew for every query.
 *
 * Names here are lower case and without a dot at the end.
 */

export type DnsRecordType = "A" | "AAAA" | "CNAME" | "NS" | "TXT";

/** All values of one name and type. */
export interface DnsRecord {
  readonly name: string;
  readonly type: DnsRecordType;
  /** In seconds. */
  readonly ttl: number;
  readonly values: readonly string[];
}

export interface DnsZone {
  readonly name: string;
  readonly isPrivate: boolean;
  readonly nameServers: readonly string[];
  /** For how long a resolver may remember that a name does not exist, in seconds (RFC 2308). */
  readonly negativeTtl: number;
  /** Rises with every change that can be seen. */
  readonly serial: number;
  readonly records: readonly DnsRecord[];
}

export interface ZoneSource {
  /** Public zones, and the private ones of the network that `clientAddress` lies in. */
  zonesFor(clientAddress: string): readonly DnsZone[];
}

/** The zone that answers for a name: the longest that contains it; among equals the private one, as in both clouds. */
export function zoneOf(name: string, zones: readonly DnsZone[]): DnsZone | undefined {
  const rank = (zone: DnsZone): number => zone.name.length * 2 + (zone.isPrivate ? 1 : 0);
  return zones.filter((zone) => contains(zone.name, name)).toSorted((a, b) => rank(b) - rank(a))[0];
}

/** Whether `name` is the zone's own name or lies below it. */
export function contains(zoneName: string, name: string): boolean {
  return name === zoneName || name.endsWith(`.${zoneName}`);
}
