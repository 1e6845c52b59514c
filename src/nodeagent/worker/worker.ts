/**
 * The worker: follows the groups that name this node, keeps addresses absent unless granted, looks for what a standby
 * should not have, and takes everything down when the guard says so.
 *
 *   watch ──> group drivers ──> host        address changes ──> look again, remove strays
 *   guard ──session, takeDown──> group drivers ──all down, no strays, no processes: a fresh look──> `down`
 *
 * Must never do: say `down` on anything but a look at the host after the last step has ended.
 */
import type {
  AwsDns,
  AwsVirtualIP,
  AzureDns,
  FailoverGroup,
  LbProbePort,
  MirrorDisk,
} from "../../api/generated/types.ts";
import type { KubeApi, KubeObject, ObjectKey } from "../../kube/ports.ts";
import { keyOf } from "../../kube/ports.ts";
import { sleep, type Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import type { Logger } from "../../lib/log.ts";
import { strayAddresses } from "../address/strays.ts";
import type { FailureDetails } from "../details/failure-details.ts";
import type { Delay } from "../delays/delays.ts";
import type { GuardToWorker, PeerRef } from "../guard-protocol.ts";
import type { IsolationProbe } from "../isolation/port.ts";
import { IsolationWatch } from "../isolation/watch.ts";
import type { GroupDriver } from "./group-driver.ts";
import { concerns, GroupSet } from "./group-set.ts";
import { Leftovers } from "./leftovers.ts";
import { NodeAddresses } from "./node-addresses.ts";
import type { CopyWatch } from "../mirror/ports.ts";
import { type PartPlan, planParts, type ResourceObjects } from "./part-plan.ts";
import type { PartModules } from "./part-runner.ts";
import { sameFindings, standbyFindings, watchedPorts } from "./standby-rules.ts";

/** What there is to wait for and to refresh, whatever the kind. */
interface Store {
  onChange(listener: (key: ObjectKey) => void): () => void;
  /** What was missed while the network was gone is asked for at once. */
  refresh(): void;
  readonly hasSynced: boolean;
}

/** A local copy of a kind's objects; the informer is one. */
export interface ObjectStore<T extends KubeObject> extends Store {
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  absorb(object: T): void;
}

export interface WorkerModules extends Omit<PartModules, "nodeAddress"> {
  readonly api: KubeApi;
  readonly log: Logger;
  readonly isolationProbe: IsolationProbe;
  /** Absent: nothing is collected when a monitor fails. */
  readonly details?: Pick<FailureDetails, "collect"> | undefined;
  /** What people should know about the guard's delays; absent: nothing is told. */
  readonly tellDelay?: ((delay: Delay) => void) | undefined;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
  readonly groups: ObjectStore<FailoverGroup>;
  readonly virtualIps: ObjectStore<AwsVirtualIP>;
  readonly probePorts: ObjectStore<LbProbePort>;
  /** Absent: disks are not kept in this version. */
  readonly mirror?: MirrorModules | undefined;
  /** Records whose names are looked up here; absent: none. */
  readonly records?: { readonly AwsDns: ObjectStore<AwsDns>; readonly AzureDns: ObjectStore<AzureDns> } | undefined;
}

/** A replication engine, and the disks that it keeps. */
export interface MirrorModules {
  readonly disks: ObjectStore<MirrorDisk>;
  readonly copies: CopyWatch;
}

/** Local facts are also events; this is for the events that were missed, in milliseconds. */
const SWEEP_MS = 2_000;
const STANDBY_CHECK_MS = 5_000;
/** Between looks while everything goes down, in milliseconds. */
const DOWN_LOOK_MS = 10;

type Told = Exclude<GuardToWorker, { readonly type: "allowed" | "denied" }>;

export class Worker {
  readonly #node: string;
  readonly #modules: WorkerModules;
  readonly #groups: GroupSet;
  readonly #nodeAddresses: NodeAddresses;
  readonly #leftovers: Leftovers;
  readonly #closing = new AbortController();
  readonly #timers = new Map<string, Timer>();
  #takeDownId: number | undefined;
  /** A session ended and none has begun since. */
  #isSessionLost = false;
  #isProving = false;
  #isSweeping = false;
  #toldPeers = "[]";
  /** Generation of the group that was looked at last. */
  readonly #checked = new WeakMap<GroupDriver, number>();

  constructor(node: string, modules: WorkerModules) {
    this.#node = node;
    this.#modules = modules;
    this.#leftovers = new Leftovers(modules);
    this.#nodeAddresses = new NodeAddresses(modules, () => this.#tellPeers());
    const objects: ResourceObjects = {
      virtualIp: (namespace, name) => modules.virtualIps.get({ namespace, name }),
      probePort: (namespace, name) => modules.probePorts.get({ namespace, name }),
      isMirrorCarried: modules.mirror !== undefined,
      dnsName: (kind, namespace, name) => modules.records?.[kind].get({ namespace, name }),
    };
    this.#groups = new GroupSet(node, {
      ...modules,
      isolation: new IsolationWatch({ ...modules, probe: modules.isolationProbe }),
      nodeAddress: () => this.#nodeAddresses.get(node),
      plan: (group) => planParts(group, objects, node),
      absorb: (group) => modules.groups.absorb(group),
    });
  }

  /** Tells the guard that it listens; the groups follow when the informers have their first lists. */
  start(): void {
    const { groups, addresses, guard } = this.#modules;
    groups.onChange((key) => this.#onGroup(key));
    for (const store of this.#objects()) store.onChange(() => this.#soon("replan", 0, () => this.#groups.replan()));
    this.#modules.mirror?.disks.onChange((key) => this.#groups.diskChanged(key));
    this.#leftovers.stopAll(this.#closing.signal);
    addresses.watch(() => this.#onAddresses(), this.#closing.signal);
    this.#nodeAddresses.want(new Set([this.#node]));
    this.#every("sweep", SWEEP_MS, () => this.#sweep());
    this.#every("standby", STANDBY_CHECK_MS, () => this.#checkStandby(this.#groups.drivers));
    guard.tell({ type: "ready" });
  }

  /** All kinds are known: groups are acted on as soon as nothing of an earlier life is up. */
  synced(): void {
    if (!this.#leftovers.areStopped) return this.#soon("leftovers", DOWN_LOOK_MS, () => this.synced());
    for (const group of this.#modules.groups.list()) this.#onGroup(keyOf(group));
    void this.#sweep();
  }

  told(message: Told): void {
    switch (message.type) {
      case "session":
        // The end of a session goes with a take-down that is still owed an answer; only a new right ends that.
        if (message.session !== undefined) this.#takeDownId = undefined;
        this.#refresh(message.session !== undefined);
        return this.#groups.setSession(message.session);
      case "takeDown":
        this.#takeDownId = message.takeDownId;
        this.#groups.takeDown(message.budgetMs);
        return void this.#proveDown();
      case "promise":
        return this.#groups.setPromise(message.groupUid, message.promise);
      case "delayed":
        return this.#modules.tellDelay?.(message.delay);
      case "peers":
        return this.#modules.log.debug("peers", { alive: message.alive, lost: message.lost });
    }
  }

  /** The guard is gone: everything down within the budget, then whatever still runs is killed. */
  async abandon(budgetMs: number): Promise<void> {
    const { clock, guard, log } = this.#modules;
    guard.close();
    log.error("the guard is gone: taking everything down", { budgetMs });
    this.#groups.takeDown(budgetMs);
    const endMs = clock.monotonicMs() + budgetMs;
    while (!(await this.#isDown()) && clock.monotonicMs() < endMs) await sleep(clock, DOWN_LOOK_MS);
    await this.#killProcesses();
    await this.#removeStrays();
    this.close();
  }

  close(): void {
    this.#closing.abort();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#nodeAddresses.close();
    for (const driver of this.#groups.drivers) driver.close();
  }

  /** Who lost the session was cut off, and the connections of the watches may not have noticed that this is over. */
  #refresh(hasSession: boolean): void {
    const { groups } = this.#modules;
    if (hasSession && this.#isSessionLost) for (const store of [groups, ...this.#objects()]) store.refresh();
    this.#isSessionLost = !hasSession;
  }

  #isSynced(): boolean {
    return [this.#modules.groups, ...this.#objects()].every((store) => store.hasSynced);
  }

  /** Of everything that groups refer to. */
  #objects(): Store[] {
    const { virtualIps, probePorts, records, mirror } = this.#modules;
    return [
      virtualIps,
      probePorts,
      ...(records === undefined ? [] : [records.AwsDns, records.AzureDns]),
      ...(mirror === undefined ? [] : [mirror.disks]),
    ];
  }

  #onGroup(key: ObjectKey): void {
    if (!this.#isSynced() || !this.#leftovers.areStopped) return;
    this.#groups.see(key, this.#modules.groups.get(key));
    this.#soon("peers", 20, () => this.#wantPeers());
    this.#checkNew(key);
  }

  #onAddresses(): void {
    this.#groups.changed("address");
    void this.#sweep();
  }

  // ---- everything down

  async #proveDown(): Promise<void> {
    if (this.#isProving) return;
    this.#isProving = true;
    try {
      while (this.#takeDownId !== undefined) {
        const takeDownId = this.#takeDownId;
        if (await this.#isDown()) {
          if (takeDownId !== this.#takeDownId) continue;
          return this.#modules.guard.tell({ type: "down", takeDownId });
        }
        await sleep(this.#modules.clock, DOWN_LOOK_MS, this.#closing.signal);
        if (this.#closing.signal.aborted) return;
      }
    } finally {
      this.#isProving = false;
    }
  }

  /** Every group's parts are down, no step is in flight, and a fresh look finds no address and no process of ours. */
  async #isDown(): Promise<boolean> {
    const { drivers } = this.#groups;
    if (!this.#leftovers.areStopped || !drivers.every((driver) => driver.isProvenDown)) return false;
    await Promise.all(drivers.map((driver) => driver.settled()));
    try {
      await this.#killProcesses();
      return (await this.#removeStrays()) && (await this.#processes()).length === 0;
    } catch (thrown) {
      this.#modules.log.warn("what is left cannot be read", { error: messageOf(thrown) });
      return false;
    }
  }

  #processes() {
    return this.#modules.processes.find({ sessions: [], environment: { UNDERSTUDY_NODE: this.#node } });
  }

  async #killProcesses(): Promise<void> {
    const running = await this.#processes();
    if (running.length > 0) this.#modules.processes.signal(running, "SIGKILL");
  }

  // ---- absent unless granted

  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      await this.#removeStrays();
    } catch (thrown) {
      this.#modules.log.warn("addresses cannot be checked", { error: messageOf(thrown) });
    } finally {
      this.#isSweeping = false;
    }
  }

  /** True: a fresh read shows none. */
  async #removeStrays(): Promise<boolean> {
    const { addresses, connections, guard, log } = this.#modules;
    const strays = strayAddresses(await addresses.interfaces(), this.#claims());
    for (const stray of strays) {
      log.warn("an address that is not granted here is removed", { ...stray });
      await connections.reset({ addresses: [stray.address], ports: [] });
      // A grant may have arrived meanwhile.
      if (this.#claims().granted.has(stray.address)) continue;
      await addresses.remove(stray.interface, stray.address);
      guard.tell({
        type: "holdingRemoved",
        holding: { kind: "address", interface: stray.interface, cidr: `${stray.address}/32` },
      });
    }
    return strays.length === 0 || strayAddresses(await addresses.interfaces(), this.#claims()).length === 0;
  }

  #claims() {
    const drivers = this.#groups.drivers;
    const known = drivers.flatMap((driver) =>
      driver.state.plans.flatMap((plan) => (plan.kind === "address" ? [plan.address] : [])),
    );
    return {
      known: new Set(known),
      granted: new Set(drivers.flatMap((driver) => driver.grantedAddresses)),
      nodeAddress: this.#nodeAddresses.get(this.#node),
    };
  }

  // ---- standbys and peers

  /** A spec not seen before is looked at at once: the controller may be about to grant the group. */
  #checkNew(key: ObjectKey): void {
    const driver = this.#groups.drivers.find(({ state }) => state.group !== undefined && isAt(state.group, key));
    const generation = driver?.state.group?.metadata.generation ?? 0;
    if (driver === undefined || driver.state.tenure !== undefined || this.#checked.get(driver) === generation) return;
    this.#checked.set(driver, generation);
    void this.#checkStandby([driver]);
  }

  async #checkStandby(drivers: readonly GroupDriver[]): Promise<void> {
    const standbys = drivers.filter((driver) => driver.state.tenure === undefined && driver.state.group !== undefined);
    const ports = new Set(standbys.flatMap((driver) => portsOf(driver)));
    const listening = await this.#modules.listeners.listening([...ports]);
    for (const driver of standbys) {
      const { group, plans, tenure } = driver.state;
      if (group === undefined || tenure !== undefined) continue;
      const findings = standbyFindings(group, plans, listening, await this.#refusedCommands(plans));
      if (driver.state.tenure !== undefined) continue;
      if (!sameFindings(findings, driver.state.findings)) driver.dispatch({ type: "found", findings });
    }
  }

  /** Of each resource the first command that may not be run here, and why: known without running anything. */
  async #refusedCommands(plans: readonly PartPlan[]): Promise<Map<string, string>> {
    const refused = new Map<string, string>();
    for (const plan of plans) {
      if (plan.kind !== "command") continue;
      for (const argv of [plan.start, plan.stop, plan.check ?? plan.start]) {
        const why = await this.#modules.commands.check(argv).then(() => undefined, messageOf);
        if (why !== undefined && !refused.has(plan.resource)) refused.set(plan.resource, why);
      }
    }
    return refused;
  }

  #wantPeers(): void {
    this.#nodeAddresses.want(new Set([this.#node, ...this.#peerNodes()]));
    this.#tellPeers();
  }

  #peerNodes(): string[] {
    const groups = this.#modules.groups.list().filter((group) => concerns(group, this.#node));
    const nodes = new Set(groups.flatMap((group) => group.spec.members.map((member) => member.node)));
    nodes.delete(this.#node);
    return [...nodes].sort();
  }

  #tellPeers(): void {
    const peers = this.#peerNodes().flatMap((node): PeerRef[] => {
      const address = this.#nodeAddresses.get(node);
      return address === undefined ? [] : [{ node, address }];
    });
    const text = JSON.stringify(peers);
    if (text === this.#toldPeers) return;
    this.#toldPeers = text;
    this.#modules.guard.tell({ type: "peersWanted", peers });
  }

  // ---- time

  #soon(name: string, delayMs: number, work: () => void): void {
    this.#timers.get(name)?.cancel();
    this.#timers.set(name, this.#modules.clock.setTimer(delayMs, work));
  }

  #every(name: string, intervalMs: number, work: () => Promise<void>): void {
    this.#soon(name, intervalMs, () => {
      void work().finally(() => {
        if (!this.#closing.signal.aborted) this.#every(name, intervalMs, work);
      });
    });
  }
}

function isAt(group: FailoverGroup, key: ObjectKey): boolean {
  return group.metadata.name === key.name && group.metadata.namespace === key.namespace;
}

function portsOf(driver: GroupDriver): number[] {
  const { group, plans } = driver.state;
  return group === undefined ? [] : watchedPorts(group, plans);
}
