/**
 * The answer of an authoritative name server (RFC 1034, section 4.3.2; RFC 2308 for "there is none"). Pure: questions
 * and zones in, a packet out.
 *
 *   no zone for the name      REFUSED
 *   name does not exist       NXDOMAIN, with the zone's SOA: its last field is how long that may be remembered
 *   no record of this type    NOERROR without an answer, with the SOA
 *   a CNAME                   followed while it stays in the zone
 */
import { AUTHORITATIVE_ANSWER, type Answer, type DecodedPacket, type Packet, type Question } from "dns-packet";
import { contains, zoneOf } from "./zones.ts";
import type { DnsRecord, DnsZone, ZoneSource } from "./zones.ts";

/** RFC 1035, section 4.1.1. */
const RCODE = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
/** Longest chain of CNAMEs that is followed. */
const MAX_CHAIN = 8;
const RECURSION_DESIRED = 1 << 8;

export function answerTo(query: DecodedPacket, clientAddress: string, source: ZoneSource): Packet {
  const [question] = query.questions ?? [];
  const asked = (query.flags ?? 0) & RECURSION_DESIRED;
  const reply = (rcode: number, rest: Partial<Packet> = {}): Packet => ({
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    questions: query.questions ?? [],
    ...rest,
    flags: (rest.flags ?? 0) | asked | rcode,
  });
  if (question === undefined) return reply(RCODE.FORMERR);
  if (question.class !== undefined && question.class !== "IN") return reply(RCODE.NOTIMP);
  const name = question.name.toLowerCase();
  const zone = zoneOf(name, source.zonesFor(clientAddress));
  if (zone === undefined) return reply(RCODE.REFUSED);
  const { answers, exists } = lookUp(zone, name, question.type);
  const authorities = answers.length > 0 ? [] : [soa(zone)];
  const rcode = exists ? RCODE.NOERROR : RCODE.NXDOMAIN;
  return reply(rcode, { flags: AUTHORITATIVE_ANSWER, answers, authorities });
}

function lookUp(zone: DnsZone, name: string, type: Question["type"]): { answers: Answer[]; exists: boolean } {
  if (name === zone.name && type === "SOA") return { answers: [soa(zone)], exists: true };
  const answers: Answer[] = [];
  let at = name;
  for (let step = 0; step < MAX_CHAIN; step++) {
    const here = recordsAt(zone, at);
    const found = here.find((record) => record.type === type);
    if (found !== undefined) return { answers: [...answers, ...written(found)], exists: true };
    const alias = here.find((record) => record.type === "CNAME");
    const target = alias?.values[0]?.toLowerCase().replace(/\.$/, "");
    if (alias === undefined || target === undefined) break;
    answers.push(...written(alias));
    if (!contains(zone.name, target)) break;
    at = target;
  }
  // A name between the zone and a record exists although nothing stands there (RFC 8020).
  const exists = answers.length > 0 || name === zone.name || zone.records.some((record) => contains(name, record.name));
  return { answers, exists };
}

function recordsAt(zone: DnsZone, name: string): readonly DnsRecord[] {
  const own: DnsRecord[] = zone.records.filter((record) => record.name === name);
  if (name !== zone.name || own.some((record) => record.type === "NS")) return own;
  return [...own, { name, type: "NS", ttl: 172_800, values: zone.nameServers }];
}

function written({ name, type, ttl, values }: DnsRecord): Answer[] {
  return values.map((data): Answer => {
    if (type === "TXT") return { name, type, ttl, class: "IN", data };
    return { name, type, ttl, class: "IN", data: data.replace(/\.$/, "") };
  });
}

function soa(zone: DnsZone): Answer {
  const [mname = `ns.${zone.name}`] = zone.nameServers;
  const { serial, negativeTtl } = zone;
  const times = { refresh: 7_200, retry: 900, expire: 1_209_600, minimum: negativeTtl };
  const data = { mname: mname.replace(/\.$/, ""), rname: `hostmaster.${zone.name}`, serial, ...times };
  // RFC 2308, section 3: the SOA that comes with a negative answer lives as long as that answer.
  return { name: zone.name, type: "SOA", ttl: Math.min(900, negativeTtl), class: "IN", data };
}
