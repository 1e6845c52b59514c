/**
 * Azure's DNS zones in memory, public and private: what the emulated Resource Manager changes and what the zones' name
 * servers answer from. Values are replaced, never changed in place; every change of a record set gives it a new ETag
 * ("Azure DNS: zones and records", Etags).
 */
import type { Random } from "../../lib/random.ts";

export type ZoneType = "dnsZones" | "privateDnsZones";

export interface ArmRecordSet {
  /** Relative name, or `@`. */
  readonly name: string;
  readonly ttlSeconds: number;
  readonly addresses: readonly string[];
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** An alias record of a public zone. */
  readonly aliasOf?: string;
  readonly isAutoRegistered?: boolean;
}

export interface ArmNetworkLink {
  readonly name: string;
  readonly virtualNetworkId: string;
  readonly state: "InProgress" | "Completed";
}

export interface ArmZone {
  readonly resourceGroup: string;
  /** Without the last dot. */
  readonly name: string;
  readonly type: ZoneType;
  readonly nameServers: readonly string[];
  readonly recordSets: ReadonlyMap<string, ArmRecordSet>;
  readonly links: readonly ArmNetworkLink[];
}

export type RecordSetInput = Omit<ArmRecordSet, "etag" | "metadata"> & Partial<Pick<ArmRecordSet, "metadata">>;
type ZoneId = Pick<ArmZone, "resourceGroup" | "name" | "type">;

/** Most record sets of one zone (Azure DNS limits: 10,000 by default). */
const MAX_RECORD_SETS = 10_000;

export class VirtualDnsZones {
  readonly subscriptionId: string;
  readonly #random: Random;
  readonly #zones = new Map<string, ArmZone>();
  readonly #listeners = new Set<(zone: ArmZone) => void>();

  constructor(options: { readonly subscriptionId: string }, modules: { readonly random: Random }) {
    this.subscriptionId = options.subscriptionId;
    this.#random = modules.random;
  }

  /** Replaces a zone of the same name. */
  createZone(zone: ZoneId & Partial<Pick<ArmZone, "nameServers" | "links">>): ArmZone {
    return this.#keep({ nameServers: [], links: [], ...zone, recordSets: new Map() });
  }

  deleteZone(zone: ZoneId): void {
    this.#zones.delete(keyOf(zone));
  }

  zone(zone: ZoneId): ArmZone | undefined {
    return this.#zones.get(keyOf(zone));
  }

  zones(): readonly ArmZone[] {
    return [...this.#zones.values()];
  }

  hasResourceGroup(name: string): boolean {
    return this.zones().some((zone) => zone.resourceGroup.toLowerCase() === name.toLowerCase());
  }

  /** Adds or replaces a record set: also what somebody else does to it. */
  put(zone: ArmZone, input: RecordSetInput): ArmRecordSet {
    const recordSet = { metadata: {}, ...input, etag: this.#random.uuid() };
    const recordSets = new Map(zone.recordSets).set(input.name.toLowerCase(), recordSet);
    if (recordSets.size > MAX_RECORD_SETS) throw new RangeError(`more than ${MAX_RECORD_SETS} record sets`);
    this.#keep({ ...zone, recordSets });
    return recordSet;
  }

  remove(zone: ArmZone, name: string): void {
    const recordSets = new Map(zone.recordSets);
    if (recordSets.delete(name.toLowerCase())) this.#keep({ ...zone, recordSets });
  }

  link(zone: ArmZone, link: ArmNetworkLink): void {
    this.#keep({ ...zone, links: [...zone.links.filter(({ name }) => name !== link.name), link] });
  }

  /** Called after every change with the zone as it is then. Returns the function that ends it. */
  subscribe(listener: (zone: ArmZone) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #keep(zone: ArmZone): ArmZone {
    this.#zones.set(keyOf(zone), zone);
    for (const listener of this.#listeners) listener(zone);
    return zone;
  }
}

/** Resource ids and names do not distinguish case. */
function keyOf({ resourceGroup, name, type }: ZoneId): string {
  return `${resourceGroup}/${type}/${name}`.toLowerCase();
}
