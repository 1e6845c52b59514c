/**
 * The FailoverGroup reconciler with its loop, poller and caches on the in-process API server under a fake clock, and
 * scripted agents beside it. `advance` also watches the invariant: never two agents serving at one instant.
 */
import type { FailoverGroup, LbProbePort } from "../../src/api/generated/types.ts";
import { FAILOVER_GROUP, KINDS } from "../../src/api/kinds.ts";
import { presetTimings } from "../../src/api/timings.ts";
import type { AzureDnsAccess } from "../../src/cloud/azure/dns-access.ts";
import type { Ec2Access } from "../../src/cloud/aws/ec2-access.ts";
import { Deposed, type Fence } from "../../src/controller/contract.ts";
import { type KubeApi, KubeError, type KubeObject, type ResourceType } from "../../src/kube/ports.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { FencingDriver } from "../../src/reconcilers/failover-group/fencing-driver.ts";
import type { FencingLimit } from "../../src/reconcilers/failover-group/fencing-record.ts";
import type { GroupSettings } from "../../src/reconcilers/failover-group/seen.ts";
import { SessionPoller } from "../../src/reconcilers/failover-group/session-poller.ts";
import { ZoneWatch } from "../../src/reconcilers/failover-group/zone-watch.ts";
import type { RegistryModules } from "../../src/reconcilers/registry.ts";
import type { EventSink } from "../../src/reconcilers/shared/sources.ts";
import { type ControllerCaches, type Loops, makeCaches, makeLoops, wire } from "../../src/reconcilers/wiring.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeMachines } from "../fakes/fake-machines.ts";
import { FakeZones } from "../fakes/fake-zones.ts";
import { InProcessKube } from "../fakes/in-process-kube.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

export const TIMINGS = presetTimings("fast");
export const LEASES = "understudy-system";
export const KEY = { namespace: "ha", name: "failover1" };
const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

/** What only some worlds have. */
type ExtraSettings = Partial<Pick<GroupSettings, "hasSimulatedMirror" | "isRecoveryPaused">> & {
  /** Default: there is no cloud. */
  readonly ec2?: (clock: FakeClock) => Ec2Access;
  readonly azureDns?: (clock: FakeClock) => AzureDnsAccess;
};

export interface ToldEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

interface FakeClouds {
  readonly machines: FakeMachines;
  readonly zones: FakeZones;
}

/** One replica of the controller, with its own caches and memory. */
export class Replica {
  readonly poller: SessionPoller;
  readonly #loops: Loops;
  readonly #caches: ControllerCaches;
  readonly #fencing: FencingDriver;
  readonly #zones: ZoneWatch;
  #isLeader = false;

  constructor(
    kube: KubeApi,
    clock: FakeClock,
    told: ToldEvent[],
    { machines, zones }: FakeClouds,
    limit: FencingLimit,
    extra: ExtraSettings = {},
  ) {
    this.#zones = new ZoneWatch({ access: zones, clock, metrics: noMetrics });
    const shared = { clock, random: seededRandom(7), log: silentLog, metrics: noMetrics };
    this.#caches = makeCaches(LEASES, { ...shared, api: kube });
    this.poller = new SessionPoller({ namespace: LEASES, timings: TIMINGS }, { kube, ...shared });
    const fence: Fence = {
      assertLeader: () => {
        if (!this.#isLeader) throw new Deposed("not the leader");
      },
    };
    const events: EventSink = { tell: (_object, type, reason, message) => void told.push({ type, reason, message }) };
    const { groups, nodes, leases } = this.#caches;
    const ec2 = extra.ec2?.(clock) ?? { knowledgeOf: () => Promise.reject(new Error("no cloud in this world")) };
    const fencing = new FencingDriver(
      {
        namespace: LEASES,
        ambientNamespaces: ["*"],
        ...limit,
        requestTimeoutMs: TIMINGS.requestTimeoutMs,
      },
      { ...shared, kube, events, sessions: this.poller, fencers: machines },
    );
    this.#fencing = fencing;
    const modules: RegistryModules = {
      kube,
      caches: this.#caches,
      failoverGroup: {
        ...shared,
        kube,
        events,
        sessions: this.poller,
        caches: this.#caches,
        fencing,
        zones: this.#zones,
        settings: { timings: TIMINGS, isRecoveryPaused: false, ...extra },
        leaseNamespace: LEASES,
      },
      pointers: {
        ...shared,
        kube,
        events,
        groups,
        nodes,
        leases,
        settings: { installationNamespace: LEASES, ambientNamespaces: ["*"], isRecoveryPaused: false },
      },
      clouds: {
        ec2,
        route53: { knowledgeOf: () => Promise.reject(new Error("no cloud in this world")) },
        azureDns: extra.azureDns?.(clock) ?? {
          knowledgeOf: () => Promise.reject(new Error("this world is not of Azure")),
        },
        azureNetworks: { networksOf: () => Promise.reject(new Error("this world is not of Azure")) },
      },
    };
    this.#loops = makeLoops(modules, { ...shared, fence });
    wire(this.#caches, this.#loops, this.poller, fencing);
    this.#zones.onChange((group) => this.#loops.FailoverGroup.enqueue(group));
    for (const informer of this.#informers()) informer.start();
  }

  #informers(): { start(): void; stop(): Promise<void> }[] {
    const { groups, nodes, leases, resources } = this.#caches;
    return [groups, nodes, leases, ...Object.values(resources)];
  }

  lead(): void {
    this.#isLeader = true;
    this.poller.start();
    for (const loop of Object.values(this.#loops)) loop.start();
  }

  /** Stops acting at once, as a process that was killed. */
  kill(): void {
    this.#isLeader = false;
    this.poller.stop();
    this.#fencing.stop();
    this.#zones.stop();
    for (const loop of Object.values(this.#loops)) void loop.stop();
    for (const informer of this.#informers()) void informer.stop();
  }
}

/** The API as a process uses it that dies after so many writes: each was carried out, but nothing follows. */
class MortalKube implements KubeApi {
  readonly #kube: KubeApi;
  readonly #die: () => void;
  #writesLeft: number;

  constructor(kube: KubeApi, writes: number, die: () => void) {
    this.#kube = kube;
    this.#writesLeft = writes;
    this.#die = die;
  }

  get isDead(): boolean {
    return this.#writesLeft <= 0;
  }

  get: KubeApi["get"] = async (type, key, options) => await this.#kube.get(type, key, options);
  list: KubeApi["list"] = async (type, options) => await this.#kube.list(type, options);
  watch: KubeApi["watch"] = (type, options) => this.#kube.watch(type, options);
  create: KubeApi["create"] = async (type, object, options) =>
    await this.#write(async () => await this.#kube.create(type, object, options));
  replace: KubeApi["replace"] = async (type, object, options) =>
    await this.#write(async () => await this.#kube.replace(type, object, options));
  patch: KubeApi["patch"] = async (type, key, patch, options) =>
    await this.#write(async () => await this.#kube.patch(type, key, patch, options));
  delete: KubeApi["delete"] = async (type, key, options) =>
    await this.#write(async () => await this.#kube.delete(type, key, options));

  async #write<T>(send: () => Promise<T>): Promise<T> {
    if (this.isDead) throw new KubeError({ code: "Unreachable" }, "this process is dead");
    this.#writesLeft--;
    const isLast = this.isDead;
    const answer = await send();
    if (isLast) this.#die();
    return answer;
  }
}

export class ControllerWorld {
  readonly clock = new FakeClock();
  readonly kube = InProcessKube.create({ clock: this.clock });
  readonly told: ToldEvent[] = [];
  readonly agents = new Map<string, ScriptedAgent>();
  /** The machines that Nodes name; one that is switched off takes its agent with it. */
  readonly machines = new FakeMachines(this.clock);
  /** All Nodes are in eu-central-1a unless a test says otherwise. */
  readonly zones = new FakeZones(this.clock);
  /** Most agents that served at one instant. */
  mostServing = 0;
  controller: Replica;
  readonly #limit: FencingLimit;
  readonly #extra: ExtraSettings;
  #replicas = 0;

  private constructor(limit: FencingLimit, extra: ExtraSettings) {
    this.#limit = limit;
    this.#extra = extra;
    this.controller = new Replica(
      this.kube.sibling({ userAgent: "controller-0" }),
      this.clock,
      this.told,
      this,
      limit,
      extra,
    );
  }

  static async create(
    nodes: readonly string[],
    spec: object = {},
    limit: FencingLimit = { maxPerPeriod: 2, periodMs: 600_000 },
    extra: ExtraSettings = {},
  ): Promise<ControllerWorld> {
    const world = new ControllerWorld(limit, extra);
    for (const node of nodes) await world.addNode(node);
    await world.addProbe("probe", 26_001);
    await world.addGroup(KEY.name, nodes, spec);
    world.controller.lead();
    return world;
  }

  async addNode(node: string): Promise<ScriptedAgent> {
    const instanceId = `i-${node}`;
    const providerID = `aws:///eu-central-1a/${instanceId}`;
    await this.kube.create(NODE, { metadata: { name: node }, spec: { providerID } } as KubeObject);
    const kube = this.kube.sibling({ userAgent: `agent-${node}` });
    const agent = new ScriptedAgent(
      { node, leaseNamespace: LEASES, group: KEY, timings: TIMINGS },
      { kube, clock: this.clock },
    );
    this.agents.set(node, agent);
    this.machines.add(instanceId, {
      onPower: (isOn) => (isOn ? void agent.start() : agent.crash()),
    });
    await agent.start();
    return agent;
  }

  async addProbe(name: string, port: number): Promise<void> {
    const probe = { metadata: { namespace: KEY.namespace, name }, spec: { port } };
    await this.kube.create(KINDS.LbProbePort, probe as LbProbePort);
  }

  async addGroup(name: string, members: readonly string[], spec: object = {}): Promise<void> {
    const group = {
      metadata: { namespace: KEY.namespace, name },
      spec: {
        members: members.map((node) => ({ node })),
        resources: [{ kind: "LbProbePort", name: "probe" }],
        ...spec,
      },
    };
    await this.kube.create(FAILOVER_GROUP, group as unknown as FailoverGroup);
  }

  /** Another replica takes over from the one that leads. `kill` false: the old one does not know yet. */
  replaceController(kill = true): void {
    if (kill) this.controller.kill();
    this.#replicas++;
    const kube = this.kube.sibling({ userAgent: `controller-${this.#replicas}` });
    this.controller = new Replica(kube, this.clock, this.told, this, this.#limit, this.#extra);
    this.controller.lead();
  }

  /** The leading replica dies right after its `count`-th write from now, and another takes over `afterMs` later. */
  killControllerAfterWrites(count: number, afterMs: number): { readonly isDead: () => boolean } {
    const mortal = new MortalKube(this.kube.sibling({ userAgent: "mortal" }), count, () => {
      victim.kill();
      this.clock.setTimer(afterMs, () => this.replaceController());
    });
    this.controller.kill();
    const victim = new Replica(mortal, this.clock, this.told, this, this.#limit, this.#extra);
    this.controller = victim;
    victim.lead();
    return { isDead: () => mortal.isDead };
  }

  agent(node: string): ScriptedAgent {
    const agent = this.agents.get(node);
    if (agent === undefined) throw new Error(`no agent ${node}`);
    return agent;
  }

  async group(name = KEY.name): Promise<FailoverGroup> {
    const group = await this.kube.get<FailoverGroup>(FAILOVER_GROUP, { ...KEY, name });
    if (group === undefined) throw new Error("no group");
    return group;
  }

  async annotate(verb: string, value: string): Promise<void> {
    const body = { metadata: { annotations: { [`understudy.dev/${verb}`]: value } } };
    await this.kube.patch(FAILOVER_GROUP, KEY, { type: "merge", body, fieldManager: "kubectl-annotate" });
  }

  async patch(spec: object): Promise<void> {
    await this.kube.patch(FAILOVER_GROUP, KEY, { type: "merge", body: { spec } });
  }

  async patchNode(node: string, spec: object): Promise<void> {
    await this.kube.patch(NODE, { namespace: "", name: node }, { type: "merge", body: { spec } });
  }

  async advance(byMs: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < byMs; passed += stepMs) {
      await this.clock.advance(stepMs);
      const serving = [...this.agents.values()].filter((agent) => agent.isServing).length;
      this.mostServing = Math.max(this.mostServing, serving);
    }
  }

  /** Advances until `holds`; returns how long it took, in milliseconds. */
  async until(holds: (group: FailoverGroup) => boolean, limitMs = 60_000): Promise<number> {
    for (let passed = 0; passed <= limitMs; passed += 10) {
      if (holds(await this.group())) return passed;
      await this.advance(10);
    }
    throw new Error(
      `did not come true within ${limitMs} ms: ${JSON.stringify((await this.group()).status, undefined, 1)}`,
    );
  }
}

export function isReadyOn(node: string): (group: FailoverGroup) => boolean {
  return (group) => group.status?.active?.node === node && condition(group, "Ready")?.status === "True";
}

export function condition(
  group: FailoverGroup,
  type: string,
): { status: string; reason: string; message: string } | undefined {
  return group.status?.conditions?.find((entry) => entry.type === type);
}
