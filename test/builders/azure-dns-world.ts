/** An AzureDns of a group of two members of Azure, on the fake of Azure's zones. */
import type { AzureDns, AzureDnsSpec } from "../../src/api/generated/types.ts";
import type { RecordRef, RecordSet } from "../../src/cloud/azure/dns-ports.ts";
import type { CloudErrorCode } from "../../src/cloud/errors.ts";
import type { SecretKeys } from "../../src/cloud/fencing-ports.ts";
import { FAILOVER_GROUP } from "../../src/api/kinds.ts";
import type { KubeObject } from "../../src/kube/ports.ts";
import type { Metrics } from "../../src/lib/metrics.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { azureDnsKind } from "../../src/reconcilers/azure-dns/kind.ts";
import type { AzureDnsFacts, AzureDnsWrite } from "../../src/reconcilers/azure-dns/seen.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import { FakeAzureDns } from "../fakes/fake-azure-dns.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { NAMESPACE, PointerWorld } from "./pointer-world.ts";

export const SUBSCRIPTION = "11111111-2222-3333-4444-555555555555";
export const KEYS = { tenantId: "tenant", clientId: "client", clientSecret: "secret" };
export const ADDRESSES = { node1: "10.5.0.110", node2: "10.5.0.111" } as const;
const NAME = "azuredns1";
const VNET = `/subscriptions/${SUBSCRIPTION}/resourceGroups/TestGroup1/providers/Microsoft.Network/virtualNetworks/vnet1`;

export interface AzureDnsWorldOptions {
  readonly spec?: Partial<AzureDnsSpec>;
  readonly settings?: Partial<PointerSettings>;
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of node1 and node2; undefined: the Node has none. Omitted: two machines of one subscription. */
  readonly providerIds?: readonly (string | undefined)[];
  readonly firstProviderId?: string;
  /** What stands under the name beforehand. */
  readonly record?: Omit<RecordSet, "etag">;
  readonly actions?: readonly string[];
  readonly failures?: Readonly<Record<string, CloudErrorCode>>;
  readonly wallMs?: number;
}

export class AzureDnsWorld {
  readonly clock: FakeClock;
  readonly dns: FakeAzureDns;
  readonly gauges: ReadonlyMap<string, number>;
  readonly ref: RecordRef;
  readonly #spec: AzureDnsSpec;
  readonly #world: PointerWorld<AzureDns, AzureDnsFacts, AzureDnsWrite, SecretKeys>;

  private constructor(
    parts: { clock: FakeClock; dns: FakeAzureDns; spec: AzureDnsSpec; gauges: ReadonlyMap<string, number> },
    world: PointerWorld<AzureDns, AzureDnsFacts, AzureDnsWrite, SecretKeys>,
  ) {
    this.clock = parts.clock;
    this.dns = parts.dns;
    this.gauges = parts.gauges;
    this.#spec = parts.spec;
    const { resourceGroup, zone, record, zoneType = "Public" } = parts.spec;
    this.ref = { resourceGroup, zone, record, visibility: zoneType };
    this.#world = world;
  }

  static async create(options: AzureDnsWorldOptions = {}): Promise<AzureDnsWorld> {
    const clock = new FakeClock(options.wallMs);
    const dns = new FakeAzureDns(clock);
    const base = { resourceGroup: "TestGroup1", zone: "cluster1.zone", record: "test-record1" };
    const spec = { ...base, ...options.spec } as AzureDnsSpec;
    const zone = { resourceGroup: "TestGroup1", zone: "cluster1.zone" };
    const links = [{ name: "link1", virtualNetworkId: VNET, isReady: true }];
    dns.addZone({ ...zone, visibility: "Public" });
    dns.addZone({ ...zone, visibility: "Private" }, links);
    dns.addZone({ ...zone, zone: "private.zone", visibility: "Private" }, links);
    dns.addZone({ ...zone, zone: "lonely.zone", visibility: "Private" });
    if (options.actions !== undefined) dns.permission = { actions: options.actions };
    for (const [action, code] of Object.entries(options.failures ?? {})) dns.failures.set(action, code);
    const gauges = new Map<string, number>();
    const metrics: Metrics = { ...noMetrics, set: (name, value) => void gauges.set(name, value) };
    const world = await PointerWorld.create({
      kind: azureDnsKind({ azureDns: dns, metrics }),
      clock,
      name: NAME,
      spec,
      nodes: nodesOf(options),
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
      ...(options.settings === undefined ? {} : { settings: options.settings }),
    });
    const made = new AzureDnsWorld({ clock, dns, spec, gauges }, world);
    const { record } = options;
    if (record !== undefined) made.change(() => record);
    return made;
  }

  get told() {
    return this.#world.told;
  }

  record(): RecordSet | undefined {
    return this.dns.peek(this.ref);
  }

  /** What somebody else does to the record. */
  change(change: (before: RecordSet | undefined) => Omit<RecordSet, "etag"> | undefined): void {
    this.dns.change(this.ref, change);
  }

  activate = (node: string, epoch: number): Promise<void> => this.#world.activate(node, epoch);
  grant = (node: string, epoch: number): Promise<void> => this.#world.grant(node, epoch);
  revoke = (epoch: number, hold?: "StoppedByRequest"): Promise<void> => this.#world.revoke(epoch, hold);
  report = (node: string, epoch: number, details?: Readonly<Record<string, object>>): Promise<void> =>
    this.#world.report(node, epoch, details);
  object = (): Promise<AzureDns> => this.#world.object();
  condition = (type: string, name?: string) => this.#world.condition(type, name);
  verdict = (type: string, name?: string): Promise<string> => this.#world.verdict(type, name);
  putSecret = (name: string, keys: Readonly<Record<string, string>>): Promise<void> =>
    this.#world.putSecret(name, keys);
  close = (): Promise<void> => this.#world.close();

  /** Another object with the same record, in another group. */
  async addRival(): Promise<void> {
    await this.#world.addObject("azuredns2", this.#spec);
    const group: KubeObject & { spec: object } = {
      metadata: { namespace: NAMESPACE, name: "failover2" },
      spec: { members: [{ node: "node1" }, { node: "node2" }], resources: [{ kind: "AzureDns", name: "azuredns2" }] },
    };
    await this.#world.kube.create(FAILOVER_GROUP, group);
  }
}

function nodesOf({ providerIds, firstProviderId }: AzureDnsWorldOptions) {
  return (["node1", "node2"] as const).map((name, index) => {
    const own = `azure:///subscriptions/${SUBSCRIPTION}/resourceGroups/TestGroup1/providers/Microsoft.Compute/virtualMachines/${name}`;
    const given = index === 0 && firstProviderId !== undefined ? firstProviderId : providerIds?.[index];
    const providerID = providerIds === undefined ? own : given;
    return {
      name,
      spec: providerID === undefined ? {} : { providerID },
      status: { addresses: [{ type: "InternalIP", address: ADDRESSES[name] }] },
    };
  });
}
