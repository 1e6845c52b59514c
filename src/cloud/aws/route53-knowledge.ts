/**
 * What is known about Route 53 under one identity: every read goes through a `ReadCache`, and a zone's records are read in
 * whichever way takes fewer of the five requests per second:
 *
 *   as many names are watched as the zone has pages, or fewer     each by its name: one request per name
 *   more                                                          one walk over the zone: one request per page, for all
 *
 * So ten records of a small zone cost one request per interval, and one record in a zone of ten thousand costs one as well.
 */
import type { Clock } from "../../lib/clock.ts";
import type { CallTimes } from "../call-times.ts";
import { ReadCache, type Read, type ReadWish } from "../read-cache.ts";
import { ZoneBatches, type WantedChange } from "./route53-batches.ts";
import { PAGE_SIZE } from "./route53-client.ts";
import type { ChangeInfo, HostedZone, RecordSet, Route53Port } from "./route53-ports.ts";

/** Most zones that are remembered, and names that are counted in one. */
const MAX_ZONES = 1_000;
const MAX_NAMES = 1_000;

/** What a zone is taken for until its size is known. */
const PAGES_OF_UNKNOWN = 3;

type Walk = ReadonlyMap<string, readonly RecordSet[]>;

interface Zone {
  readonly names: Set<string>;
  readonly batches: ZoneBatches;
}

export class Route53Knowledge {
  readonly #route53: Route53Port & { callTimes?: () => CallTimes | undefined };
  readonly #clock: Clock;
  readonly #hostedZones: ReadCache<HostedZone>;
  readonly #names: ReadCache<readonly RecordSet[]>;
  readonly #walks: ReadCache<Walk>;
  readonly #changes: ReadCache<ChangeInfo>;
  readonly #permissions: ReadCache<true>;
  readonly #zones = new Map<string, Zone>();

  constructor(route53: Route53Port & { callTimes?: () => CallTimes | undefined }, clock: Clock) {
    this.#route53 = route53;
    this.#clock = clock;
    this.#hostedZones = new ReadCache(clock);
    this.#names = new ReadCache(clock);
    this.#walks = new ReadCache(clock);
    this.#changes = new ReadCache(clock);
    this.#permissions = new ReadCache(clock);
  }

  callTimes(): CallTimes | undefined {
    return this.#route53.callTimes?.();
  }

  hostedZone(zoneId: string, wish: ReadWish): Promise<Read<HostedZone>> {
    return this.#hostedZones.ask(zoneId, wish, () => this.#route53.hostedZone(zoneId, wish));
  }

  /** Every record set of exactly this name, of type A or CNAME; empty when there is none. */
  async records(zoneId: string, name: string, wish: ReadWish): Promise<Read<readonly RecordSet[]>> {
    const key = `${zoneId} ${name}`;
    const { names } = this.#zone(zoneId);
    if (names.size < MAX_NAMES) names.add(name);
    if (wish.anyAge === true) {
      const known = newest(this.#names.lastGood(key), ofName(this.#walks.lastGood(zoneId), name));
      if (known !== undefined) return known;
    }
    if (!this.#isWalkCheaper(zoneId, names.size)) {
      return await this.#names.read(key, wish.sentSinceMs, () => this.#route53.recordsOf(zoneId, name, wish));
    }
    const walk = await this.#walks.read(zoneId, wish.sentSinceMs, () => this.#walk(zoneId, wish));
    return { value: walk.value.get(name) ?? [], sentAtMs: walk.sentAtMs };
  }

  changeState(changeId: string, wish: ReadWish): Promise<Read<ChangeInfo>> {
    return this.#changes.ask(changeId, wish, () => this.#route53.change(changeId, wish));
  }

  /**
   * Resolves when this identity may change records of the zone, tried with this name; rejects with `NotAuthorized` when not.
   * Changes nothing. One answer for all names: policies that are narrowed to names are rare, changes are few per second.
   */
  mayChange(zoneId: string, name: string, wish: ReadWish): Promise<Read<true>> {
    return this.#permissions.ask(zoneId, wish, async () => {
      await this.#route53.mayChange(zoneId, name, wish);
      return true as const;
    });
  }

  /** As `mayChange`, of `changeState`. */
  mayReadChanges(wish: ReadWish): Promise<Read<true>> {
    return this.#permissions.ask("GetChange", wish, async () => {
      await this.#route53.mayReadChanges(wish);
      return true as const;
    });
  }

  /** In one batch with whatever else is wanted of the zone just now. */
  async change(zoneId: string, wanted: WantedChange): Promise<ChangeInfo> {
    return await this.#zone(zoneId).batches.add(wanted);
  }

  #isWalkCheaper(zoneId: string, names: number): boolean {
    const count = this.#hostedZones.lastGood(zoneId)?.value.recordCount;
    const pages = count === undefined ? PAGES_OF_UNKNOWN : Math.ceil(count / PAGE_SIZE);
    return names > Math.max(1, pages);
  }

  async #walk(zoneId: string, wish: ReadWish): Promise<Walk> {
    return Map.groupBy(await this.#route53.recordsOfZone(zoneId, wish), (record) => record.name);
  }

  #zone(zoneId: string): Zone {
    const known = this.#zones.get(zoneId);
    if (known !== undefined) return known;
    const made = { names: new Set<string>(), batches: new ZoneBatches(zoneId, this.#route53, this.#clock) };
    this.#zones.set(zoneId, made);
    const [oldest] = this.#zones.keys();
    if (this.#zones.size > MAX_ZONES && oldest !== undefined) this.#zones.delete(oldest);
    return made;
  }
}

function ofName(walk: Read<Walk> | undefined, name: string): Read<readonly RecordSet[]> | undefined {
  return walk === undefined ? undefined : { value: walk.value.get(name) ?? [], sentAtMs: walk.sentAtMs };
}

function newest<V>(one: Read<V> | undefined, other: Read<V> | undefined): Read<V> | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.sentAtMs >= other.sentAtMs ? one : other;
}
