/**
 * A simulated VM of the cluster: its kernel, and the product's guard and worker on it, wired as their processes wire
 * themselves. The guard is started again whenever it ends, as a DaemonSet would, and after every boot.
 */
import { AWS_VIRTUAL_IP, FAILOVER_GROUP, LB_PROBE_PORT, MIRROR_DISK } from "../../src/api/kinds.ts";
import type { Timings } from "../../src/api/timings.ts";
import type { AwsVirtualIP, FailoverGroup, LbProbePort, MirrorDisk } from "../../src/api/generated/types.ts";
import { Informer } from "../../src/kube/informer.ts";
import type { Random } from "../../src/lib/random.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { silentAnnouncer } from "../../src/nodeagent/address/port.ts";
import type { GuardToWorker, WorkerToGuard } from "../../src/nodeagent/guard-protocol.ts";
import { Guard } from "../../src/nodeagent/guard/guard.ts";
import { HardCut } from "../../src/nodeagent/guard/hard-cut.ts";
import { Holdings } from "../../src/nodeagent/guard/holdings.ts";
import { type SessionSettings, SettingsFollower } from "../../src/nodeagent/guard/session-settings.ts";
import { judgeWatchdog } from "../../src/nodeagent/guard/watchdog.ts";
import { PromiseStore } from "../../src/nodeagent/guard/promise-store.ts";
import { PromisingPeers } from "../../src/nodeagent/guard/promising-peers.ts";
import type { SafetyRules } from "../../src/lib/safety-rules.ts";
import type { Worker as WorkerHandle, WorkerHandlers } from "../../src/nodeagent/guard/worker-port.ts";
import { GuardLink } from "../../src/nodeagent/worker/guard-link.ts";
import { Worker } from "../../src/nodeagent/worker/worker.ts";
import type { SimMachine } from "./engine/machine.ts";
import { SimProcess } from "./engine/process.ts";
import { type AppBehaviour, SimCommands } from "./host/commands.ts";
import { type DiskWorld, SimCopies } from "./host/copies.ts";
import type { SimKernel } from "./host/kernel.ts";
import { SimTargets } from "./host/targets.ts";
import { type HostAccess, SimAddresses, SimListeners, SimProcesses, SimStateFile } from "./host/ports.ts";
import { WatchdogHandle } from "./host/watchdog-device.ts";
import type { DatagramNetwork } from "./network/datagrams.ts";
import type { SimKube } from "./network/sim-kube.ts";
import { between, chance } from "./seeds.ts";
import { plainSigner, plainVerifier } from "./signing.ts";
import type { Trace } from "./trace.ts";

export interface VmOptions {
  readonly node: string;
  readonly namespace: string;
  readonly app: AppBehaviour;
  readonly rules: SafetyRules;
  /** Groups have disks, whose in-sync sets the worker keeps. */
  readonly hasDisks: boolean;
}

export interface VmModules {
  /** Isolation targets answer this machine. */
  readonly reachesTargets: () => boolean;
  readonly disks: DiskWorld;
  readonly machine: SimMachine;
  readonly kernel: SimKernel;
  readonly datagrams: DatagramNetwork;
  readonly random: Random;
  readonly trace: Trace;
  readonly kubeFor: (process: SimProcess, fieldManager: string, timeoutMs: number) => SimKube;
  readonly onCrash: (process: SimProcess, thrown: unknown) => void;
  /** The right of this life of the guard may have been prolonged, or a new life begun. */
  readonly onGuardStarted: (vm: SimVm) => void;
}

interface Life {
  readonly process: SimProcess;
  guard?: Guard;
  worker?: SimProcess;
}

/** Between the parent and its child, milliseconds. */
const IPC_MS = 0.2;

export class SimVm {
  readonly node: string;
  readonly machine: SimMachine;
  readonly kernel: SimKernel;
  readonly app: AppBehaviour;
  timings: Timings;
  life: Life | undefined;
  /** Nobody starts a guard here. */
  isAgentRemoved = false;
  /** The cloud has stopped it: it boots only when the cloud starts it. */
  isStoppedByCloud = false;
  /** True time at which it was last without power. */
  lastOffMs = Number.NEGATIVE_INFINITY;
  /** It was paused together with its watchdog: no rule of timing covers what it still has when it goes on (DESIGN 4.11). */
  isBeyondWatchdog = false;
  /** True time at which its application could be killed again. */
  lastStuckMs = Number.NEGATIVE_INFINITY;
  readonly #options: VmOptions;
  readonly #modules: VmModules;
  #lives = 0;
  #workers = 0;
  #restarts = 0;

  constructor(options: VmOptions, timings: Timings, modules: VmModules) {
    this.node = options.node;
    this.#options = options;
    this.timings = timings;
    this.#modules = modules;
    this.machine = modules.machine;
    this.kernel = modules.kernel;
    this.app = options.app;
    const { watchdog } = modules.kernel;
    if (watchdog !== undefined) watchdog.onFire = () => this.crash("watchdog");
  }

  get guardProcess(): SimProcess | undefined {
    return this.life?.process;
  }

  get workerProcess(): SimProcess | undefined {
    return this.life?.worker;
  }

  /** Power is lost, or the watchdog resets the machine; it boots again after `downMs`. */
  crash(why: string, downMs = between(this.#modules.random, 1_500, 6_000)): void {
    if (!this.machine.isOn) return;
    this.#modules.trace.note(this.node, `--- machine off: ${why}`);
    this.machine.off();
    this.lastOffMs = this.machine.scheduler.nowMs;
    this.life = undefined;
    this.kernel.reset();
    if (downMs === Number.POSITIVE_INFINITY) return;
    this.machine.scheduler.after(downMs, () => this.powerOn());
  }

  powerOn(): void {
    if (this.machine.isOn || this.isStoppedByCloud) return;
    this.#modules.trace.note(this.node, "--- machine boots");
    this.machine.on();
    this.startGuardAfter(between(this.#modules.random, 200, 1_500));
  }

  startGuardAfter(delayMs: number): void {
    const { boot } = this.machine;
    this.machine.scheduler.after(delayMs, () => {
      if (this.machine.boot !== boot || !this.machine.isOn || this.life !== undefined || this.isAgentRemoved) return;
      this.machine.kernel(() => this.#startGuard());
    });
  }

  killGuard(why: string): void {
    const { life } = this;
    if (life === undefined) return;
    this.#modules.trace.note(life.process.name, `--- killed: ${why}`);
    // With its container, or alone.
    const isContainerGone = chance(this.#modules.random, 0.5);
    life.process.kill();
    if (isContainerGone) this.#endWorker(life);
  }

  killWorker(why: string): void {
    if (this.life?.worker === undefined) return;
    this.#modules.trace.note(this.life.worker.name, `--- killed: ${why}`);
    this.#endWorker(this.life);
  }

  /** A planned stop of the agent, which comes back. */
  stopGuard(): void {
    const { life } = this;
    life?.process.deliver(() => life.guard?.stop());
  }

  /** What the mounted ConfigMap says: the running guard finds it when it next looks, later lives begin with it. */
  settings: SessionSettings = {};

  #endWorker(life: Life): void {
    for (const found of this.kernel.processes.values()) if (found.program === life.worker) this.kernel.end(found);
    life.worker?.kill();
  }

  // ---- the guard

  #startGuard(): void {
    const { trace, onCrash, random } = this.#modules;
    if (this.life !== undefined) return;
    const process = new SimProcess(`${this.node}/guard${++this.#lives}`, this.machine, onCrash);
    const life: Life = { process };
    this.life = life;
    process.onDeath.push(() => {
      if (this.life === life) this.life = undefined;
      if (!this.machine.isOn) return;
      this.#restarts += 1;
      this.startGuardAfter(between(random, 50, Math.min(4_000, 500 * this.#restarts)));
    });
    trace.note(process.name, "--- starts");
    process.deliver(() => void this.#runGuard(life));
  }

  async #runGuard(life: Life): Promise<void> {
    const { process } = life;
    const { namespace, node, rules } = this.#options;
    const { random, trace, kubeFor, datagrams, kernel } = this.#modules;
    const access: HostAccess = { process, kernel, random };
    const bootId = `boot-${this.machine.boot}`;
    const holdings = new Holdings(new SimStateFile(access, "holdings.json"), bootId);
    await holdings.load();
    const { timings } = this;
    const duration = `${timings.sessionDurationMs}ms`;
    const settings = new SettingsFollower({ preset: "fast", "session-duration": duration }, timings, {
      clock: process,
      log: trace.log(process.name),
      read: () => Promise.resolve(this.settings),
      watchdogProblem: (wanted) => watchdogProblem(kernel, wanted),
      onTimings: (changed) => {
        this.timings = changed;
        guard.changeTimings(changed);
      },
    });
    const shared = { clock: process, log: trace.log(process.name), metrics: noMetrics };
    const kube = kubeFor(process, "understudy-guard", timings.requestTimeoutMs);
    const addresses = new SimAddresses(access);
    const signer = plainSigner(process.name);
    const watchdog = new WatchdogHandle(kernel.watchdog, process);
    const interfaces = (await addresses.interfaces()).map(({ name, mac }) => ({
      name,
      mac,
      addresses: [kernel.nodeAddress],
    }));
    const lifeId = random.uuid();
    const store = new PromiseStore(new SimStateFile(access, "promises.json"), bootId);
    const loaded = await store.load();
    const peers: PromisingPeers = new PromisingPeers(
      { node, namespace, lifeId, timings, rules, loaded, uptimeMs: this.machine.uptimeMs },
      {
        ...shared,
        kube,
        signer,
        verifier: plainVerifier,
        store,
        datagrams: datagrams.bind(process, kernel.nodeAddress),
      },
      () => guard,
    );
    await peers.start();
    const facts = { bootId, version: "0.1.0", watchdog: watchdog.kind, interfaces };
    const isWaiting = peers.bootWaitMs > 0;
    const guard: Guard = new Guard(
      {
        session: {
          node,
          namespace,
          lifeId,
          publicKey: signer.publicKey,
          facts: isWaiting ? { ...facts, isWaitingAfterBoot: true } : facts,
          timings,
          rules,
        },
        isWatchdogRequired: false,
      },
      {
        ...shared,
        kube,
        holdings,
        watchdog,
        peers,
        hardCut: new HardCut(
          { commandEnvironment: { UNDERSTUDY_NODE: node } },
          { processes: new SimProcesses(access), addresses, connections: addresses, clock: process },
        ),
        workers: { start: (handlers) => this.#startWorker(life, handlers) },
      },
    );
    if (isWaiting) process.setTimer(peers.bootWaitMs, () => guard.changeFacts(facts));
    life.guard = guard;
    settings.start();
    this.#modules.onGuardStarted(this);
    await guard.run();
    trace.note(process.name, "--- ended in order");
    this.#endWorker(life);
    process.kill();
  }

  // ---- the worker

  #startWorker(life: Life, handlers: WorkerHandlers): WorkerHandle {
    const { process: guardProcess } = life;
    const { trace, onCrash, random, kernel } = this.#modules;
    const process = new SimProcess(`${this.node}/worker${++this.#workers}`, this.machine, onCrash);
    const entry = kernel.spawn({ environment: {}, isDaemon: false, program: process });
    life.worker = process;
    trace.note(process.name, "--- starts");
    const toGuard = pipe(process, guardProcess);
    const toWorker = pipe(guardProcess, process);
    let link: GuardLink | undefined;
    let hangUp: (() => void) | undefined;
    const early: GuardToWorker[] = [];
    process.onDeath.push(() => {
      if (life.worker === process) delete life.worker;
      kernel.machine.kernelAfter(IPC_MS, () => guardProcess.deliver(() => handlers.onLost()));
    });
    guardProcess.onDeath.push(() => kernel.machine.kernelAfter(IPC_MS, () => process.deliver(() => hangUp?.())));
    kernel.machine.kernelAfter(between(random, 10, 60), () =>
      process.deliver(() => {
        const wired = this.#wireWorker(process, (message) => toGuard(() => handlers.onMessage(message)));
        link = wired.link;
        for (const message of early) link.receive(message);
        hangUp = () => void wired.worker.abandon(this.timings.stopBudgetMs).then(() => kernel.end(entry));
        if (guardProcess.isDead) hangUp();
      }),
    );
    const { pid, processGroup, startTicks } = entry;
    return {
      process: { pid, processGroup, startTicks },
      send: (message: GuardToWorker) =>
        toWorker(() => (link === undefined ? early.push(message) : link.receive(message))),
      kill: () => guardProcess.emit(() => kernel.machine.kernelAfter(0.1, () => kernel.end(entry))),
    };
  }

  #wireWorker(process: SimProcess, send: (message: WorkerToGuard) => void): { worker: Worker; link: GuardLink } {
    const { node } = this.#options;
    const { random, trace, kubeFor, kernel } = this.#modules;
    const access: HostAccess = { process, kernel, random };
    const log = trace.log(process.name);
    const api = kubeFor(process, "understudy-agent", this.timings.requestTimeoutMs * 4);
    const link: GuardLink = new GuardLink({ send }, { clock: process }, (message) => worker.told(message));
    const modules = { api, clock: process, random, log, metrics: noMetrics };
    const informers = {
      groups: new Informer<FailoverGroup>({ type: FAILOVER_GROUP }, modules),
      virtualIps: new Informer<AwsVirtualIP>({ type: AWS_VIRTUAL_IP }, modules),
      probePorts: new Informer<LbProbePort>({ type: LB_PROBE_PORT }, modules),
    };
    const addresses = new SimAddresses(access);
    const disks = this.#options.hasDisks ? new Informer<MirrorDisk>({ type: MIRROR_DISK }, modules) : undefined;
    const copies = new SimCopies(node, { world: this.#modules.disks, process, random });
    const worker: Worker = new Worker(node, {
      api,
      clock: process,
      log,
      metrics: noMetrics,
      guard: link,
      rules: this.#options.rules,
      ...informers,
      mirror: disks === undefined ? undefined : { disks, copies },
      addresses,
      announcer: silentAnnouncer,
      connections: addresses,
      listeners: new SimListeners(access),
      commands: new SimCommands(access, this.#options.app),
      processes: new SimProcesses(access),
      isolationProbe: new SimTargets(process, this.#modules.reachesTargets),
    });
    worker.start();
    const all = [...Object.values(informers), ...(disks === undefined ? [] : [disks])];
    for (const informer of all) informer.start();
    void Promise.all(all.map((informer) => informer.synced)).then(() => worker.synced());
    return { worker, link };
  }
}

/** As the agent judges a device before it lets its session's timings change. */
function watchdogProblem({ watchdog }: SimKernel, timings: Timings): string | undefined {
  if (watchdog === undefined) return undefined;
  return judgeWatchdog("Auto", { isPresent: true, timeoutMs: watchdog.timeoutMs }, timings).problem;
}

/** Messages from one process to another on the same machine: in order, none lost while both live. */
function pipe(from: SimProcess, to: SimProcess): (arrive: () => void) => void {
  return (arrive) => from.emit(() => from.machine.kernelAfter(IPC_MS, () => to.deliver(arrive)));
}
