/** The LbProbePort reconciler before the small load balancer of `fake-azure-networks`, with caches that a test fills. */
import type { FailoverGroup, LbProbePort } from "../../src/api/generated/types.ts";
import { FINALIZERS } from "../../src/api/kinds.ts";
import { AzureNetworks } from "../../src/cloud/azure/network-knowledge.ts";
import { LbProbePortReconciler } from "../../src/reconcilers/lb-probe-port/reconciler.ts";
import type { Node } from "../../src/reconcilers/shared/sources.ts";
import type { VirtualNetworks } from "../../src/sandbox/arm/network-state.ts";
import { FakeAzureNetworks, RESOURCE_GROUP, smallNetworks, SUBSCRIPTION } from "../fakes/fake-azure-networks.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { InProcessKube } from "../fakes/in-process-kube.ts";
import { monitor } from "./worker-group.ts";

const KEY = { namespace: "ha", name: "lbpp1" };

export interface ProbePortWorldOptions {
  readonly networks?: VirtualNetworks;
  readonly spec?: object;
  readonly providerIds?: Readonly<Record<string, string | undefined>>;
  readonly addresses?: Readonly<Record<string, string>>;
  readonly allowedActions?: readonly string[];
  readonly ambientNamespaces?: readonly string[];
  readonly groupStatus?: object;
}

export function providerIdOf(machine: string, resourceGroup = RESOURCE_GROUP, subscription = SUBSCRIPTION): string {
  return `azure:///subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${machine}`;
}

export class ProbePortWorld {
  readonly clock = new FakeClock();
  readonly cloud: FakeAzureNetworks;
  readonly #reconciler: LbProbePortReconciler;
  #probe: LbProbePort;
  group: FailoverGroup;

  constructor(options: ProbePortWorldOptions = {}) {
    const { spec = {}, allowedActions, ambientNamespaces = ["*"] } = options;
    this.cloud = new FakeAzureNetworks(options.networks ?? smallNetworks(), allowedActions);
    this.#probe = probeWith(spec);
    this.group = groupWith(options.groupStatus);
    const nodes = ["node1", "node2"].map((name) => nodeOf(name, options));
    const networks = new AzureNetworks(this.cloud, this.clock);
    this.#reconciler = new LbProbePortReconciler({
      kube: InProcessKube.create({ clock: this.clock }),
      probes: { get: () => this.#probe, list: () => [this.#probe], absorb: () => undefined },
      groups: { get: () => this.group, list: () => [this.group] },
      nodes: { get: ({ name }) => nodes.find(({ metadata }) => metadata.name === name), list: () => nodes },
      leases: { get: () => undefined, list: () => [] },
      networks: { networksOf: () => Promise.resolve(networks) },
      events: { tell: () => undefined },
      clock: this.clock,
      settings: { installationNamespace: "us", ambientNamespaces, isRecoveryPaused: false },
    });
  }

  /** Looks once and takes the status over, as the API server would. */
  async look(): Promise<{ readonly status: NonNullable<LbProbePort["status"]>; readonly requeueAfterMs: number }> {
    const seen = await this.#reconciler.observe(KEY);
    if (seen === undefined) throw new Error("the object is there");
    const now = { monotonicMs: this.clock.monotonicMs(), wallMs: this.clock.wallMs() };
    const { steps, requeueAfterMs } = this.#reconciler.plan(seen, now);
    const [step] = steps;
    if (step?.do === "WriteStatus") this.#probe = { ...this.#probe, status: step.status };
    return { status: this.#probe.status ?? {}, requeueAfterMs: requeueAfterMs ?? Number.POSITIVE_INFINITY };
  }

  async condition(
    type: string,
  ): Promise<{ readonly status: string; readonly reason: string; readonly message: string }> {
    const found = (await this.look()).status.conditions?.find((condition) => condition.type === type);
    if (found === undefined) throw new Error(`no condition ${type}`);
    const { status, reason, message } = found;
    return { status, reason, message };
  }
}

function probeWith(spec: object): LbProbePort {
  return {
    metadata: { ...KEY, uid: "uid-lbpp1", generation: 1, finalizers: [FINALIZERS.inUse] },
    spec: {
      port: 26_001,
      azureLoadBalancer: { name: "TestLoadBalancer" },
      monitor,
      timeouts: { activate: "30s", deactivate: "30s" },
      ...spec,
    },
  };
}

function groupWith(status: object = {}): FailoverGroup {
  const active = { node: "node1", epoch: 1, session: "s1", since: "2026-01-01T00:00:00Z" };
  const resources = [{ name: "lbpp1", state: "Active" }];
  const reports = [{ node: "node1", session: "s1", epoch: 1, state: "Active", resources }];
  return {
    metadata: { namespace: "ha", name: "failover1", uid: "uid-g" },
    spec: {
      members: [{ node: "node1" }, { node: "node2" }],
      resources: [{ kind: "LbProbePort", name: "lbpp1", onFailure: "Failover" }],
    },
    status: { active, reports, ...status },
  } as unknown as FailoverGroup;
}

function nodeOf(name: string, { providerIds = {}, addresses = {} }: ProbePortWorldOptions): Node {
  const providerID = name in providerIds ? providerIds[name] : providerIdOf(name);
  const address = addresses[name] ?? (name === "node1" ? "10.5.0.110" : "10.5.0.111");
  return {
    metadata: { name },
    spec: providerID === undefined ? {} : { providerID },
    status: { addresses: [{ type: "InternalIP", address }] },
  };
}
