/**
 * A controller (the process's own composition) with many groups of many resources of one kind, all up on node1, on
 * clouds that count the calls. Fake clock: minutes pass in seconds. What it shows is what a quiet installation costs.
 */
import { FAILOVER_GROUP, KINDS, type ResourceKind } from "../../src/api/kinds.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease, microTime, SESSION_LABEL } from "../../src/api/session-lease.ts";
import { presetTimings } from "../../src/api/timings.ts";
import { Ec2Knowledge } from "../../src/cloud/aws/ec2-knowledge.ts";
import { ROUTE53_CALL_LIMITS } from "../../src/cloud/aws/route53-client.ts";
import { Route53Knowledge } from "../../src/cloud/aws/route53-knowledge.ts";
import { AzureNetworks } from "../../src/cloud/azure/network-knowledge.ts";
import { CallLimiter } from "../../src/cloud/rate-limit.ts";
import { composeController, type ControllerPorts } from "../../src/controller/composition.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { FakeAzureDns } from "../fakes/fake-azure-dns.ts";
import { FakeAzureNetworks, RESOURCE_GROUP, smallNetworks, SUBSCRIPTION } from "../fakes/fake-azure-networks.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeEc2, type SmallVpc, smallVpc } from "../fakes/fake-ec2.ts";
import { FakeRoute53 } from "../fakes/fake-route53.ts";
import { InProcessKube } from "../fakes/in-process-kube.ts";
import { LimitedRoute53 } from "../fakes/limited-route53.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { smallZone, ZONE_ID } from "./route53-zone.ts";

const NAMESPACE = "ha";
const LEASES = "understudy-system";
const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const NODES = ["node1", "node2"] as const;
const RENEW_MS = 1_000;
const PER_GROUP = 10;
const MINUTE_MS = 60_000;
const MEASURED_MINUTES = 5;
const TIMINGS = presetTimings("default");

/** Kinds that call a cloud. */
export type CloudKind = "AwsVirtualIP" | "AwsElasticIP" | "AwsDns" | "AzureDns" | "LbProbePort";
export const CLOUD_KINDS: readonly CloudKind[] = ["AwsVirtualIP", "AwsElasticIP", "AwsDns", "AzureDns", "LbProbePort"];

class Clouds {
  readonly aws: SmallVpc;
  readonly ec2: FakeEc2;
  readonly route53: LimitedRoute53;
  readonly azureDns: FakeAzureDns;
  readonly azureNetworks = new FakeAzureNetworks(smallNetworks());
  readonly ports: Pick<ControllerPorts, "ec2" | "route53" | "azureDns" | "azureNetworks">;
  /** node1's and node2's instance, each with an interface per resource. */
  readonly instances: readonly string[];

  constructor(clock: FakeClock, count: number) {
    this.aws = smallVpc(clock);
    this.instances = NODES.map((name, node) => {
      const place = { cidrBlock: `10.0.${16 * (node + 1)}.0/20`, availabilityZone: zoneOf(node) };
      const { subnetId } = this.aws.ec2.createSubnet({ vpcId: this.aws.vpcId, ...place });
      const networkInterfaceIds = Array.from({ length: count }, (_, index) => {
        const eni = { networkInterfaceId: eniOf(node, index), subnetId, sourceDestCheck: false };
        return this.aws.ec2.createNetworkInterface(eni).networkInterfaceId;
      });
      return this.aws.ec2.createInstance({ name, networkInterfaceIds }).instanceId;
    });
    this.ec2 = new FakeEc2(this.aws.ec2);
    const limiter = new CallLimiter(ROUTE53_CALL_LIMITS, { clock, random: seededRandom(11) });
    this.route53 = new LimitedRoute53(new FakeRoute53(smallZone(clock)), { clock, limiter });
    const zones = new Route53Knowledge(this.route53, clock);
    this.azureDns = new FakeAzureDns(clock);
    this.azureDns.addZone(ZONE);
    const [knowledge, networks] = [new Ec2Knowledge(this.ec2, clock), new AzureNetworks(this.azureNetworks, clock)];
    this.ports = {
      ec2: { knowledgeOf: () => Promise.resolve(knowledge) },
      route53: { knowledgeOf: () => Promise.resolve(zones) },
      azureDns: this.azureDns,
      azureNetworks: { networksOf: () => Promise.resolve(networks) },
    };
  }

  /** Calls so far, by action. */
  calls(): Map<string, number> {
    const counts = new Map(this.azureDns.calls);
    const aws = [
      ...this.ec2.calls.map((call) => call.split(" ")[0] ?? ""),
      ...this.route53.sent.map(({ action }) => action),
    ];
    const names = [...aws, ...this.azureNetworks.calls];
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }
}

const ZONE = { resourceGroup: "TestGroup1", zone: "cluster1.zone", visibility: "Public" } as const;

/** The i-th resource of a kind, with what it needs in the cloud. */
const SPECS: Readonly<Record<CloudKind, (index: number, clouds: Clouds) => object>> = {
  AwsVirtualIP: (index, { aws }) => {
    const address = `10.${1 + Math.floor(index / 250)}.0.${1 + (index % 250)}`;
    for (const table of [aws.mainTable, aws.table1, aws.table2]) {
      if (address === "10.1.0.20") continue; // the account has this one
      aws.ec2.createRoute(table, `${address}/32`, { type: "networkInterface", networkInterfaceId: eniOf(0, 0) });
    }
    return { address };
  },
  AwsElasticIP: (index, { aws }) => {
    const allocationId = `eipalloc-${String(index).padStart(8, "0")}`;
    aws.ec2.allocateAddress(`198.51.${Math.floor(index / 250)}.${1 + (index % 250)}`, allocationId);
    const members = NODES.map((node, place) => ({ node, eniId: eniOf(place, index) }));
    return { allocationId, members };
  },
  AwsDns: (index) => ({ hostedZoneId: ZONE_ID, name: `record${index}.hz1.local` }),
  AzureDns: (index) => ({
    resourceGroup: ZONE.resourceGroup,
    zone: ZONE.zone,
    record: `record${index}`,
    subscriptionId: SUBSCRIPTION,
  }),
  LbProbePort: () => ({
    port: 26_001,
    azureLoadBalancer: { name: "TestLoadBalancer", resourceGroup: RESOURCE_GROUP, subscriptionId: SUBSCRIPTION },
  }),
};

export class Fleet {
  readonly #clock = new FakeClock();
  readonly #kube = InProcessKube.create({ clock: this.#clock });
  readonly #clouds: Clouds;
  readonly #stop: () => Promise<void>;
  readonly #start: () => Promise<void>;

  private constructor(count: number) {
    this.#clouds = new Clouds(this.#clock, count);
    const { manager, poller, events, fencing } = composeController(
      {
        namespace: LEASES,
        identity: "controller-0",
        preset: "default",
        timings: TIMINGS,
        ambientNamespaces: ["*"],
        isRecoveryPaused: false,
      },
      {
        ...this.#clouds.ports,
        kube: this.#kube,
        clock: this.#clock,
        random: seededRandom(3),
        log: silentLog,
        metrics: noMetrics,
        onLost: () => undefined,
      },
    );
    this.#start = async () => await manager.start();
    this.#stop = async () => {
      poller.stop();
      fencing.stop();
      await Promise.all([manager.stop(), events.stop(1_000), this.#clock.advance(5_000)]);
    };
  }

  static async create(kind: CloudKind, count: number): Promise<Fleet> {
    const fleet = new Fleet(count);
    await fleet.#addNodes(kind);
    const names = Array.from({ length: count }, (_, index) => `resource${index}`);
    for (const [index, name] of names.entries()) {
      const object: KubeObject & { spec: object } = {
        metadata: { namespace: NAMESPACE, name },
        spec: SPECS[kind](index, fleet.#clouds),
      };
      await fleet.#kube.create(KINDS[kind], object);
    }
    for (let from = 0; from < count; from += PER_GROUP)
      await fleet.#addGroup(`group${from / PER_GROUP}`, kind, names.slice(from, from + PER_GROUP));
    await fleet.#start();
    return fleet;
  }

  /** Calls per action and minute once all is found, over five minutes. */
  async callsPerMinute(): Promise<Record<string, number>> {
    await this.advance(2 * MINUTE_MS);
    const calls = await this.callsWithin(MEASURED_MINUTES * MINUTE_MS);
    return Object.fromEntries(Object.entries(calls).map(([name, count]) => [name, count / MEASURED_MINUTES]));
  }

  /** Calls per action within so many milliseconds from now. */
  async callsWithin(ms: number): Promise<Record<string, number>> {
    const before = this.#clouds.calls();
    await this.advance(ms);
    const after = [...this.#clouds.calls()].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
    return Object.fromEntries(after.filter(([, count]) => count > 0).sort());
  }

  /** The most requests to Route 53 within one second so far. */
  busiestSecondOfRoute53(): number {
    return this.#clouds.route53.busiestSecond();
  }

  async advance(ms: number): Promise<void> {
    const STEP_MS = 250;
    for (let passed = 0; passed < ms; passed += STEP_MS) await this.#clock.advance(STEP_MS);
  }

  /** `STATUS REASON` of one condition of every resource, each once. */
  async verdicts(kind: ResourceKind, type: string): Promise<string[]> {
    const { items } = await this.#kube.list<WithConditions>(KINDS[kind], { namespace: NAMESPACE });
    const found = items.map(({ status }) => status?.conditions?.find((condition) => condition.type === type));
    return [...new Set(found.map((condition) => `${condition?.status} ${condition?.reason}`))].sort();
  }

  async close(): Promise<void> {
    await this.#stop();
  }

  async #addNodes(kind: CloudKind): Promise<void> {
    for (const [index, name] of NODES.entries()) {
      const aws = `aws:///${zoneOf(index)}/${this.#clouds.instances[index]}`;
      const machine = `resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute/virtualMachines/${name}`;
      const azure = `azure:///subscriptions/${SUBSCRIPTION}/${machine}`;
      const status = { addresses: [{ type: "InternalIP", address: `10.0.${index + 1}.10` }] };
      const spec = { providerID: kind.startsWith("Aws") ? aws : azure };
      await this.#kube.create(NODE, { metadata: { name }, spec, status } as KubeObject);
      await this.#renew(name, undefined);
    }
  }

  async #addGroup(name: string, kind: CloudKind, resources: readonly string[]): Promise<void> {
    const spec = {
      members: NODES.map((node) => ({ node })),
      resources: resources.map((resource) => ({ kind, name: resource })),
    };
    await this.#kube.create(FAILOVER_GROUP, { metadata: { namespace: NAMESPACE, name }, spec } as KubeObject);
    const [node] = NODES;
    const grant = { node, epoch: 1, session: sessionOf(node) };
    const report = {
      ...grant,
      state: "Active",
      knownMembers: NODES,
      resources: resources.map((resource) => ({ name: resource, state: "Active" })),
    };
    const active = { ...grant, since: "2026-01-01T00:00:00Z" };
    await this.#applyStatus(name, "understudy-controller", { epoch: 1, active });
    await this.#applyStatus(name, `understudy-agent.${node}`, { reports: [report] });
  }

  async #applyStatus(name: string, fieldManager: string, status: object): Promise<void> {
    const body = { metadata: { namespace: NAMESPACE, name }, status } as KubeObject;
    const patch = { type: "apply", body, fieldManager, force: true } as const;
    await this.#kube.patch(FAILOVER_GROUP, { namespace: NAMESPACE, name }, patch, { subresource: "status" });
  }

  /** A session that lives for ever. */
  async #renew(node: string, previous: Lease | undefined): Promise<void> {
    const annotations = {
      [LEASE_ANNOTATIONS.timings]: JSON.stringify(TIMINGS),
      [LEASE_ANNOTATIONS.facts]: JSON.stringify({ bootId: "b", version: "0", watchdog: "Soft", interfaces: [] }),
    };
    const lease: Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: node,
        namespace: LEASES,
        labels: { [SESSION_LABEL]: "true" },
        annotations,
        ...versionOf(previous),
      },
      spec: { holderIdentity: sessionOf(node), renewTime: microTime(this.#clock.wallMs()), leaseDurationSeconds: 15 },
    };
    const stored =
      previous === undefined ? await this.#kube.create(LEASE, lease) : await this.#kube.replace(LEASE, lease);
    this.#clock.setTimer(RENEW_MS, () => void this.#renew(node, stored));
  }
}

interface WithConditions extends KubeObject {
  readonly status?: { readonly conditions?: readonly { type: string; status: string; reason: string }[] };
}

function zoneOf(node: number): string {
  return `eu-central-1${node === 0 ? "a" : "b"}`;
}

function eniOf(node: number, index: number): string {
  return `eni-${node}${String(index).padStart(7, "0")}`;
}

function sessionOf(node: string): string {
  return `${node}_1`;
}

function versionOf(lease: Lease | undefined): { resourceVersion?: string } {
  const { resourceVersion } = lease?.metadata ?? {};
  return resourceVersion === undefined ? {} : { resourceVersion };
}
