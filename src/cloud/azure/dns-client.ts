/**
 * `AzureDnsPort` on the Azure SDK: public zones by one client, private zones by another, alike from here on.
 *
 * The errors that tell a missing record from a missing zone: the DNS service answers 404 `NotFound` for a record set that
 * does not exist in a zone that does; Resource Manager answers 404 with other codes (`ParentResourceNotFound`,
 * `ResourceGroupNotFound`, `ResourceNotFound`) when the zone or what is above it is missing.
 * Must never do: take a missing zone, or an answer that is none, for a missing record.
 */
import type { DnsManagementClient, RecordSet as PublicRecordSet } from "@azure/arm-dns";
import type { PrivateDnsManagementClient, RecordSet as PrivateRecordSet } from "@azure/arm-privatedns";
import type { CallTimes } from "../call-times.ts";
import { CloudError } from "../errors.ts";
import type { UncheckedPaths } from "./arm-json.ts";
import type { AzureCaller, CallDeadline } from "./caller.ts";
import { clientOptions } from "./client-credential.ts";
import type { AzureConnection } from "./connections.ts";
import {
  type AzureDnsPort,
  type NetworkLink,
  type Precondition,
  type RecordRef,
  type RecordSet,
  type RecordSetContent,
  type ZoneRef,
  zoneType,
} from "./dns-ports.ts";
import { listPermissions, type Permission } from "./permissions.ts";

type Sdk = typeof import("./dns-sdk.ts");
type SdkRecordSet = PublicRecordSet & Pick<PrivateRecordSet, "isAutoRegistered">;

/** Most record sets of a zone that are listed: Azure's own default limit of record sets per public zone (Azure DNS limits). */
const MAX_RECORD_SETS = 10_000;
const MAX_LINKS = 1_000;

export class AzureDnsClient implements AzureDnsPort {
  readonly #public: DnsManagementClient;
  readonly #private: PrivateDnsManagementClient;
  readonly #context: UncheckedPaths;
  readonly #caller: AzureCaller;
  readonly #subscriptionId: string;

  constructor(sdk: Sdk, { credential, subscriptionId, endpoints, caller }: AzureConnection) {
    const options = clientOptions(endpoints);
    this.#public = new sdk.DnsManagementClient(credential, subscriptionId, options);
    this.#private = new sdk.PrivateDnsManagementClient(credential, subscriptionId, options);
    this.#context = sdk.createPrivateDnsManagement(credential, subscriptionId, options);
    this.#caller = caller;
    this.#subscriptionId = subscriptionId;
  }

  callTimes(): CallTimes | undefined {
    return this.#caller.callTimes();
  }

  async recordSet(ref: RecordRef, options: CallDeadline): Promise<RecordSet | undefined> {
    const { resourceGroup, zone, visibility, record } = ref;
    try {
      const found = await this.#caller.call("RecordSets.Get", "read", options, (abortSignal) =>
        visibility === "Public"
          ? this.#public.recordSets.get(resourceGroup, zone, record, "A", { abortSignal })
          : this.#private.recordSets.get(resourceGroup, zone, "A", record, { abortSignal }),
      );
      return recordSetOf("RecordSets.Get", found);
    } catch (thrown) {
      if (isRecordMissing(thrown)) return undefined;
      throw thrown;
    }
  }

  async recordSets({ resourceGroup, zone, visibility }: ZoneRef, options: CallDeadline) {
    return await this.#caller.call("RecordSets.List", "read", options, async (abortSignal) => {
      const pages: AsyncIterable<SdkRecordSet> =
        visibility === "Public"
          ? this.#public.recordSets.listByType(resourceGroup, zone, "A", { abortSignal })
          : this.#private.recordSets.listByType(resourceGroup, zone, "A", { abortSignal });
      const found = await atMost(MAX_RECORD_SETS, pages);
      return new Map(found.map((set) => [(set.name ?? "").toLowerCase(), recordSetOf("RecordSets.List", set)]));
    });
  }

  async put(ref: RecordRef, content: RecordSetContent, when: Precondition, options: CallDeadline): Promise<RecordSet> {
    const { resourceGroup, zone, visibility, record } = ref;
    const { addresses, ttlSeconds, metadata } = content;
    const body = {
      ttl: ttlSeconds,
      aRecords: addresses.map((ipv4Address) => ({ ipv4Address })),
      ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
    };
    const condition = when === "absent" ? { ifNoneMatch: "*" } : { ifMatch: when.etag };
    const written = await this.#caller.call("RecordSets.CreateOrUpdate", "write", options, (abortSignal) =>
      visibility === "Public"
        ? this.#public.recordSets.createOrUpdate(resourceGroup, zone, record, "A", body, { ...condition, abortSignal })
        : this.#private.recordSets.createOrUpdate(resourceGroup, zone, "A", record, body, {
            ...condition,
            abortSignal,
          }),
    );
    return recordSetOf("RecordSets.CreateOrUpdate", written);
  }

  async remove({ resourceGroup, zone, visibility, record }: RecordRef, ifMatch: string, options: CallDeadline) {
    try {
      await this.#caller.call("RecordSets.Delete", "write", options, (abortSignal) =>
        visibility === "Public"
          ? this.#public.recordSets.delete(resourceGroup, zone, record, "A", { ifMatch, abortSignal })
          : this.#private.recordSets.delete(resourceGroup, zone, "A", record, { ifMatch, abortSignal }),
      );
    } catch (thrown) {
      if (!isRecordMissing(thrown)) throw thrown;
    }
  }

  async networkLinks({ resourceGroup, zone }: ZoneRef, options: CallDeadline): Promise<NetworkLink[]> {
    return await this.#caller.call("VirtualNetworkLinks.List", "read", options, async (abortSignal) => {
      const links = await atMost(
        MAX_LINKS,
        this.#private.virtualNetworkLinks.list(resourceGroup, zone, { abortSignal }),
      );
      return links.map(({ name = "", virtualNetwork, virtualNetworkLinkState }) => ({
        name,
        virtualNetworkId: virtualNetwork?.id,
        isReady: virtualNetworkLinkState === "Completed",
      }));
    });
  }

  permissions(zone: ZoneRef, options: CallDeadline): Promise<Permission[]> {
    const { resourceGroup, zone: name, visibility } = zone;
    const id = `/subscriptions/${this.#subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/${zoneType(visibility)}/${name}`;
    return this.#caller.call("Permissions.List", "read", options, (abortSignal) =>
      listPermissions(this.#context, id, abortSignal),
    );
  }
}

function isRecordMissing(thrown: unknown): boolean {
  return thrown instanceof CloudError && thrown.code === "NotFound" && thrown.detail.providerCode === "NotFound";
}

function recordSetOf(action: string, set: SdkRecordSet): RecordSet {
  const { etag, ttl, metadata, targetResource, isAutoRegistered } = set;
  if (etag === undefined || ttl === undefined) {
    const detail = { code: "CallFailed", action } as const;
    throw new CloudError(detail, `Azure ${action}: a record set without ETag or time to live was answered`);
  }
  return {
    addresses: (set.aRecords ?? []).flatMap(({ ipv4Address }) => ipv4Address ?? []),
    ttlSeconds: ttl,
    etag,
    ...(metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(targetResource?.id === undefined ? {} : { aliasOf: targetResource.id }),
    ...(isAutoRegistered === true ? { isAutoRegistered } : {}),
  };
}

/** Every item of all pages; more than the limit is an error, never a part. */
async function atMost<Item>(limit: number, pages: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of pages) {
    if (items.length >= limit) throw new RangeError(`more than ${limit} items`);
    items.push(item);
  }
  return items;
}
