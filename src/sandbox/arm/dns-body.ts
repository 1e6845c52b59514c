/** The body of a PUT of an A record set, checked as Azure DNS checks it. */
import { isIPv4 } from "node:net";
import type { RecordSetInput, ZoneType } from "./dns-zones.ts";
import { ArmError, type ArmRequest, jsonBody } from "./provider.ts";

interface Body {
  readonly properties?: {
    readonly TTL?: unknown;
    readonly ttl?: unknown;
    readonly ARecords?: unknown;
    readonly aRecords?: unknown;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly targetResource?: { readonly id?: string };
  };
}

/** "Azure DNS: zones and records", Time-to-live. */
const MAX_TTL = 2_147_483_647;
/** Azure DNS limits: records per record set. */
const MAX_RECORDS = 20;

export function recordSetInput(name: string, type: ZoneType, request: ArmRequest): RecordSetInput {
  const { properties = {} } = (jsonBody(request) ?? {}) as Body;
  const ttl = properties.TTL ?? properties.ttl;
  if (typeof ttl !== "number" || !Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL)
    throw badRequest(`The 'TTL' value of record set '${name}' must be between 1 and ${MAX_TTL}.`);
  const aliasOf = properties.targetResource?.id;
  const addresses = addressesOf(properties.ARecords ?? properties.aRecords ?? []);
  const { metadata } = properties;
  const base = { name, ttlSeconds: ttl, addresses, ...(metadata === undefined ? {} : { metadata }) };
  return aliasOf === undefined || type === "privateDnsZones" ? base : { ...base, aliasOf };
}

function addressesOf(records: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(records) ? records : [];
  const addresses = list.map((record) => String(Object(record).ipv4Address));
  const wrong = addresses.find((address) => !isIPv4(address));
  if (wrong !== undefined) throw badRequest(`The value '${wrong}' is not a valid IPv4 address.`);
  if (addresses.length > MAX_RECORDS) throw badRequest(`A record set has at most ${MAX_RECORDS} records.`);
  if (new Set(addresses).size !== addresses.length)
    throw badRequest(
      "The list of record sets of type 'A' may not contain multiple entries with the same 'ipv4Address'.",
    );
  return addresses;
}

function badRequest(message: string): ArmError {
  return new ArmError(400, "BadRequest", message);
}
