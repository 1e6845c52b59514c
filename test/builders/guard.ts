/** A guard on a node of fakes, and a worker that does as the test says. What outlives a guard is kept in `Node`. */
import { LEASE_ANNOTATIONS, type Lease } from "../../src/api/session-lease.ts";
import { presetTimings, type Timings } from "../../src/api/timings.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import type { GrantRef, GuardToWorker, Holding, WorkerToGuard } from "../../src/nodeagent/guard-protocol.ts";
import { Guard } from "../../src/nodeagent/guard/guard.ts";
import { HardCut } from "../../src/nodeagent/guard/hard-cut.ts";
import { Holdings, type StateFile } from "../../src/nodeagent/guard/holdings.ts";
import type { Worker, WorkerFactory, WorkerHandlers } from "../../src/nodeagent/guard/worker-port.ts";
import { FakeAddresses } from "../fakes/fake-addresses.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import { FakeLeaseApi } from "../fakes/fake-lease-api.ts";
import { FakeProcesses } from "../fakes/fake-processes.ts";
import { FakeWatchdog } from "../fakes/fake-watchdog.ts";

export const VIP: Holding = { kind: "address", interface: "eth0", cidr: "10.9.0.1/32" };

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

export class GuardedNode implements WorkerFactory {
  readonly clock: FakeClock;
  readonly api: FakeLeaseApi;
  readonly file = new MemoryFile();
  readonly processes = new FakeProcesses();
  readonly addresses = new FakeAddresses();
  readonly watchdog: FakeWatchdog;
  readonly timings: Timings;
  readonly workers: ScriptedWorker[] = [];
  readonly promisedGroups = new Set<string>();
  #life = 0;

  constructor(clock: FakeClock, options: { timings?: Timings; watchdog?: "Hardware" | "None" } = {}) {
    this.clock = clock;
    this.api = new FakeLeaseApi(clock);
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
    return this.api.stored<Lease>("n1");
  }

  get ended(): string | undefined {
    return this.lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended];
  }

  /** A new life of the guard; the node around it stays as it is. */
  async boot(options: { isWatchdogRequired?: boolean } = {}): Promise<{ guard: Guard; stopped: Promise<void> }> {
    const { clock, api: kube } = this;
    const holdings = new Holdings(this.file, "boot-1");
    await holdings.load();
    const hardCut = new HardCut(
      { commandEnvironment: { UNDERSTUDY_NODE: "n1" } },
      { processes: this.processes, addresses: this.addresses, connections: this.addresses, clock },
    );
    const session = {
      node: "n1",
      namespace: "understudy-system",
      lifeId: `life${++this.#life}`,
      publicKey: "key",
      facts: { bootId: "boot-1", version: "0", watchdog: this.watchdog.kind, interfaces: [] },
      timings: this.timings,
    };
    const peers = {
      setPeers: () => undefined,
      sessionHeld: () => undefined,
      isPromised: (uid: string) => this.promisedGroups.has(uid),
    };
    const guard = new Guard(
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
      },
    );
    const stopped = guard.run();
    await clock.advance(100);
    this.workers.at(-1)?.say({ type: "ready" });
    await clock.advance(10);
    return { guard, stopped };
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
