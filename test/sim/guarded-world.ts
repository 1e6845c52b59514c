/**
 * One node with the production guard, a worker that behaves as badly as it likes, and a leader that revokes and grants
 * as DESIGN 4.3 and 4.4 allow, under a seed. Processes can be paused, killed and started again; the machine can be
 * frozen; the watchdog resets it.
 *
 * What must hold at every moment: while the right belongs to somebody else, nothing serves on this node.
 */
import { LEASE_ANNOTATIONS, type Lease } from "../../src/api/session-lease.ts";
import { presetTimings, revokeWaitMs } from "../../src/api/timings.ts";
import type { CallOptions, KubeApi, KubeObject, ObjectKey, ResourceType, WriteOptions } from "../../src/kube/ports.ts";
import type { Clock, Timer } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import type { Random } from "../../src/lib/random.ts";
import type { GuardToWorker, WorkerToGuard } from "../../src/nodeagent/guard-protocol.ts";
import { Guard } from "../../src/nodeagent/guard/guard.ts";
import { HardCut } from "../../src/nodeagent/guard/hard-cut.ts";
import { Holdings } from "../../src/nodeagent/guard/holdings.ts";
import type { Worker, WorkerHandlers } from "../../src/nodeagent/guard/worker-port.ts";
import { MemoryFile, quietPeers, VIP } from "../builders/guard.ts";
import { FakeAddresses } from "../fakes/fake-addresses.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeLeaseApi, type LeaseFault } from "../fakes/fake-lease-api.ts";
import { FakeProcesses } from "../fakes/fake-processes.ts";
import { FakeWatchdog } from "../fakes/fake-watchdog.ts";

/** One operating-system process: what it would do waits while it is paused, and never happens once it is dead. */
class Process {
  isDead = false;
  #isPaused = false;
  #waiting: (() => void)[] = [];

  run(what: () => void): void {
    if (this.isDead) return;
    if (this.#isPaused) this.#waiting.push(what);
    else what();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const what of this.#waiting.splice(0)) this.run(what);
  }
}

class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #process: Process;

  constructor(clock: Clock, process: Process) {
    this.#clock = clock;
    this.#process = process;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    let isCancelled = false;
    const timer = this.#clock.setTimer(delayMs, () =>
      this.#process.run(() => {
        if (!isCancelled) fire();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}

/** Replies reach a process only while it runs. */
function apiOf(api: FakeLeaseApi, process: Process): KubeApi {
  const reach = <T>(call: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      call.then(
        (value) => process.run(() => resolve(value)),
        (thrown: unknown) => process.run(() => reject(thrown as Error)),
      );
    });
  return Object.assign(Object.create(api) as KubeApi, {
    get: <T extends KubeObject>(type: ResourceType, key: ObjectKey, options?: CallOptions) =>
      reach(api.get<T>(type, key, options)),
    create: <T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions) =>
      reach(api.create(type, object, options)),
    replace: <T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions) =>
      reach(api.replace(type, object, options)),
  });
}

type Owner =
  | { readonly node: "n1"; readonly session: string }
  | { readonly node: "other" }
  | { readonly node: "nobody" };

const timings = presetTimings("fast");

export class GuardedWorld {
  readonly clock = new FakeClock();
  readonly api = new FakeLeaseApi(this.clock);
  readonly addresses = new FakeAddresses();
  readonly #random: Random;
  #processes = new FakeProcesses();
  #file = new MemoryFile();
  readonly #hasWatchdog: boolean;
  #watchdog: FakeWatchdog;
  #guard: Process | undefined;
  #worker: SimulatedWorker | undefined;
  #life = 0;
  #owner: Owner = { node: "nobody" };
  #epoch = 0;
  #seen: { version: string | undefined; sinceMs: number } = { version: undefined, sinceMs: 0 };
  #isFrozen = false;
  /** Times this node served, and times the leader gave the right to another. */
  readonly counts = { served: 0, revoked: 0, resets: 0 };
  readonly violations: string[] = [];

  /** Without a watchdog the guard is never paused: a frozen one could not be safe (DESIGN 4.2). */
  constructor(random: Random, hasWatchdog: boolean) {
    this.#random = random;
    this.#hasWatchdog = hasWatchdog;
    this.#watchdog = this.#newWatchdog();
    this.#lead();
  }

  /** Lives for `forMs` under random faults. */
  async live(forMs: number): Promise<void> {
    await this.#boot();
    for (const end = this.clock.monotonicMs() + forMs; this.clock.monotonicMs() < end;) {
      await this.clock.advance(10 + this.#random.next() * 200);
      this.#check();
      await this.#disturb();
    }
  }

  get isServing(): boolean {
    return this.addresses.holds("10.9.0.1");
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  between(fromMs: number, toMs: number): number {
    return fromMs + this.#random.next() * (toMs - fromMs);
  }

  /** The grant that a consistent read of the group shows, if it is for this session. */
  grantFor(session: string): number | undefined {
    return this.#owner.node === "n1" && this.#owner.session === session ? this.#epoch : undefined;
  }

  bringUp(worker: SimulatedWorker): void {
    if (!this.#processes.running.has(worker.process.pid)) return;
    void this.addresses.add("eth0", "10.9.0.1");
    this.counts.served += 1;
    this.#check();
  }

  reportDown(epoch: number): void {
    if (this.#owner.node === "n1" && epoch === this.#epoch) this.#grantToOther();
  }

  #check(): void {
    if (this.#watchdog.hasFired) this.#reset();
    if (this.isServing && this.#owner.node === "other")
      this.violations.push(
        `serving at ${this.clock.monotonicMs()} ms while another member is active under epoch ${this.#epoch}`,
      );
  }

  // ---- faults

  async #disturb(): Promise<void> {
    const faults: readonly LeaseFault[] = ["lostReply", "late", "unreachable", "hang"];
    if (this.chance(0.1)) this.api.faults.push(faults[Math.floor(this.#random.next() * faults.length)] ?? "ok");
    if (this.chance(0.02)) this.api.standing = this.api.standing === undefined ? "hang" : undefined;
    if (this.chance(0.1) && this.api.standing !== undefined) this.api.standing = undefined;
    if (this.chance(0.05) && this.api.hasLate) this.api.carryOutLate();
    if (this.chance(0.01)) this.clock.stepWall(this.between(-5_000, 5_000));
    if (this.chance(0.015)) this.#killGuard();
    if (this.#guard === undefined && this.chance(0.3) && !this.#isFrozen) await this.#boot();
    if (this.#hasWatchdog && this.chance(0.02))
      this.#pauseFor([this.#guard, this.#worker?.program], this.between(100, 8_000));
    if (this.#hasWatchdog && this.chance(0.02)) this.#pauseFor([this.#guard], this.between(100, 8_000));
    if (this.chance(0.02)) this.#pauseFor([this.#worker?.program], this.between(100, 8_000));
    if (this.chance(0.01)) this.#worker?.die();
  }

  #pauseFor(processes: readonly (Process | undefined)[], ms: number): void {
    for (const process of processes) process?.pause();
    this.clock.setTimer(ms, () => {
      for (const process of processes) process?.resume();
    });
  }

  #killGuard(): void {
    if (this.#guard === undefined) return;
    this.#guard.isDead = true;
    this.#guard = undefined;
    // The worker notices when it next runs; a paused one does not.
    this.#worker?.guardGone();
  }

  /** The hypervisor's reset: nothing of before runs or is held, the state folder is empty. */
  #reset(): void {
    this.counts.resets += 1;
    if (this.#guard !== undefined) this.#guard.isDead = true;
    this.#guard = undefined;
    if (this.#worker !== undefined) this.#worker.program.isDead = true;
    this.#worker = undefined;
    this.#processes = new FakeProcesses();
    this.#file = new MemoryFile();
    this.#watchdog = this.#newWatchdog();
    this.addresses.held.get("eth0")?.delete("10.9.0.1");
  }

  // ---- the machine

  #newWatchdog(): FakeWatchdog {
    return new FakeWatchdog(this.clock, timings.watchdogTimeoutMs, this.#hasWatchdog ? "Hardware" : "None");
  }

  async #boot(): Promise<void> {
    const process = new Process();
    this.#guard = process;
    const clock = new ProcessClock(this.clock, process);
    const holdings = new Holdings(this.#file, "boot");
    await holdings.load();
    const hardCut = new HardCut(
      { commandEnvironment: { UNDERSTUDY_NODE: "n1" } },
      { processes: this.#processes, addresses: this.addresses, connections: this.addresses, clock },
    );
    this.#life += 1;
    const facts = { bootId: "boot", version: "0", watchdog: this.#watchdog.kind, interfaces: [] };
    const session = { node: "n1", namespace: "ns", lifeId: `life${this.#life}`, publicKey: "key", facts, timings };
    const peers = quietPeers;
    const workers = { start: (handlers: WorkerHandlers) => this.#startWorker(handlers, process) };
    const shared = { kube: apiOf(this.api, process), clock, log: silentLog, metrics: noMetrics };
    const guard = new Guard(
      { session, isWatchdogRequired: false },
      { ...shared, workers, holdings, hardCut, watchdog: this.#watchdog, peers },
    );
    void guard.run();
  }

  #startWorker(handlers: WorkerHandlers, guard: Process): Worker {
    const worker = new SimulatedWorker(this, this.#processes, {
      onMessage: (message) => guard.run(() => handlers.onMessage(message)),
      onLost: () => guard.run(() => handlers.onLost()),
    });
    this.#worker = worker;
    return worker;
  }

  // ---- the leader

  #lead(): void {
    this.clock.setTimer(timings.renewIntervalMs, () => {
      this.#lead();
      this.#look();
    });
  }

  #look(): void {
    const lease = this.api.stored<Lease>("n1");
    const nowMs = this.clock.monotonicMs();
    const version = lease?.metadata.resourceVersion;
    if (version !== this.#seen.version) this.#seen = { version, sinceMs: nowMs };
    const session = lease?.spec?.holderIdentity;
    const isEnded = lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended] !== undefined;
    // A new session of the node proves the old one down (A2); a revoked one may be succeeded.
    if (this.#owner.node === "n1" && (session !== this.#owner.session || isEnded)) this.#grantToOther();
    if (lease !== undefined && !isEnded && nowMs - this.#seen.sinceMs >= revokeWaitMs(timings)) {
      const annotations = { ...lease.metadata.annotations, [LEASE_ANNOTATIONS.ended]: "Expired" };
      this.api.put({ ...lease, metadata: { ...lease.metadata, annotations } });
      this.counts.revoked += 1;
      if (this.#owner.node === "n1") this.#grantToOther();
      return;
    }
    const isWanted = this.#owner.node === "nobody" || (this.#owner.node === "other" && this.chance(0.2));
    if (isWanted && session !== undefined && !isEnded) {
      this.#epoch += 1;
      this.#owner = { node: "n1", session };
    }
  }

  #grantToOther(): void {
    this.#epoch += 1;
    this.#owner = { node: "other" };
    this.#check();
  }
}

/** Brings the address up when it is allowed to; otherwise does as it likes. */
export class SimulatedWorker implements Worker {
  readonly process;
  readonly program = new Process();
  readonly #world: GuardedWorld;
  readonly #processes: FakeProcesses;
  readonly #handlers: WorkerHandlers;
  #session: string | undefined;
  #requestId = 0;
  #asked: { requestId: number; epoch: number; session: string } | undefined;
  #isUp = false;
  #takeDowns = 0;

  constructor(world: GuardedWorld, processes: FakeProcesses, handlers: WorkerHandlers) {
    this.#world = world;
    this.#processes = processes;
    this.#handlers = handlers;
    this.process = processes.start();
    this.#later(20, () => this.#say({ type: "ready" }));
    this.#work();
  }

  send(message: GuardToWorker): void {
    const copy = structuredClone(message);
    this.#later(this.#world.between(0, 20), () => this.#hear(copy));
  }

  kill(): void {
    this.#processes.killGroup(this.process.processGroup);
    this.program.isDead = true;
    this.#handlers.onLost();
  }

  die(): void {
    this.kill();
  }

  guardGone(): void {
    this.#later(5, () => {
      if (this.#world.chance(0.5)) this.#downNow();
      this.#processes.killGroup(this.process.processGroup);
      this.program.isDead = true;
    });
  }

  #work(): void {
    this.#later(this.#world.between(50, 400), () => {
      this.#work();
      const session = this.#session;
      const epoch = session === undefined ? undefined : this.#world.grantFor(session);
      if (session === undefined || epoch === undefined || this.#isUp || this.#asked !== undefined) return;
      this.#asked = { requestId: ++this.#requestId, epoch, session };
      this.#say({ type: "mayActivate", requestId: this.#requestId, grant: grantOf(epoch, session) });
    });
  }

  #hear(message: GuardToWorker): void {
    switch (message.type) {
      case "session":
        this.#session = message.session;
        return;
      case "denied":
        this.#asked = undefined;
        return;
      case "allowed":
        return this.#allowed(message.requestId);
      case "takeDown":
        this.#takeDowns += 1;
        this.#asked = undefined;
        // One in four never answers; one in eight lies.
        if (this.#world.chance(0.25)) return;
        if (this.#world.chance(0.125)) return this.#say({ type: "down", takeDownId: message.takeDownId });
        return this.#later(this.#world.between(0, 400), () => {
          this.#downNow();
          this.#say({ type: "down", takeDownId: message.takeDownId });
        });
      case "peers":
        return;
    }
  }

  #allowed(requestId: number): void {
    const asked = this.#asked;
    if (asked === undefined || asked.requestId > requestId) return;
    if (asked.requestId === requestId)
      return this.#say({ type: "holdingAdded", requestId: ++this.#requestId, holding: VIP });
    // The answer to the holding: up it goes, a little later, unless a take-down came in between.
    const { epoch, session } = asked;
    this.#asked = undefined;
    const takeDowns = this.#takeDowns;
    this.#later(this.#world.between(0, 50), () => {
      if (takeDowns !== this.#takeDowns) return;
      this.#world.bringUp(this);
      this.#isUp = true;
      this.#later(this.#world.between(500, 20_000), () => this.#giveUp(epoch, session, takeDowns));
    });
  }

  /** A planned move: down here, reported, and granted to another at once. */
  #giveUp(epoch: number, session: string, takeDowns: number): void {
    if (takeDowns !== this.#takeDowns || !this.#isUp) return;
    this.#downNow();
    this.#say({ type: "deactivated", grant: grantOf(epoch, session) });
    this.#later(10, () => this.#world.reportDown(epoch));
  }

  #downNow(): void {
    void this.#world.addresses.remove("eth0", "10.9.0.1");
    this.#isUp = false;
    this.#say({ type: "holdingRemoved", holding: VIP });
  }

  #say(message: WorkerToGuard): void {
    this.#handlers.onMessage(structuredClone(message));
  }

  #later(ms: number, what: () => void): void {
    this.#world.clock.setTimer(ms, () => this.program.run(what));
  }
}

function grantOf(epoch: number, session: string) {
  return { namespace: "default", group: "web", groupUid: "uid-web", epoch, session };
}
