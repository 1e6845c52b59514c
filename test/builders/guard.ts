/** A guard on a node of fakes, and a worker that does as the test says. What outlives a guard is kept in `Node`. */
import { LEASE_ANNOTATIONS, type Lease } from "../../src/api/session-lease.ts";
import { presetTimings, type Timings } from "../../src/api/timings.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import type { GrantRef, GuardToWorker, Holding, WorkerToGuard } from "../../src/nodeagent/guard-protocol.ts";
import { Guard, type GuardPeers } from "../../src/nodeagent/guard/guard.ts";
import { HardCut } from "../../src/nodeagent/guard/hard-cut.ts";
import { Holdings, type StateFile } from "../../src/nodeagent/guard/holdings.ts";
import type { Reboot } from "../../src/nodeagent/guard/reboot.ts";
import type { Worker, WorkerFactory, WorkerHandlers } from "../../src/nodeagent/guard/worker-port.ts";
import { newSigner, newVerifier, type Signer } from "../../src/nodeagent/heartbeat/signing.ts";
import { PromiseStore } from "../../src/nodeagent/guard/promise-store.ts";
import { PromisingPeers } from "../../src/nodeagent/guard/promising-peers.ts";
import { ALL_RULES } from "../../src/lib/safety-rules.ts";
import { FakeAddresses } from "../fakes/fake-addresses.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import type { FakeDatagrams } from "../fakes/fake-datagrams.ts";
import { FakeLeaseApi } from "../fakes/fake-lease-api.ts";
import { FakeProcesses } from "../fakes/fake-processes.ts";
import { FakeWatchdog } from "../fakes/fake-watchdog.ts";

export const VIP: Holding = { kind: "address", interface: "eth0", cidr: "10.9.0.1/32" };

/** Peers that are never heard of. */
export const quietPeers: GuardPeers = {
  setPeers: () => undefined,
  sessionHeld: () => undefined,
  isPromised: () => false,
  mustAsk: () => undefined,
  down: () => undefined,
  changeTimings: () => undefined,
  workerReady: () => undefined,
};

export class MemoryFile implements StateFile {
  text: string | undefined;
  /** While set, writes wait for it. */
  gate: Promise<void> | undefined;
  isBroken = false;

  async read(): Promise<string | undefined> {
    return this.text;
  }

  async write(text: string): Promise<void> {
    await this.gate;
    if (this.isBroken) throw new Error("no space left on device");
    this.text = text;
  }
}

/** The worker as the guard sees it; `say` is what it would send. */
export class ScriptedWorker implements Worker {
  readonly process;
  readonly heard: GuardToWorker[] = [];
  readonly #handlers: WorkerHandlers;
  readonly #kill: () => void;
  #requestId = 0;

  constructor(handlers: WorkerHandlers, processes: FakeProcesses) {
    this.#handlers = handlers;
    this.process = processes.start();
    this.#kill = () => processes.killGroup(this.process.processGroup);
  }

  send(message: GuardToWorker): void {
    this.heard.push(message);
  }

  kill(): void {
    this.#kill();
  }

  say(message: WorkerToGuard): void {
    this.#handlers.onMessage(message);
  }

  /** The process dies by itself. */
  die(): void {
    this.#kill();
    this.#handlers.onLost();
  }

  ask(grant: GrantRef): number {
    this.say({ type: "mayActivate", requestId: ++this.#requestId, grant });
    return this.#requestId;
  }

  hold(holding: Holding): number {
    this.say({ type: "holdingAdded", requestId: ++this.#requestId, holding });
    return this.#requestId;
  }

  answerTo(requestId: number): string | undefined {
    const found = this.heard.find(
      (message) => (message.type === "allowed" || message.type === "denied") && message.requestId === requestId,
    );
    return found?.type === "denied" ? found.reason : found?.type;
  }

  lastTakeDown(): Extract<GuardToWorker, { type: "takeDown" }> | undefined {
    return this.heard.findLast((message) => message.type === "takeDown");
  }
}

export interface NodeOptions {
  readonly timings?: Timings;
  readonly watchdog?: "Hardware" | "None";
  readonly name?: string;
  /** Shared with other nodes; with a network the guard has real peers. */
  readonly api?: FakeLeaseApi;
  readonly network?: FakeDatagrams;
}

export class GuardedNode implements WorkerFactory {
  readonly clock: FakeClock;
  readonly name: string;
  readonly api: FakeLeaseApi;
  readonly file = new MemoryFile();
  readonly promiseFile = new MemoryFile();
  readonly processes = new FakeProcesses();
  readonly addresses = new FakeAddresses();
  readonly watchdog: FakeWatchdog;
  readonly timings: Timings;
  readonly workers: ScriptedWorker[] = [];
  readonly promisedGroups = new Set<string>();
  readonly #network: FakeDatagrams | undefined;
  #life = 0;

  constructor(clock: FakeClock, options: NodeOptions = {}) {
    this.clock = clock;
    this.name = options.name ?? "n1";
    this.api = options.api ?? new FakeLeaseApi(clock);
    this.#network = options.network;
    this.timings = options.timings ?? presetTimings("default");
    this.watchdog = new FakeWatchdog(clock, this.timings.watchdogTimeoutMs, options.watchdog);
  }

  start(handlers: WorkerHandlers): Worker {
    const worker = new ScriptedWorker(handlers, this.processes);
    this.workers.push(worker);
    return worker;
  }

  get worker(): ScriptedWorker {
    const last = this.workers.at(-1);
    if (last === undefined) throw new Error("no worker was started");
    return last;
  }

  get lease(): Lease | undefined {
    return this.api.stored<Lease>(this.name);
  }

  get ended(): string | undefined {
    return this.lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended];
  }

  /** A new life of the guard; the node around it stays as it is. */
  async boot(
    options: { isWatchdogRequired?: boolean; reboot?: Reboot } = {},
  ): Promise<{ guard: Guard; stopped: Promise<void> }> {
    const { clock, api: kube } = this;
    const holdings = new Holdings(this.file, "boot-1");
    await holdings.load();
    const hardCut = new HardCut(
      { commandEnvironment: { UNDERSTUDY_NODE: this.name } },
      { processes: this.processes, addresses: this.addresses, connections: this.addresses, clock },
    );
    const signer = newSigner();
    const session = {
      node: this.name,
      namespace: "understudy-system",
      lifeId: `life${++this.#life}`,
      publicKey: signer.publicKey,
      facts: { bootId: "boot-1", version: "0", watchdog: this.watchdog.kind, interfaces: [] },
      timings: this.timings,
    };
    const peers = await this.#peers(session.lifeId, signer, () => guard);
    const guard: Guard = new Guard(
      { session, isWatchdogRequired: options.isWatchdogRequired ?? false },
      {
        kube,
        clock,
        log: silentLog,
        metrics: noMetrics,
        workers: this,
        holdings,
        hardCut,
        watchdog: this.watchdog,
        peers,
        reboot: options.reboot,
      },
    );
    const stopped = guard.run();
    await clock.advance(100);
    this.workers.at(-1)?.say({ type: "ready" });
    await clock.advance(10);
    return { guard, stopped };
  }

  async #peers(lifeId: string, signer: Signer, guard: () => Guard): Promise<GuardPeers> {
    const isPromised = (uid: string): boolean => this.promisedGroups.has(uid);
    if (this.#network === undefined) return { ...quietPeers, isPromised };
    const store = new PromiseStore(this.promiseFile, "boot-1");
    const { clock, api: kube, name: node, timings } = this;
    const shared = { kube, clock, log: silentLog, metrics: noMetrics, signer, verifier: newVerifier(), store };
    const peers = new PromisingPeers(
      {
        node,
        namespace: "ns",
        lifeId,
        timings,
        rules: ALL_RULES,
        loaded: await store.load(),
        uptimeMs: Number.MAX_VALUE,
      },
      { ...shared, datagrams: this.#network.port(`ip-${node}`) },
      guard,
    );
    await peers.start();
    return peers;
  }

  grant(epoch: number, session = this.lease?.spec?.holderIdentity ?? ""): GrantRef {
    return { namespace: "default", group: "web", groupUid: "uid-web", epoch, session };
  }

  /** The worker activates a group with the VIP as far as the guard lets it. */
  async activate(epoch: number): Promise<string | undefined> {
    const asked = this.worker.ask(this.grant(epoch));
    const answer = this.worker.answerTo(asked);
    if (answer !== "allowed") return answer;
    const holding = this.worker.hold(VIP);
    await this.clock.advance(1);
    if (this.worker.answerTo(holding) === "allowed") await this.addresses.add("eth0", "10.9.0.1");
    return this.worker.answerTo(holding);
  }

  /** The worker does as it is told by the last take-down. */
  async takeDownGently(): Promise<void> {
    const order = this.worker.lastTakeDown();
    if (order === undefined) throw new Error("no take-down was asked for");
    await this.addresses.remove("eth0", "10.9.0.1");
    this.worker.say({ type: "holdingRemoved", holding: VIP });
    this.worker.say({ type: "down", takeDownId: order.takeDownId });
    await this.clock.advance(1);
  }

  get isServing(): boolean {
    return this.addresses.holds("10.9.0.1");
  }
}
