/** One replica of the controller on a machine of its own, wired by the product's own composition; started again when it ends. */
import type { Preset, Timings } from "../../src/api/timings.ts";
import { Ec2Knowledge } from "../../src/cloud/aws/ec2-knowledge.ts";
import { type Composition, composeController } from "../../src/controller/composition.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import type { Random } from "../../src/lib/random.ts";
import type { FencingLimit } from "../../src/reconcilers/failover-group/fencing-record.ts";
import type { SafetyRules } from "../../src/lib/safety-rules.ts";
import type { SimMachine } from "./engine/machine.ts";
import { SimProcess } from "./engine/process.ts";
import type { SimCloud } from "./network/cloud.ts";
import type { SimKube } from "./network/sim-kube.ts";
import { between } from "./seeds.ts";
import type { Trace } from "./trace.ts";

export interface ControllerOptions {
  readonly name: string;
  readonly namespace: string;
  readonly preset: Preset;
  readonly rules: SafetyRules;
  readonly fencing: FencingLimit;
}

export interface ControllerModules {
  readonly machine: SimMachine;
  readonly cloud: SimCloud;
  readonly random: Random;
  readonly trace: Trace;
  readonly kubeFor: (process: SimProcess, fieldManager: string, timeoutMs: number) => SimKube;
  readonly onCrash: (process: SimProcess, thrown: unknown) => void;
}

const REQUEST_TIMEOUT_MS = 5_000;

export class SimController {
  readonly name: string;
  readonly machine: SimMachine;
  timings: Timings;
  process: SimProcess | undefined;
  composition: Composition | undefined;
  isRemoved = false;
  readonly #options: ControllerOptions;
  readonly #modules: ControllerModules;
  #lives = 0;

  constructor(options: ControllerOptions, timings: Timings, modules: ControllerModules) {
    this.name = options.name;
    this.#options = options;
    this.timings = timings;
    this.#modules = modules;
    this.machine = modules.machine;
  }

  /** As the process itself sees it; never asked while it runs a step. */
  get isLeader(): boolean {
    return this.process?.isDead === false && this.composition?.manager.isLeader() === true;
  }

  startAfter(delayMs: number): void {
    this.machine.scheduler.after(delayMs, () => this.#start());
  }

  kill(why: string): void {
    if (this.process === undefined) return;
    this.#modules.trace.note(this.process.name, `--- killed: ${why}`);
    this.process.kill();
  }

  /** As on SIGTERM. */
  stop(): void {
    const { process, composition } = this;
    if (process === undefined || composition === undefined) return;
    process.deliver(() => {
      composition.poller.stop();
      void composition.manager
        .stop()
        .then(() => composition.events.stop(1_000))
        .then(() => process.kill());
    });
  }

  #start(): void {
    const { trace, onCrash, random, machine } = this.#modules;
    if (this.process !== undefined || this.isRemoved) return;
    const process = new SimProcess(`${this.name}/${++this.#lives}`, machine, onCrash);
    this.process = process;
    process.onDeath.push(() => {
      if (this.process === process) this.process = undefined;
      this.composition = undefined;
      this.startAfter(between(random, 200, 4_000));
    });
    trace.note(process.name, "--- starts");
    process.deliver(() => this.#run(process));
  }

  #run(process: SimProcess): void {
    const { trace, cloud, random, kubeFor } = this.#modules;
    const { namespace, preset, name, rules, fencing } = this.#options;
    const log = trace.log(process.name);
    const knowledge = new Ec2Knowledge(cloud.portFor(process), process);
    const fencer = cloud.fencerFor(process);
    this.composition = composeController(
      {
        namespace,
        identity: name,
        preset,
        timings: this.timings,
        ambientNamespaces: ["*"],
        isRecoveryPaused: false,
        rules,
        fencing,
        hasSimulatedMirror: true,
      },
      {
        kube: kubeFor(process, "understudy-controller", REQUEST_TIMEOUT_MS),
        ec2: { knowledgeOf: () => Promise.resolve(knowledge) },
        fencers: { fencerFor: () => Promise.resolve(fencer) },
        clock: process,
        random,
        log,
        metrics: noMetrics,
        onLost: () => process.kill(),
      },
    );
    void this.composition.manager.start();
  }
}
