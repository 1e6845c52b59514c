/** `AzureDnsPort` in memory, with failures to order; held to the contract in test/contract/cloud/azure-dns.suite.ts. */
import type { CallDeadline } from "../../src/cloud/azure/caller.ts";
import type { AzureDnsAccess } from "../../src/cloud/azure/dns-access.ts";
import { AzureDnsKnowledge } from "../../src/cloud/azure/dns-knowledge.ts";
import {
  type AzureDnsPort,
  type NetworkLink,
  type Precondition,
  type RecordRef,
  type RecordSet,
  type RecordSetContent,
  recordAction,
  zoneKey,
  type ZoneRef,
} from "../../src/cloud/azure/dns-ports.ts";
import { isAllowed, type Permission } from "../../src/cloud/azure/permissions.ts";
import { CloudError, type CloudErrorCode } from "../../src/cloud/errors.ts";
import type { SecretKeys } from "../../src/cloud/fencing-ports.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { sleep } from "../../src/lib/clock.ts";

interface Zone {
  readonly records: Map<string, RecordSet>;
  readonly links: NetworkLink[];
}

export class FakeAzureDns implements AzureDnsPort, AzureDnsAccess {
  /** Time of a call in ms. */
  callMs = 10;
  permission: Permission = { actions: ["*"] };
  /** By name of the call, `*`: every one. */
  readonly failures = new Map<string, CloudErrorCode>();
  /** Calls by name, whatever became of them. */
  readonly calls = new Map<string, number>();
  /** Told what a write is about to be sent with. */
  onPut: ((addresses: readonly string[]) => void) | undefined;
  /** Carried out, the answer lost: so many of the next writes. */
  lostReplies = 0;
  readonly #clock: Clock;
  readonly #zones = new Map<string, Zone>();
  readonly #knowledge = new Map<string, AzureDnsKnowledge>();
  /** Writes wait for it before they are sent, as for the budget of the subscription. */
  turn: Promise<void> | undefined;
  #etags = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  knowledgeOf(subscriptionId: string, keys: SecretKeys | undefined): Promise<AzureDnsKnowledge> {
    const key = `${subscriptionId} ${keys?.["clientId"] ?? ""}`;
    const knowledge = this.#knowledge.get(key) ?? new AzureDnsKnowledge(this, this.#clock);
    this.#knowledge.set(key, knowledge);
    return Promise.resolve(knowledge);
  }

  addZone(zone: ZoneRef, links: NetworkLink[] = []): void {
    this.#zones.set(zoneKey(zone), { records: new Map(), links });
  }

  removeZone(zone: ZoneRef): void {
    this.#zones.delete(zoneKey(zone));
  }

  /** What somebody else does to a record. */
  change(ref: RecordRef, change: (before: RecordSet | undefined) => Omit<RecordSet, "etag"> | undefined): void {
    const records = this.#zones.get(zoneKey(ref))?.records ?? new Map();
    const after = change(records.get(ref.record));
    if (after === undefined) records.delete(ref.record);
    else records.set(ref.record, { ...after, etag: this.#newEtag() });
  }

  peek(ref: RecordRef): RecordSet | undefined {
    return this.#zones.get(zoneKey(ref))?.records.get(ref.record);
  }

  recordSet(ref: RecordRef, options?: CallDeadline): Promise<RecordSet | undefined> {
    return this.#call("RecordSets.Get", options, () =>
      this.#zone("RecordSets.Get", ref, "read").records.get(ref.record),
    );
  }

  recordSets(zone: ZoneRef, options?: CallDeadline): Promise<ReadonlyMap<string, RecordSet>> {
    return this.#call("RecordSets.List", options, () => new Map(this.#zone("RecordSets.List", zone, "read").records));
  }

  async put(ref: RecordRef, content: RecordSetContent, when: Precondition, options?: CallDeadline): Promise<RecordSet> {
    const action = "RecordSets.CreateOrUpdate";
    if (this.turn !== undefined) await this.turn;
    options?.beforeSend?.();
    this.onPut?.(content.addresses);
    return await this.#call(action, options, () => {
      const { records } = this.#zone(action, ref, "write");
      const before = records.get(ref.record);
      const holds = when === "absent" ? before === undefined : before?.etag === when.etag;
      if (!holds) throw failed(action, "CallFailed", "PreconditionFailed");
      const written = { ...content, etag: this.#newEtag() };
      records.set(ref.record, written);
      this.#loseReply(action);
      return written;
    });
  }

  async remove(ref: RecordRef, etag: string, options?: CallDeadline): Promise<void> {
    const action = "RecordSets.Delete";
    if (this.turn !== undefined) await this.turn;
    options?.beforeSend?.();
    return await this.#call(action, options, () => {
      const { records } = this.#zone(action, ref, "delete");
      const before = records.get(ref.record);
      if (before === undefined) return;
      if (before.etag !== etag) throw failed(action, "CallFailed", "PreconditionFailed");
      records.delete(ref.record);
      this.#loseReply(action);
    });
  }

  networkLinks(zone: ZoneRef, options?: CallDeadline): Promise<NetworkLink[]> {
    const action = "VirtualNetworkLinks.List";
    return this.#call(action, options, () => [...this.#zone(action, zone, undefined).links]);
  }

  permissions(_zone: ZoneRef, options?: CallDeadline): Promise<Permission[]> {
    return this.#call("Permissions.List", options, () => [this.permission]);
  }

  /** Takes effect after `callMs`, whether or not anybody still waits then. */
  async #call<T>(action: string, options: CallDeadline | undefined, effect: () => T): Promise<T> {
    this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
    const code = this.failures.get(action) ?? this.failures.get("*");
    const timeoutMs = options?.timeoutMs ?? Number.POSITIVE_INFINITY;
    if (code === undefined && this.callMs > timeoutMs) {
      this.#clock.setTimer(this.callMs, () => landLate(effect));
      await sleep(this.#clock, timeoutMs);
      throw failed(action, "CallTimeout", "CallTimeout");
    }
    await sleep(this.#clock, this.callMs);
    if (code !== undefined) throw failed(action, code, code);
    return effect();
  }

  #zone(action: string, zone: ZoneRef, verb: "read" | "write" | "delete" | undefined): Zone {
    if (verb !== undefined && !isAllowed([this.permission], recordAction(zone.visibility, verb)))
      throw failed(action, "NotAuthorized", "AuthorizationFailed");
    const found = this.#zones.get(zoneKey(zone));
    if (found === undefined) throw failed(action, "NotFound", "ParentResourceNotFound");
    return found;
  }

  #loseReply(action: string): void {
    if (this.lostReplies === 0) return;
    this.lostReplies -= 1;
    throw failed(action, "CallTimeout", "CallTimeout");
  }

  #newEtag(): string {
    return `etag-${++this.#etags}`;
  }
}

function failed(action: string, code: CloudErrorCode, providerCode: string): CloudError {
  return new CloudError({ code, action, providerCode }, `Azure ${action} failed: ${providerCode}: ordered by a test`);
}

/** A refusal that nobody hears. */
function landLate(effect: () => unknown): void {
  try {
    effect();
  } catch (thrown) {
    if (!(thrown instanceof CloudError)) throw thrown;
  }
}
