/**
 * The DNS part of Microsoft.Network of the emulated Azure: A record sets of public zones (API 2018-05-01) and private zones
 * (API 2024-06-01) with ETags, virtual network links of private zones.
 *
 * As documented: `If-Match` and `If-None-Match: *` that do not hold are 412 PreconditionFailed ("Azure DNS: zones and
 * records", Etags); a record set that does not exist is 404 `NotFound` by the service itself, without the envelope
 * `error`; a missing zone is 404 `ParentResourceNotFound` by Resource Manager; deleting what is not there is 204.
 */
import {
  type ArmNetworkLink,
  type ArmRecordSet,
  type ArmZone,
  type VirtualDnsZones,
  type ZoneType,
} from "./dns-zones.ts";
import { recordSetInput } from "./dns-body.ts";
import { type ArmAnswer, type ArmCall, ArmError, type ArmProvider, type ArmRequest, headerOf } from "./provider.ts";

interface Target {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly type: ZoneType;
  readonly zone: string;
  readonly record: string;
}

const PATH =
  /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/microsoft\.network\/(dnszones|privatednszones)\/([^/]+)(?:\/(a|virtualnetworklinks)(?:\/([^/]+))?)?$/i;
const PAGE = 100;

export class DnsProvider implements ArmProvider {
  readonly #zones: VirtualDnsZones;

  constructor(zones: VirtualDnsZones) {
    this.#zones = zones;
  }

  callOf(method: string, path: string): ArmCall | undefined {
    const [, subscription = "", resourceGroup = "", zones = "", zone, child = "", record] = PATH.exec(path) ?? [];
    if (zone === undefined) return undefined;
    const type = zones.toLowerCase() === "dnszones" ? "dnsZones" : "privateDnsZones";
    const target = { subscription, resourceGroup, type, zone: decodeURIComponent(zone) } as const;
    const own = `Microsoft.Network/${type}`;
    if (child === "" && method === "GET")
      return { name: "Zones.Get", permission: `${own}/read`, run: (request) => this.#zone(target, request) };
    if (child.toLowerCase() === "a") return this.#recordCall(method, { ...target, record: record ?? "" }, `${own}/A`);
    if (type === "dnsZones" || record !== undefined || method !== "GET") return undefined;
    const permission = `${own}/virtualNetworkLinks/read`;
    return { name: "VirtualNetworkLinks.List", permission, run: () => this.#links(target) };
  }

  #recordCall(method: string, target: Target, own: string): ArmCall | undefined {
    const called = { ...target, record: decodeURIComponent(target.record) };
    if (target.record === "")
      return method === "GET"
        ? { name: "RecordSets.List", permission: `${own}/read`, run: (request) => this.#list(called, request) }
        : undefined;
    if (method === "GET") return { name: "RecordSets.Get", permission: `${own}/read`, run: () => this.#get(called) };
    if (method === "PUT")
      return {
        name: "RecordSets.CreateOrUpdate",
        permission: `${own}/write`,
        run: (request) => this.#put(called, request),
      };
    if (method === "DELETE")
      return {
        name: "RecordSets.Delete",
        permission: `${own}/delete`,
        run: (request) => this.#delete(called, request),
      };
    return undefined;
  }

  #zone(target: Omit<Target, "record">, _request: ArmRequest): ArmAnswer {
    const { name, nameServers, recordSets } = this.#found(target);
    const properties = { nameServers, numberOfRecordSets: recordSets.size, zoneType: "Public" };
    return { status: 200, body: { id: idOf(target), name, location: "global", properties } };
  }

  #get(target: Target): ArmAnswer {
    const found = this.#found(target).recordSets.get(target.record.toLowerCase());
    return found === undefined ? recordMissing(target) : { status: 200, body: recordBody(target, found) };
  }

  #list(target: Target, { url, endpointUrl }: ArmRequest): ArmAnswer {
    const all = [...this.#found(target).recordSets.values()];
    const from = Number(url.searchParams.get("$skiptoken") ?? "0");
    const value = all.slice(from, from + PAGE).map((set) => recordBody(target, set));
    if (from + PAGE >= all.length) return { status: 200, body: { value } };
    const next = new URL(`${url.pathname}${url.search}`, endpointUrl);
    next.searchParams.set("$skiptoken", String(from + PAGE));
    return { status: 200, body: { value, nextLink: next.href } };
  }

  #put(target: Target, request: ArmRequest): ArmAnswer {
    const zone = this.#found(target);
    const before = zone.recordSets.get(target.record.toLowerCase());
    assertMatches(before, request);
    if (headerOf(request, "if-none-match") === "*" && before !== undefined) throw notMet("*", "If-None-Match");
    const written = this.#zones.put(zone, recordSetInput(target.record, target.type, request));
    return { status: before === undefined ? 201 : 200, body: recordBody(target, written) };
  }

  #delete(target: Target, request: ArmRequest): ArmAnswer {
    const zone = this.#found(target);
    const before = zone.recordSets.get(target.record.toLowerCase());
    if (before === undefined) return { status: 204 };
    assertMatches(before, request);
    this.#zones.remove(zone, target.record);
    return { status: 200 };
  }

  #links(target: Omit<Target, "record">): ArmAnswer {
    const value = this.#found(target).links.map((link) => linkBody(target, link));
    return { status: 200, body: { value } };
  }

  #found({ subscription, resourceGroup, type, zone: name }: Omit<Target, "record">): ArmZone {
    if (subscription.toLowerCase() !== this.#zones.subscriptionId.toLowerCase())
      throw new ArmError(404, "SubscriptionNotFound", `The subscription '${subscription}' could not be found.`);
    if (!this.#zones.hasResourceGroup(resourceGroup))
      throw new ArmError(404, "ResourceGroupNotFound", `Resource group '${resourceGroup}' could not be found.`);
    const zone = this.#zones.zone({ resourceGroup, name, type });
    const text = `Can not perform requested operation on nested resource. Parent resource '${name}' not found.`;
    if (zone === undefined) throw new ArmError(404, "ParentResourceNotFound", text);
    return zone;
  }
}

function assertMatches(before: ArmRecordSet | undefined, request: ArmRequest): void {
  const wanted = headerOf(request, "if-match");
  if (wanted === undefined || wanted === "*" || wanted === before?.etag) return;
  throw notMet(wanted, "If-Match");
}

function notMet(value: string, header: string): ArmError {
  return new ArmError(412, "PreconditionFailed", `The condition '${value}' in the ${header} header was not satisfied.`);
}

/** In the service's own words and form. */
function recordMissing({ record, resourceGroup, subscription }: Target): ArmAnswer {
  const message = `The resource record '${record}' does not exist in resource group '${resourceGroup}' of subscription '${subscription}'.`;
  return { status: 404, body: { code: "NotFound", message } };
}

function idOf({ subscription, resourceGroup, type, zone }: Omit<Target, "record">): string {
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/${type}/${zone}`;
}

/** Public zones write `TTL` and `ARecords`, private zones `ttl` and `aRecords` (their API references). */
function recordBody(target: Target, set: ArmRecordSet): object {
  const { name, etag, ttlSeconds, metadata } = set;
  const records = set.addresses.map((ipv4Address) => ({ ipv4Address }));
  const fqdn = name === "@" ? `${target.zone}.` : `${name}.${target.zone}.`;
  const properties =
    target.type === "dnsZones"
      ? {
          TTL: ttlSeconds,
          ARecords: records,
          targetResource: set.aliasOf === undefined ? {} : { id: set.aliasOf },
          provisioningState: "Succeeded",
        }
      : { ttl: ttlSeconds, aRecords: records, isAutoRegistered: set.isAutoRegistered === true };
  const base = { id: `${idOf(target)}/A/${name}`, name, type: `Microsoft.Network/${target.type}/A`, etag };
  return { ...base, properties: { metadata, fqdn, ...properties } };
}

function linkBody(target: Omit<Target, "record">, { name, virtualNetworkId, state }: ArmNetworkLink): object {
  const properties = {
    provisioningState: "Succeeded",
    registrationEnabled: false,
    virtualNetwork: { id: virtualNetworkId },
    virtualNetworkLinkState: state,
  };
  return { id: `${idOf(target)}/virtualNetworkLinks/${name}`, name, location: "global", properties };
}
