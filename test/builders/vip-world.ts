/**
 * The AwsVirtualIP reconciler with its loop and caches on the in-process API server and the virtual EC2, all under one
 * fake clock. The group's grant and the agents' reports are written by the test.
 */
import { FAILOVER_GROUP, AWS_VIRTUAL_IP, agentFieldManager } from "../../src/api/kinds.ts";
import type {
  AwsVirtualIP,
  AwsVirtualIPSpec,
  Condition,
  FailoverGroup,
  FailoverGroupSpec,
  GroupResource,
} from "../../src/api/generated/types.ts";
import { LEASE, type Lease } from "../../src/api/session-lease.ts";
import { Ec2Knowledge } from "../../src/cloud/aws/ec2-knowledge.ts";
import { Deposed, type Fence } from "../../src/controller/contract.ts";
import { ReconcileLoop } from "../../src/controller/reconcile-loop.ts";
import { Informer } from "../../src/kube/informer.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { awsVirtualIpKind } from "../../src/reconcilers/aws-virtual-ip/kind.ts";
import type { VipSeen, VipWrite } from "../../src/reconcilers/aws-virtual-ip/seen.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import { ResourceEnqueuer } from "../../src/reconcilers/shared/enqueue.ts";
import { createPointerReconciler } from "../../src/reconcilers/pointer/reconciler.ts";
import type { StatusOf } from "../../src/reconcilers/pointer/seen.ts";
import type { Step } from "../../src/reconcilers/pointer/steps.ts";
import type { Reconciler } from "../../src/controller/contract.ts";
import type { Node } from "../../src/reconcilers/shared/sources.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeEc2, smallVpc } from "../fakes/fake-ec2.ts";
import { InProcessKube } from "../fakes/in-process-kube.ts";
import { seededRandom } from "../fakes/seeded-random.ts";

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const LEASES = "understudy-system";
export const NAMESPACE = "ha";
export const VIP = "awsvip1";
export const GROUP = "failover1";

export interface Told {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export class VipWorld {
  readonly clock = new FakeClock();
  readonly kube = InProcessKube.create({ clock: this.clock });
  readonly cloud = smallVpc(this.clock);
  readonly ec2 = new FakeEc2(this.cloud.ec2);
  readonly told: Told[] = [];
  readonly reconciler: Reconciler<VipSeen, Step<VipWrite, StatusOf<AwsVirtualIP>>>;
  readonly loop: ReconcileLoop<VipSeen, Step<VipWrite, StatusOf<AwsVirtualIP>>>;
  isLeader = true;
  readonly fence: Fence = {
    assertLeader: () => {
      if (!this.isLeader) throw new Deposed("not the leader");
    },
  };
  readonly #informers: { start(): void; stop(): Promise<void> }[] = [];

  private constructor(settings: Partial<PointerSettings>) {
    const modules = { api: this.kube, clock: this.clock, random: seededRandom(5), log: silentLog, metrics: noMetrics };
    const informer = <T extends KubeObject>(type: ResourceType): Informer<T> => {
      const made = new Informer<T>({ type }, modules);
      this.#informers.push(made);
      return made;
    };
    const virtualIPs = informer<AwsVirtualIP>(AWS_VIRTUAL_IP);
    const groups = informer<FailoverGroup>(FAILOVER_GROUP);
    const nodes = informer<Node>(NODE);
    const leases = informer<Lease>(LEASE);
    const knowledge = new Ec2Knowledge(this.ec2, this.clock);
    const kind = awsVirtualIpKind({ ec2: { knowledgeOf: () => Promise.resolve(knowledge) } });
    this.reconciler = createPointerReconciler(kind, {
      kube: this.kube,
      objects: virtualIPs,
      groups,
      nodes,
      leases,
      events: { tell: (_object, type, reason, message) => void this.told.push({ type, reason, message }) },
      clock: this.clock,
      log: silentLog,
      metrics: noMetrics,
      settings: { installationNamespace: LEASES, ambientNamespaces: ["*"], isRecoveryPaused: false, ...settings },
    });
    this.loop = new ReconcileLoop(this.reconciler, {}, { ...modules, fence: this.fence });
    const enqueuer = new ResourceEnqueuer("AwsVirtualIP", { objects: virtualIPs, groups, leases });
    const changes = { group: groups, node: nodes, lease: leases, object: virtualIPs } as const;
    for (const change of ["group", "node", "lease", "object"] as const) {
      changes[change].onChange((key) => enqueuer.keysFor(change, key).forEach((wanted) => this.loop.enqueue(wanted)));
    }
  }

  /** Two members, a VIP, and the group unless `withGroup` is false. */
  static async create(
    options: {
      readonly spec?: Partial<AwsVirtualIPSpec>;
      readonly group?: Partial<FailoverGroupSpec>;
      readonly withGroup?: boolean;
      readonly settings?: Partial<PointerSettings>;
    } = {},
  ): Promise<VipWorld> {
    const world = new VipWorld(options.settings ?? {});
    const zones = ["a", "b"];
    for (const [index, instanceId] of [world.cloud.instance1, world.cloud.instance2].entries()) {
      await world.kube.create<Node>(NODE, {
        metadata: { name: `node${index + 1}` },
        spec: { providerID: `aws:///eu-central-1${zones[index]}/${instanceId}` },
      });
    }
    await world.addVip(VIP, options.spec);
    if (options.withGroup !== false) await world.addGroup(GROUP, [VIP], options.group);
    for (const informer of world.#informers) informer.start();
    world.loop.start();
    await world.clock.advance(0);
    return world;
  }

  async close(): Promise<void> {
    await Promise.all([this.loop.stop(), ...this.#informers.map((informer) => informer.stop())]);
  }

  async addVip(name: string, spec: Partial<AwsVirtualIPSpec> = {}): Promise<void> {
    const vip: KubeObject & { spec: Partial<AwsVirtualIPSpec> } = {
      metadata: { namespace: NAMESPACE, name },
      spec: { address: "10.1.0.20", ...spec },
    };
    await this.kube.create(AWS_VIRTUAL_IP, vip);
  }

  async addGroup(name: string, vips: readonly string[], spec: Partial<FailoverGroupSpec> = {}): Promise<void> {
    const app = { start: { command: ["/bin/true"] }, stop: { command: ["/bin/true"] } };
    const resources = [{ name: "app", exec: app }, ...vips.map((vip) => ({ kind: "AwsVirtualIP", name: vip }))];
    const group: KubeObject & { spec: object } = {
      metadata: { namespace: NAMESPACE, name },
      spec: { members: [{ node: "node1" }, { node: "node2" }], resources, ...spec },
    };
    await this.kube.create(FAILOVER_GROUP, group);
  }

  async group(name = GROUP): Promise<FailoverGroup> {
    const group = await this.kube.get<FailoverGroup>(FAILOVER_GROUP, { namespace: NAMESPACE, name });
    if (group === undefined) throw new Error("no group");
    return group;
  }

  /** What the group reconciler writes with a grant. */
  async grant(node: string, epoch: number, name = GROUP): Promise<void> {
    const active = { node, epoch, session: `${node}_s`, since: "2026-01-01T00:00:00Z" };
    await this.#applyStatus({ epoch, active }, "understudy-controller", name);
  }

  /** Nobody holds the group any more. */
  async revoke(epoch: number, name = GROUP): Promise<void> {
    await this.#applyStatus({ epoch }, "understudy-controller", name);
  }

  /** What the agent of the holder reports: `states` of local halves, by resource name; others are Active. */
  async report(
    node: string,
    epoch: number,
    states: Readonly<Record<string, string>> = {},
    name = GROUP,
  ): Promise<void> {
    const { spec } = await this.group(name);
    const resources = spec.resources.map((resource: GroupResource) => ({
      name: resource.name,
      state: states[resource.name] ?? "Active",
    }));
    const report = { node, session: `${node}_s`, epoch, state: "Active", resources };
    await this.#applyStatus({ reports: [report] }, agentFieldManager(node), name);
  }

  /** Grant and a report that everything local is up. */
  async activate(node: string, epoch: number): Promise<void> {
    await this.grant(node, epoch);
    await this.report(node, epoch);
  }

  async vip(name = VIP): Promise<AwsVirtualIP> {
    const vip = await this.kube.get<AwsVirtualIP>(AWS_VIRTUAL_IP, { namespace: NAMESPACE, name });
    if (vip === undefined) throw new Error("no virtual IP");
    return vip;
  }

  async condition(type: string, name = VIP): Promise<Condition | undefined> {
    const vip = await this.vip(name);
    return vip.status?.conditions?.find((condition) => condition.type === type);
  }

  /** `status reason` of a condition, or `-`. */
  async verdict(type: string, name = VIP): Promise<string> {
    const condition = await this.condition(type, name);
    return condition === undefined ? "-" : `${condition.status} ${condition.reason}`;
  }

  /** Interface that each table sends the address to. */
  targets(destination = "10.1.0.20/32"): string[] {
    return this.cloud.ec2.routesOf(this.cloud.vpcId).map((table) => {
      const target = table.routes.find((route) => route.destinationCidr === destination)?.target;
      return target?.type === "networkInterface" ? target.networkInterfaceId : "-";
    });
  }

  /** Calls of one action since the last `calls` of it. */
  callsOf(action: string): number {
    const count = this.ec2.calls.filter((call) => call.startsWith(`${action} `)).length;
    return count;
  }

  async #applyStatus(status: object, fieldManager: string, name: string): Promise<void> {
    const body: KubeObject & { status: object } = { metadata: { namespace: NAMESPACE, name }, status };
    await this.kube.patch(
      FAILOVER_GROUP,
      { namespace: NAMESPACE, name },
      { type: "apply", body, fieldManager, force: true },
      { subresource: "status" },
    );
  }
}
