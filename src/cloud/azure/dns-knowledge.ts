/**
 * What is known about the zones of one subscription under one identity: every read goes through a `ReadCache`, so that
 * many records cost little and an activation can start from the last good answer without asking anything.
 *
 * A few records of a zone are read one by one; many by one walk over the zone, shared by all of them. Whoever wants
 * an answer that is younger than `URGENT_MS` (a verify, a record that is due) always reads the one record.
 */
import type { Clock } from "../../lib/clock.ts";
import type { CallTimes } from "../call-times.ts";
import { ReadCache, type Read, type ReadWish } from "../read-cache.ts";
import {
  type AzureDnsPort,
  type NetworkLink,
  type Precondition,
  type RecordRef,
  type RecordSet,
  type RecordSetContent,
  zoneKey,
  type ZoneRef,
} from "./dns-ports.ts";
import type { CallDeadline } from "./caller.ts";
import type { Permission } from "./permissions.ts";

/** From so many records of one zone on, one walk is cheaper: Resource Manager allows 25 reads per second and identity. */
const MANY_RECORDS = 8;
const URGENT_MS = 2_000;
/** Most zones of which the records are counted. */
const MAX_ZONES = 1_000;

export class AzureDnsKnowledge {
  readonly #dns: AzureDnsPort & { callTimes?: () => CallTimes | undefined };
  readonly #clock: Clock;
  readonly #records: ReadCache<RecordSet | undefined>;
  readonly #zones: ReadCache<ReadonlyMap<string, RecordSet>>;
  readonly #links: ReadCache<NetworkLink[]>;
  readonly #permissions: ReadCache<Permission[]>;
  /** Names that were asked for, by zone. */
  readonly #asked = new Map<string, Set<string>>();

  constructor(dns: AzureDnsPort & { callTimes?: () => CallTimes | undefined }, clock: Clock) {
    this.#dns = dns;
    this.#clock = clock;
    this.#records = new ReadCache(clock);
    this.#zones = new ReadCache(clock);
    this.#links = new ReadCache(clock);
    this.#permissions = new ReadCache(clock);
  }

  callTimes(): CallTimes | undefined {
    return this.#dns.callTimes?.();
  }

  /** Undefined: there is no such record. */
  async record(ref: RecordRef, wish: ReadWish): Promise<Read<RecordSet | undefined>> {
    const zone = zoneKey(ref);
    const key = `${zone}/${ref.record}`;
    const isOneOfMany = this.#countOf(zone, ref.record) >= MANY_RECORDS;
    if (wish.anyAge === true) {
      const known = newest(this.#records.lastGood(key), of(this.#zones.lastGood(zone), ref.record));
      if (known !== undefined) return known;
    }
    const isUrgent = this.#clock.monotonicMs() - wish.sentSinceMs < URGENT_MS;
    if (isOneOfMany && !isUrgent) {
      const walk = await this.#zones.read(zone, wish.sentSinceMs, () => this.#dns.recordSets(ref, wish));
      return { value: walk.value.get(ref.record), sentAtMs: walk.sentAtMs };
    }
    return await this.#records.read(key, wish.sentSinceMs, () => this.#dns.recordSet(ref, wish));
  }

  networkLinks(zone: ZoneRef, wish: ReadWish): Promise<Read<NetworkLink[]>> {
    return this.#links.ask(zoneKey(zone), wish, () => this.#dns.networkLinks(zone, wish));
  }

  permissions(zone: ZoneRef, wish: ReadWish): Promise<Read<Permission[]>> {
    return this.#permissions.ask(zoneKey(zone), wish, () => this.#dns.permissions(zone, wish));
  }

  async put(ref: RecordRef, content: RecordSetContent, when: Precondition, options: CallDeadline): Promise<void> {
    await this.#dns.put(ref, content, when, options);
  }

  async remove(ref: RecordRef, etag: string, options: CallDeadline): Promise<void> {
    await this.#dns.remove(ref, etag, options);
  }

  #countOf(zone: string, record: string): number {
    const names = this.#asked.get(zone) ?? new Set();
    // Beyond the limit nothing is learnt: which records there are no longer matters.
    if (names.size < MANY_RECORDS) names.add(record);
    this.#asked.set(zone, names);
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > MAX_ZONES && oldest !== undefined) this.#asked.delete(oldest);
    return names.size;
  }
}

function of(
  walk: Read<ReadonlyMap<string, RecordSet>> | undefined,
  record: string,
): Read<RecordSet | undefined> | undefined {
  return walk === undefined ? undefined : { value: walk.value.get(record), sentAtMs: walk.sentAtMs };
}

function newest<V>(one: Read<V> | undefined, other: Read<V> | undefined): Read<V> | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.sentAtMs >= other.sentAtMs ? one : other;
}
