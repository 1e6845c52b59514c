/**
 * A whole installation under one simulated clock: VMs with guard and worker, controllers, the API server, the cloud and
 * the network between them. It runs nothing by itself; a scenario or the nemesis says what goes wrong.
 */
import type { AwsVirtualIP, FailoverGroup, LbProbePort, MirrorDisk } from "../../src/api/generated/types.ts";
import { AWS_VIRTUAL_IP, FAILOVER_GROUP, LB_PROBE_PORT, MIRROR_DISK } from "../../src/api/kinds.ts";
import { CLOCK_RATE_BOUND, presetTimings, type Timings } from "../../src/api/timings.ts";
import { InvariantBroken } from "../../src/lib/assert.ts";
import { FENCING_LIMIT } from "../../src/controller/composition.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { ALL_RULES, type SafetyRules } from "../../src/lib/safety-rules.ts";
import type { FencingLimit } from "../../src/reconcilers/failover-group/fencing-record.ts";
import type { Random } from "../../src/lib/random.ts";
import type { Resource } from "../../src/sandbox/apiserver/resource.ts";
import { storeKey } from "../../src/sandbox/apiserver/store.ts";
import { Checkers } from "./checkers/checkers.ts";
import { SimController } from "./controller.ts";
import { SimMachine } from "./engine/machine.ts";
import { SimProcess } from "./engine/process.ts";
import { Scheduler } from "./engine/scheduler.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import type { DiskWorld } from "./host/copies.ts";
import { TARGETS_SITE } from "./host/targets.ts";
import { SimKernel } from "./host/kernel.ts";
import { SimApiServer, Template } from "./network/api-server.ts";
import { SimCloud } from "./network/cloud.ts";
import { DatagramNetwork } from "./network/datagrams.ts";
import { API, CLOUD, Network } from "./network/network.ts";
import { SimKube } from "./network/sim-kube.ts";
import { GROUP_NAMESPACE, NAMESPACE } from "./names.ts";
import { between, chance, Seeds } from "./seeds.ts";
import { DEVICES, execOf, FENCING, ISOLATION } from "./specs.ts";
import { Trace } from "./trace.ts";
import { SimVm } from "./vm.ts";

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

export interface WorldOptions {
  readonly seed: number;
  readonly members: number;
  readonly groups: number;
  readonly controllers: number;
  readonly hasWatchdog: boolean;
  readonly timings: Timings;
  /** How far the clock rates may be apart, 1 to the bound of the protocol. */
  readonly rateSpread: number;
  readonly isTraced: boolean;
  readonly rules: SafetyRules;
  /** Groups demand proof through the cloud that a lost member is off. */
  readonly isFenced: boolean;
  /** As the controllers are told it. */
  readonly fencingLimit: FencingLimit;
  /** Every group has a MirrorDisk, of which only the in-sync set is kept. */
  readonly hasDisks: boolean;
  /** Groups name isolation targets. */
  readonly hasTargets: boolean;
}

export const PLAIN: WorldOptions = {
  seed: 1,
  members: 2,
  groups: 1,
  controllers: 1,
  hasWatchdog: true,
  timings: presetTimings("fast"),
  rateSpread: CLOCK_RATE_BOUND,
  isTraced: false,
  rules: ALL_RULES,
  isFenced: false,
  fencingLimit: FENCING_LIMIT,
  hasDisks: false,
  hasTargets: false,
};

/** One group as the world built it. */
export interface GroupFacts {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Name of its MirrorDisk. */
  readonly disk?: string;
}

const WALL_MS = Date.UTC(2026, 0, 1);

export class World {
  readonly options: WorldOptions;
  readonly seeds: Seeds;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly network: Network;
  readonly api: SimApiServer;
  readonly cloud: SimCloud;
  readonly vms: SimVm[] = [];
  readonly controllers: SimController[] = [];
  readonly groups: GroupFacts[] = [];
  /** ENI by node. */
  readonly enis = new Map<string, string>();
  readonly checkers: Checkers;
  readonly #random: Random;
  readonly #datagrams: DatagramNetwork;

  constructor(options: WorldOptions) {
    this.options = options;
    this.seeds = new Seeds(options.seed);
    this.#random = this.seeds.stream("world");
    this.trace = new Trace(options.isTraced, () => this.scheduler.nowMs);
    this.network = new Network(this.scheduler, this.seeds.stream("network"));
    this.#datagrams = new DatagramNetwork(this.network);
    const services = new SimMachine("services", { rate: 1, wallMs: WALL_MS }, this.scheduler);
    const onCrash = this.#onCrash;
    const apiProcess = new SimProcess("apiserver", services, onCrash);
    this.api = new SimApiServer(apiProcess, this.seeds.stream("api"), templateOf().kinds);
    this.cloud = new SimCloud(new SimProcess("cloud", services, onCrash), this.network, this.seeds.stream("cloud"));
    this.checkers = new Checkers(this);
    this.api.onEvent = (text) => this.trace.note("event", text);
    this.#datagrams.onDatagram = (moment, datagram) =>
      this.checkers.rights.promises.seen(moment, datagram, this.scheduler.nowMs);
    for (let index = 1; index <= options.members; index++) this.#addVm(index);
    this.cloud.onPower = (instanceId, isOn) => this.#power(instanceId, isOn);
    for (let index = 1; index <= options.groups; index++) this.#addGroup(index);
    for (let index = 1; index <= options.controllers; index++) this.#addController(index);
  }

  /** Everybody starts, not quite at once. */
  start(): void {
    for (const vm of this.vms) vm.startGuardAfter(between(this.#random, 0, 400));
    for (const controller of this.controllers) controller.startAfter(between(this.#random, 0, 400));
  }

  /** Runs for so long, or until a violation. */
  async run(forMs: number): Promise<void> {
    await this.scheduler.runUntil(this.scheduler.nowMs + forMs, () => this.checkers.afterEvent());
  }

  /** Runs until `holds`, looked at every `everyMs`; false when it did not come true in time. */
  async until(holds: () => boolean, limitMs: number, everyMs = 20): Promise<boolean> {
    const endMs = this.scheduler.nowMs + limitMs;
    while (this.scheduler.nowMs < endMs && this.scheduler.stopped === undefined) {
      if (holds()) return true;
      await this.run(everyMs);
    }
    return holds();
  }

  vm(node: string): SimVm {
    const found = this.vms.find((vm) => vm.node === node);
    if (found === undefined) throw new Error(`no VM ${node}`);
    return found;
  }

  /** As stored at the API server now. */
  group(name: string): FailoverGroup {
    const found = this.api.core.store.get(
      `${FAILOVER_GROUP.plural}.${FAILOVER_GROUP.group}`,
      storeKey(GROUP_NAMESPACE, name),
    );
    if (found === undefined) throw new Error(`no group ${name}`);
    return found as unknown as FailoverGroup;
  }

  /** The disk of a group, as stored now. */
  disk(name: string): MirrorDisk | undefined {
    const stored = this.api.core.store.get(
      `${MIRROR_DISK.plural}.${MIRROR_DISK.group}`,
      storeKey(GROUP_NAMESPACE, name),
    );
    return stored as unknown as MirrorDisk | undefined;
  }

  /** Both run and reach each other in both directions. */
  isConnected(one: string, other: string): boolean {
    const { network } = this;
    const run = [one, other].every((node) => this.vm(node).machine.isOn && !this.vm(node).machine.isFrozen);
    return run && !network.isCut(one, other) && !network.isCut(other, one);
  }

  /** A user's change, carried out at once. */
  patch(type: ResourceType, namespace: string, name: string, body: unknown): void {
    const resource = this.#resource(type);
    this.api.core.patch({ resource, namespace, name }, { type: "merge", body }, { fieldManager: "kubectl" });
  }

  setMembers(group: string, nodes: readonly string[]): void {
    this.trace.note("user", `--- members of ${group}: ${nodes.join(", ")}`);
    this.patch(FAILOVER_GROUP, GROUP_NAMESPACE, group, { spec: { members: nodes.map((node) => ({ node })) } });
  }

  annotate(group: string, verb: string, value: string): void {
    this.trace.note("user", `--- ${verb}: ${value} on ${group}`);
    const metadata = { annotations: { [`understudy.dev/${verb}`]: value } };
    this.patch(FAILOVER_GROUP, GROUP_NAMESPACE, group, { metadata });
  }

  /** Another group that names the address of `facts` as its own. */
  claimAgain({ name }: GroupFacts): void {
    const { spec } = this.group(name);
    const metadata = { namespace: GROUP_NAMESPACE, name: `${name}-again` };
    this.#create(FAILOVER_GROUP, { metadata, spec } as unknown as FailoverGroup);
  }

  /** Cuts or heals both ways between two sites, or all of one. */
  link(from: string, to: string, isCut: boolean): void {
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const)
      if (isCut) this.network.cut(one, other);
      else this.network.heal(one, other);
  }

  #resource(type: ResourceType): Resource {
    const found = this.api.core.registry.find(type.group, type.version, type.plural);
    if (found === undefined) throw new Error(`no kind ${type.plural}`);
    return found;
  }

  #create(type: ResourceType, object: KubeObject, status?: object): void {
    this.api.prefill(this.#resource(type), object, templateOf(), status);
  }

  #machine(name: string): SimMachine {
    const { rateSpread } = this.options;
    // Any two rates are at most `rateSpread` apart; the ends are as likely as all between.
    const low = 1 / Math.sqrt(rateSpread);
    const high = Math.sqrt(rateSpread);
    const where = this.#random.next();
    const rate = where < 0.3 ? low : where < 0.6 ? high : between(this.#random, low, high);
    const wallMs = WALL_MS + between(this.#random, -3_600_000, 3_600_000);
    return new SimMachine(name, { rate, wallMs }, this.scheduler);
  }

  #addVm(index: number): void {
    const node = `node${index}`;
    const address = `10.0.1.${10 + index}`;
    const { timings, hasWatchdog } = this.options;
    const machine = this.#machine(node);
    const kernel = new SimKernel(machine, {
      nodeAddress: address,
      watchdogMs: hasWatchdog ? timings.watchdogTimeoutMs : undefined,
    });
    const { providerId, eniId } = this.cloud.addMember(index, address);
    this.enis.set(node, eniId);
    this.#create(NODE, {
      metadata: { name: node },
      spec: { providerID: providerId },
      status: { addresses: [{ type: "InternalIP", address }] },
    } as KubeObject);
    const random = this.seeds.stream(node);
    const app = {
      startMs: between(random, 2, 60),
      stopMs: between(random, 2, 60),
      startFails: 0,
      stopFails: 0,
      sticks: false,
    };
    const { rules, hasDisks } = this.options;
    const vm = new SimVm({ node, namespace: NAMESPACE, app, rules, hasDisks }, timings, {
      disks: this.#disks,
      reachesTargets: () => !this.network.isCut(node, TARGETS_SITE),
      machine,
      kernel,
      datagrams: this.#datagrams,
      random,
      trace: this.trace,
      kubeFor: this.#kubeFor,
      onCrash: this.#onCrash,
      onGuardStarted: () => undefined,
    });
    kernel.onChange = () => this.checkers.hostChanged(vm);
    this.vms.push(vm);
  }

  vmOf(instanceId: string): SimVm | undefined {
    return this.vms[Number(instanceId.slice(-1)) - 1];
  }

  #power(instanceId: string, isOn: boolean): void {
    const vm = this.vmOf(instanceId);
    if (vm === undefined) return;
    vm.isStoppedByCloud = !isOn;
    if (isOn) vm.powerOn();
    else vm.crash("stopped by the cloud", Number.POSITIVE_INFINITY);
  }

  #addGroup(index: number): void {
    const facts: GroupFacts = {
      name: `g${index}`,
      address: `10.9.0.${index}`,
      port: 26_000 + index,
      ...(this.options.hasDisks ? { disk: `disk-g${index}` } : {}),
    };
    const [first] = this.vms;
    if (first === undefined) throw new Error("a world has a member");
    const namespace = GROUP_NAMESPACE;
    this.cloud.addRoute(facts.address, this.enis.get(first.node) ?? "");
    this.#create(AWS_VIRTUAL_IP, {
      metadata: { namespace, name: `vip-${facts.name}` },
      spec: { address: facts.address },
    } as unknown as AwsVirtualIP);
    this.#create(LB_PROBE_PORT, {
      metadata: { namespace, name: `probe-${facts.name}` },
      spec: { port: facts.port },
    } as unknown as LbProbePort);
    const nodes = this.vms.map((vm) => vm.node);
    const { disk } = facts;
    if (disk !== undefined)
      this.#create(MIRROR_DISK, { metadata: { namespace, name: disk }, spec: DEVICES } as unknown as MirrorDisk, {
        inSync: { generation: 1, epoch: 0, members: nodes },
      });
    // No disk comes up that they could wait for.
    const afterApp = disk === undefined ? {} : { dependsOn: ["app"] };
    // Each group begins its list with another member.
    const order = nodes.map((_, at) => nodes[(at + index - 1) % nodes.length] ?? "");
    this.#create(FAILOVER_GROUP, {
      metadata: { namespace, name: facts.name },
      spec: {
        members: order.map((node) => ({ node })),
        resources: [
          // Nothing of it comes up: only its set is kept.
          ...(disk === undefined ? [] : [{ kind: "MirrorDisk", name: disk, onFailure: "Warn" }]),
          { kind: "AwsVirtualIP", name: `vip-${facts.name}`, ...afterApp },
          { name: "app", exec: execOf() },
          { kind: "LbProbePort", name: `probe-${facts.name}`, ...afterApp },
        ],
        failover: { startWait: "2s" },
        ...(this.options.isFenced ? { fencing: FENCING } : {}),
        ...(this.options.hasTargets ? { isolation: ISOLATION } : {}),
      },
    } as unknown as FailoverGroup);
    this.groups.push(facts);
  }

  #addController(index: number): void {
    const name = `controller${index}`;
    const { rules, timings, fencingLimit: fencing } = this.options;
    const controller = new SimController({ name, namespace: NAMESPACE, preset: "fast", rules, fencing }, timings, {
      machine: this.#machine(name),
      cloud: this.cloud,
      random: this.seeds.stream(name),
      trace: this.trace,
      kubeFor: this.#kubeFor,
      onCrash: this.#onCrash,
    });
    this.controllers.push(controller);
  }

  readonly #kubeFor = (process: SimProcess, fieldManager: string, timeoutMs: number): SimKube =>
    new SimKube(
      { timeoutMs, fieldManager },
      {
        server: this.api,
        network: this.network,
        process,
        random: this.seeds.stream(`kube ${process.name}`),
        onWrite: (write) => this.checkers.served(write),
      },
    );

  readonly #disks: DiskWorld = {
    membersOf: ({ name }) => this.group(name.replace("disk-", "")).spec.members.map((member) => member.node),
    inSync: ({ name }) => this.disk(name)?.status?.inSync?.members ?? [],
    isConnected: (one, other) => this.isConnected(one, other),
  };

  readonly #onCrash = (process: SimProcess, thrown: unknown): void => {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.trace.note(process.name, `!!! ${text}`);
    const name = thrown instanceof InvariantBroken ? "broken-assertion" : "unexpected-error";
    this.checkers.violate(name, `${process.name}: ${text}`);
  };

  /** For promises that reject with nobody to handle them: the process would have ended. */
  unhandled(thrown: unknown): void {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.checkers.violate("unexpected-error", text);
  }

  get isTraced(): boolean {
    return this.options.isTraced;
  }

  /** Sites that a client of a service can be cut off from. */
  static readonly services = [API, CLOUD] as const;

  chance(probability: number): boolean {
    return chance(this.#random, probability);
  }
}

const made: { template?: Template } = {};

function templateOf(): Template {
  made.template ??= new Template(new FakeClock());
  return made.template;
}
