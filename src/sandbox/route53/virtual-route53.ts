/**
 * Route 53 in memory: hosted zones, their records, and when each change has reached the name servers.
 *
 *   ChangeResourceRecordSets ──> records (what the API lists, at once)
 *                           └──(propagationMs)──> served (what the name servers answer); then the change is INSYNC
 *
 * The rules are those of the API reference: a batch is all or nothing, CREATE needs an empty place, DELETE the exact
 * content, a CNAME stands alone. Values are never changed in place.
 * Must never do: serve half of a batch.
 */
import { parseIpv4 } from "../../lib/ipv4.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { CodedError } from "../../lib/errors.ts";

/** A record set as the API has it; names are lower case with their last dot. */
export interface HostedRecord {
  readonly name: string;
  readonly type: string;
  /** In seconds; undefined for an alias. */
  readonly ttl?: number;
  readonly values: readonly string[];
  readonly aliasTarget?: { readonly dnsName: string; readonly hostedZoneId: string };
  readonly setIdentifier?: string;
  readonly weight?: number;
}

export interface HostedVpc {
  readonly vpcId: string;
  readonly region: string;
}

export interface VirtualHostedZone {
  readonly zoneId: string;
  readonly name: string;
  readonly isPrivate: boolean;
  readonly vpcs: readonly HostedVpc[];
  readonly nameServers: readonly string[];
  readonly records: readonly HostedRecord[];
}

export interface HostedChange {
  readonly action: "CREATE" | "DELETE" | "UPSERT";
  readonly record: HostedRecord;
}

export interface SubmittedChange {
  readonly id: string;
  readonly state: "PENDING" | "INSYNC";
  readonly submittedAtMs: number;
}

/** An error as Route 53 answers it (Route 53 API reference, "Errors" of each action). */
export class Route53Error extends CodedError<{ readonly code: string; readonly status: number }> {
  override readonly name = "Route53Error";

  constructor(code: string, message: string, status = 400) {
    super({ code, status }, message);
  }
}

export interface VirtualRoute53Options {
  /** From the change to INSYNC, in ms; default 500. AWS: "generally within 60 seconds". */
  readonly propagationMs?: number;
}

interface Version {
  readonly visibleAtMs: number;
  readonly serial: number;
  readonly records: readonly HostedRecord[];
}

interface ZoneState {
  zone: VirtualHostedZone;
  /** What the name servers had or will have, oldest first; the first is visible. */
  versions: readonly Version[];
}

/** Most changes whose state is remembered. */
const MAX_CHANGES = 1_000;
const ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

export class VirtualRoute53 {
  /** As the option; may be changed while it runs. */
  propagationMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #zones = new Map<string, ZoneState>();
  readonly #changes = new Map<string, { readonly submittedAtMs: number; readonly inSyncAtMs: number }>();

  constructor(options: VirtualRoute53Options, modules: { readonly clock: Clock; readonly random: Random }) {
    this.propagationMs = options.propagationMs ?? 500;
    this.#clock = modules.clock;
    this.#random = modules.random;
  }

  /** `vpcs`: the zone is private to these; omitted: public. SOA and NS are made as in AWS. */
  createHostedZone(zone: {
    readonly zoneId?: string;
    readonly name: string;
    readonly vpcs?: readonly HostedVpc[];
  }): VirtualHostedZone {
    const zoneId = zone.zoneId ?? `Z${this.#id(20)}`;
    const name = fqdn(zone.name);
    const nameServers = [1, 2, 3, 4].map((number) => `ns-${number}.awsdns-sandbox.test.`);
    const soa = `${nameServers[0] ?? ""} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
    const records: HostedRecord[] = [
      { name, type: "NS", ttl: 172_800, values: nameServers },
      { name, type: "SOA", ttl: 900, values: [soa] },
    ];
    const made = { zoneId, name, isPrivate: zone.vpcs !== undefined, vpcs: zone.vpcs ?? [], nameServers, records };
    this.#zones.set(zoneId, { zone: made, versions: [{ visibleAtMs: Number.NEGATIVE_INFINITY, serial: 1, records }] });
    return made;
  }

  /** Changes which VPCs a private zone is associated with. */
  associate(zoneId: string, vpcs: readonly HostedVpc[]): void {
    const state = this.#stateOf(zoneId);
    state.zone = { ...state.zone, vpcs };
  }

  /** NoSuchHostedZone (404) when there is none. */
  zone(zoneId: string): VirtualHostedZone {
    return this.#stateOf(zoneId).zone;
  }

  get zones(): readonly VirtualHostedZone[] {
    return [...this.#zones.values()].map(({ zone }) => zone);
  }

  /** What the name servers answer from now, and how often that has changed. */
  served(zoneId: string): { readonly serial: number; readonly records: readonly HostedRecord[] } {
    const state = this.#stateOf(zoneId);
    const nowMs = this.#clock.monotonicMs();
    const index = state.versions.findLastIndex((version) => version.visibleAtMs <= nowMs);
    state.versions = state.versions.slice(Math.max(0, index));
    const [visible] = state.versions;
    return { serial: visible?.serial ?? 1, records: visible?.records ?? [] };
  }

  /** All or nothing; InvalidChangeBatch names everything that does not fit. */
  changeRecords(zoneId: string, changes: readonly HostedChange[]): SubmittedChange {
    const state = this.#stateOf(zoneId);
    this.served(zoneId); // forgets what is over
    const records = changed(state.zone, changes);
    state.zone = { ...state.zone, records };
    const submittedAtMs = this.#clock.wallMs();
    const last = state.versions.at(-1);
    // A change never overtakes an earlier one.
    const visibleAtMs = Math.max(this.#clock.monotonicMs() + this.propagationMs, last?.visibleAtMs ?? 0);
    state.versions = [...state.versions, { visibleAtMs, serial: (last?.serial ?? 0) + 1, records }];
    const id = `C${this.#id(20)}`;
    this.#changes.set(id, { submittedAtMs, inSyncAtMs: visibleAtMs });
    const [oldest] = this.#changes.keys();
    if (this.#changes.size > MAX_CHANGES && oldest !== undefined) this.#changes.delete(oldest);
    return { id, state: this.propagationMs <= 0 ? "INSYNC" : "PENDING", submittedAtMs };
  }

  /** NoSuchChange (404) when it is not known. */
  change(id: string): SubmittedChange {
    const change = this.#changes.get(id);
    if (change === undefined) throw new Route53Error("NoSuchChange", `Could not find resource with ID: ${id}`, 404);
    const { submittedAtMs, inSyncAtMs } = change;
    return { id, state: inSyncAtMs <= this.#clock.monotonicMs() ? "INSYNC" : "PENDING", submittedAtMs };
  }

  #stateOf(zoneId: string): ZoneState {
    const state = this.#zones.get(zoneId);
    if (state === undefined) throw new Route53Error("NoSuchHostedZone", `No hosted zone found with ID: ${zoneId}`, 404);
    return state;
  }

  #id(length: number): string {
    return Array.from({ length }, () => ID_ALPHABET[Math.floor(this.#random.next() * ID_ALPHABET.length)]).join("");
  }
}

export function fqdn(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower : `${lower}.`;
}

/** The records after the batch; changes are applied in order, so a DELETE makes room for a CREATE of the same batch. */
function changed(zone: VirtualHostedZone, changes: readonly HostedChange[]): readonly HostedRecord[] {
  if (changes.length === 0 || changes.length > 1_000)
    throw new Route53Error("InvalidChangeBatch", `[The request contains ${changes.length} changes]`);
  const problems: string[] = [];
  let records = zone.records;
  for (const { action, record } of changes) {
    const place = records.find((other) => isSamePlace(other, record));
    const problem = problemOf(zone, records, place, action, record);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    const others = records.filter((other) => other !== place);
    records = action === "DELETE" ? others : [...others, record];
  }
  if (problems.length > 0) throw new Route53Error("InvalidChangeBatch", `[${problems.join(", ")}]`);
  return records;
}

/** The texts are AWS's own. */
function problemOf(
  zone: VirtualHostedZone,
  records: readonly HostedRecord[],
  place: HostedRecord | undefined,
  action: HostedChange["action"],
  record: HostedRecord,
): string | undefined {
  const what = `resource record set [name='${record.name}', type='${record.type}'${
    record.setIdentifier === undefined ? "" : `, set identifier='${record.setIdentifier}'`
  }]`;
  if (record.name !== zone.name && !record.name.endsWith(`.${zone.name}`))
    return `RRSet with DNS name ${record.name} is not permitted in zone ${zone.name}`;
  if (action === "DELETE") {
    if (place === undefined) return `Tried to delete ${what} but it was not found`;
    return isSameContent(place, record)
      ? undefined
      : `Tried to delete ${what} but the values provided do not match the current values`;
  }
  const illegal = record.type === "A" ? record.values.find((value) => parseIpv4(value) === undefined) : undefined;
  if (illegal !== undefined)
    return `Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '${illegal}''`;
  if (action === "CREATE" && place !== undefined) return `Tried to create ${what} but it already exists`;
  return conflictOf(zone, records, record);
}

function conflictOf(
  zone: VirtualHostedZone,
  records: readonly HostedRecord[],
  record: HostedRecord,
): string | undefined {
  const sameName = records.filter((other) => other.name === record.name && !isSamePlace(other, record));
  const other = sameName.find((candidate) => (candidate.type === "CNAME") !== (record.type === "CNAME"));
  if (other !== undefined)
    return `RRSet of type ${record.type} with DNS name ${record.name} is not permitted because a conflicting RRSet of type ${other.type} with the same DNS name already exists in zone ${zone.name}`;
  const twin = sameName.find((candidate) => candidate.type === record.type);
  if (twin === undefined || (twin.setIdentifier !== undefined && record.setIdentifier !== undefined)) return undefined;
  return `RRSet with DNS name ${record.name}, type ${record.type}, SetIdentifier ${record.setIdentifier ?? "(none)"} cannot be created as other RRSets exist with the same name and type`;
}

function isSamePlace(one: HostedRecord, other: HostedRecord): boolean {
  return one.name === other.name && one.type === other.type && one.setIdentifier === other.setIdentifier;
}

function isSameContent(one: HostedRecord, other: HostedRecord): boolean {
  const text = ({ ttl, values, aliasTarget, weight }: HostedRecord): string =>
    JSON.stringify([ttl, values.toSorted(), aliasTarget, weight]);
  return text(one) === text(other);
}
