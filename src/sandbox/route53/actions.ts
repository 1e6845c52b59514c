/**
 * The actions of the emulated Route 53: a request's parts in, XML out (Route 53 API reference 2013-04-01, one section each).
 * Must never do: check who asks; the endpoint did.
 */
import { Route53Error, fqdn } from "./virtual-route53.ts";
import type {
  HostedChange,
  HostedRecord,
  SubmittedChange,
  VirtualHostedZone,
  VirtualRoute53,
} from "./virtual-route53.ts";
import { childOf, documentXml, element, readXml, textOf, type XmlElement } from "./xml.ts";

export interface Route53Call {
  /** `GetHostedZone`, ... */
  readonly action: string;
  /** What a policy must allow, as ARN (service authorization reference, "Amazon Route 53"). */
  readonly resource: string;
  run(route53: VirtualRoute53, query: URLSearchParams, body: string): string;
}

/** Records per page; the API's own most. */
const MAX_ITEMS = 300;
const ROOT = "/2013-04-01";

/** Undefined: no action of this emulator. */
export function callOf(method: string, path: string): Route53Call | undefined {
  const zone = new RegExp(`^${ROOT}/hostedzone/([A-Z0-9]+)(/rrset/?)?$`, "i").exec(path);
  const change = new RegExp(`^${ROOT}/change/([A-Z0-9]+)$`, "i").exec(path);
  if (change?.[1] !== undefined && method === "GET") return getChange(change[1]);
  const [, zoneId, records] = zone ?? [];
  if (zoneId === undefined) return undefined;
  const named = { resource: `arn:aws:route53:::hostedzone/${zoneId}` };
  if (records === undefined) {
    return method === "GET"
      ? { ...named, action: "GetHostedZone", run: (state) => hostedZone(state, zoneId) }
      : undefined;
  }
  if (method === "GET")
    return { ...named, action: "ListResourceRecordSets", run: (state, query) => recordSets(state, zoneId, query) };
  if (method !== "POST") return undefined;
  return {
    ...named,
    action: "ChangeResourceRecordSets",
    run: (state, _query, body) => {
      const submitted = state.changeRecords(zoneId, changesOf(body));
      return documentXml("ChangeResourceRecordSetsResponse", [changeInfo(submitted)]);
    },
  };
}

function getChange(id: string): Route53Call {
  return {
    action: "GetChange",
    resource: `arn:aws:route53:::change/${id}`,
    run: (state) => documentXml("GetChangeResponse", [changeInfo(state.change(id))]),
  };
}

function changeInfo({ id, state, submittedAtMs }: SubmittedChange): string | undefined {
  const submittedAt = new Date(submittedAtMs).toISOString();
  return element("ChangeInfo", [
    element("Id", `/change/${id}`),
    element("Status", state),
    element("SubmittedAt", submittedAt),
  ]);
}

function hostedZone(state: VirtualRoute53, zoneId: string): string {
  const zone = state.zone(zoneId);
  const vpcs = zone.vpcs.map((vpc) => element("VPC", [element("VPCRegion", vpc.region), element("VPCId", vpc.vpcId)]));
  const servers = zone.nameServers.map((server) => element("NameServer", server.replace(/\.$/, "")));
  return documentXml("GetHostedZoneResponse", [
    element("HostedZone", [
      element("Id", `/hostedzone/${zoneId}`),
      element("Name", zone.name),
      element("CallerReference", zoneId),
      element("Config", [element("PrivateZone", zone.isPrivate)]),
      element("ResourceRecordSetCount", zone.records.length),
    ]),
    // A private zone has VPCs, a public one name servers at the registrar.
    zone.isPrivate ? element("VPCs", vpcs) : element("DelegationSet", [element("NameServers", servers)]),
  ]);
}

/** In the API's order: by name with its labels reversed, then by type, then by set identifier. */
function recordSets(state: VirtualRoute53, zoneId: string, query: URLSearchParams): string {
  const zone = state.zone(zoneId);
  const size = Math.min(MAX_ITEMS, Number(query.get("maxitems") ?? MAX_ITEMS));
  if (!(size >= 1)) throw new Route53Error("InvalidInput", "maxitems must be a positive number");
  const from = startOf(zone, query);
  const sorted = zone.records.toSorted((a, b) => (placeText(a) < placeText(b) ? -1 : 1));
  const rest = sorted.filter((record) => placeText(record) >= from);
  const page = rest.slice(0, size);
  const next = rest[size];
  return documentXml("ListResourceRecordSetsResponse", [
    element("ResourceRecordSets", page.map(recordXml)),
    element("IsTruncated", next !== undefined),
    element("NextRecordName", next?.name),
    element("NextRecordType", next?.type),
    element("NextRecordIdentifier", next?.setIdentifier),
    element("MaxItems", size),
  ]);
}

function startOf(zone: VirtualHostedZone, query: URLSearchParams): string {
  const name = query.get("name");
  if (name === null) {
    if (query.has("type")) throw new Route53Error("InvalidInput", "type without name");
    return "";
  }
  const type = query.get("type") ?? "";
  const identifier = query.get("identifier");
  const start = { name: fqdn(name), type, values: [], ...(identifier === null ? {} : { setIdentifier: identifier }) };
  return zone.records.length === 0 ? "" : placeText(start);
}

function placeText({ name, type, setIdentifier }: HostedRecord): string {
  return [name.split(".").toReversed().join("."), type, setIdentifier ?? ""].join(" ");
}

function recordXml(record: HostedRecord): string | undefined {
  const { aliasTarget, values } = record;
  const target =
    aliasTarget === undefined
      ? undefined
      : element("AliasTarget", [
          element("HostedZoneId", aliasTarget.hostedZoneId),
          element("DNSName", aliasTarget.dnsName),
          element("EvaluateTargetHealth", false),
        ]);
  const written = values.map((value) => element("ResourceRecord", [element("Value", value)]));
  return element("ResourceRecordSet", [
    element("Name", record.name),
    element("Type", record.type),
    element("SetIdentifier", record.setIdentifier),
    element("Weight", record.weight),
    element("TTL", record.ttl),
    values.length === 0 ? undefined : element("ResourceRecords", written),
    target,
  ]);
}

function changesOf(body: string): HostedChange[] {
  const root = readXml(body);
  const changes = childOf(childOf(root, "ChangeBatch"), "Changes");
  if (changes === undefined) throw new Route53Error("InvalidInput", "The request body is not valid XML");
  return changes.children.map((change) => {
    const action = textOf(change, "Action");
    if (action !== "CREATE" && action !== "DELETE" && action !== "UPSERT")
      throw new Route53Error("InvalidInput", `Invalid action ${action ?? ""}`);
    return { action, record: recordOf(childOf(change, "ResourceRecordSet")) };
  });
}

function recordOf(found: XmlElement | undefined): HostedRecord {
  const ttl = textOf(found, "TTL");
  const setIdentifier = textOf(found, "SetIdentifier");
  const weight = textOf(found, "Weight");
  const alias = childOf(found, "AliasTarget");
  const values = (childOf(found, "ResourceRecords")?.children ?? []).map((record) => textOf(record, "Value") ?? "");
  const aliasTarget = {
    dnsName: textOf(alias, "DNSName") ?? "",
    hostedZoneId: textOf(alias, "HostedZoneId") ?? "",
  };
  return {
    name: fqdn(textOf(found, "Name") ?? ""),
    type: textOf(found, "Type") ?? "",
    values,
    ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
    ...(setIdentifier === undefined ? {} : { setIdentifier }),
    ...(weight === undefined ? {} : { weight: Number(weight) }),
    ...(alias === undefined ? {} : { aliasTarget }),
  };
}
