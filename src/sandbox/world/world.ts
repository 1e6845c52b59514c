/**
 * The running virtual cloud: API server, EC2 endpoint, router, machines, controllers, client and observers. It starts
 * them in the order in which they need each other and offers a scenario what a person could do: pull a plug, cut a
 * wire, call the cloud API, talk to Kubernetes.
 */
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { presetTimings } from "../../api/timings.ts";
import type { Timings } from "../../api/timings.ts";
import { RestKubeApi } from "../../kube/rest-client.ts";
import type { KubeApi } from "../../kube/ports.ts";
import { startEc2Endpoint } from "../ec2/endpoint.ts";
import type { Ec2Endpoint } from "../ec2/endpoint.ts";
import { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import { kubeconfigFor } from "../launcher/kubeconfig.ts";
import type { OrchestratorConfig } from "../launcher/launch.ts";
import { VM_MARKER } from "../launcher/processes.ts";
import { EC2_PORT, SERVICE_PORT } from "../network/topology.ts";
import type { VmPlace } from "../network/topology.ts";
import { machineParts } from "../vm/machine-parts.ts";
import { VirtualMachine } from "../vm/virtual-machine.ts";
import type { MachineEvent } from "../vm/virtual-machine.ts";
import { installVm, vmFiles } from "../vm/vm-files.ts";
import type { VmFiles } from "../vm/vm-files.ts";
import { openWatchdogDevice } from "../vm/watchdog-device.ts";
import { ChildProcesses } from "./child-processes.ts";
import type { Ec2World } from "./ec2-world.ts";
import { buildKubeWorld } from "./kube-world.ts";
import { Measurements } from "./measurements.ts";
import * as sites from "./site.ts";
import type { Site } from "./site.ts";

/** From the power coming back to the start of the agent, in ms; short, since nobody learns anything from waiting. */
const BOOT_MS = 1_000;
const AGENT_RESTART_MS = 500;
const CONTROLLER_RESTART_MS = 500;
const MAX_RESTART_MS = 8_000;
/** A controller that ran for so long ends for a new reason: it is started again soon. */
const STEADY_MS = 10_000;
const CLIENT_INTERVAL_MS = 20;
const CLIENT_TIMEOUT_MS = 100;
const API_TIMEOUT_MS = 2_000;
const CLIENT_PROGRAM = fileURLToPath(new URL("../client/main.ts", import.meta.url));
const OBSERVER_PROGRAM = fileURLToPath(new URL("../observer/main.ts", import.meta.url));

export interface WorldModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly machineEvent: (vm: string, event: MachineEvent) => void;
  /** A process that must not end has ended. */
  readonly processEnded: (name: string, how: string) => void;
}

export interface WorldParts {
  readonly site: Site;
  readonly ec2: VirtualEc2;
  readonly ec2World: Ec2World;
  /** Pids in machines' namespaces that are no part of the machines. */
  readonly outsiders: Set<number>;
}

export class World {
  readonly config: OrchestratorConfig;
  readonly timings: Timings;
  readonly measurements = new Measurements();
  readonly ec2: VirtualEc2;
  readonly ec2World: Ec2World;
  readonly site: Site;
  readonly children: ChildProcesses;
  readonly api: KubeApi;
  readonly machines = new Map<string, VirtualMachine>();
  readonly #files = new Map<string, VmFiles>();
  readonly #outsiders: Set<number>;
  /** Pids of the processes that are no part of a machine, by name, while they run. */
  readonly #running = new Map<string, number>();
  readonly #modules: WorldModules;
  endpoint: Ec2Endpoint | undefined;

  constructor(config: OrchestratorConfig, parts: WorldParts, modules: WorldModules) {
    this.config = config;
    this.timings = presetTimings(config.options.profile);
    this.site = parts.site;
    this.ec2 = parts.ec2;
    this.ec2World = parts.ec2World;
    this.#outsiders = parts.outsiders;
    this.#modules = modules;
    this.children = new ChildProcesses(config.id, config.directory);
    const connection = { baseUrl: "http://sandbox", socketPath: config.apiSocket };
    const options = { connection, timeoutMs: API_TIMEOUT_MS, fieldManager: "sandbox" };
    this.api = new RestKubeApi(options, { clock: modules.clock });
  }

  /** Everything runs when it resolves, except what the user applies. */
  async start(): Promise<void> {
    const { config, site } = this;
    const { topology } = site;
    this.startApiServer();
    this.endpoint = await startEc2Endpoint(
      {
        host: topology.control.address,
        port: EC2_PORT,
        accessKeys: [sites.AWS_KEY],
        latencyMs: config.options.latencyMs,
      },
      { regions: [this.ec2], clock: this.#modules.clock, random: this.#modules.random },
    );
    this.ec2.subscribe(() => void this.forward());
    await this.forward();
    await buildKubeWorld(topology, this.ec2World, { api: this.api, clock: this.#modules.clock });
    this.#startControllers();
    for (const vm of topology.vms) await this.#addMachine(vm);
    this.ec2.setHypervisor({
      start: (instanceId) => this.#machineOf(instanceId).boot(),
      stop: (instanceId) => this.#machineOf(instanceId).powerOff(),
    });
    await Promise.all([...this.machines.values()].map((machine) => machine.boot()));
    for (const vm of topology.vms) this.#observe(vm);
  }

  /** With everything that it stored before. */
  startApiServer(): void {
    const { config, site } = this;
    this.#startChild("apiserver", sites.apiServerArgv(site.topology, config.apiSocket, journalFile(config)));
  }

  /** Pid of `apiserver`, `controller-1` or `controller-2`; undefined while it does not run. */
  processOf(name: string): number | undefined {
    return this.#running.get(name);
  }

  startClient(): void {
    const { host, port } = this.site.clientTarget;
    const numbers = [port, CLIENT_INTERVAL_MS, CLIENT_TIMEOUT_MS].map(String);
    const argv = this.site.fabric.enter("client", [process.execPath, CLIENT_PROGRAM, host, ...numbers]);
    this.#startChild("client", argv, (line) => this.measurements.clientLine(line));
  }

  /** Makes packets go where EC2 and the wires say now. */
  forward(): Promise<void> {
    const wires = [...this.machines.values()].map((machine) => machine.wire);
    return this.site.fabric.forward(this.ec2.state, wires);
  }

  machine(vm: string): VirtualMachine {
    const machine = this.machines.get(vm);
    if (machine === undefined) throw new RangeError(`no machine named ${vm}`);
    return machine;
  }

  /** The logs of everything, for a person who wants to know why. */
  logFiles(): string[] {
    const names = ["controller-1", "controller-2", "apiserver"];
    return [
      ...names.map((name) => this.children.logFile(name)),
      ...[...this.#files.values()].map((files) => files.agentLog),
    ];
  }

  #startControllers(): void {
    const { topology } = this.site;
    const kubeconfig = join(this.config.directory, "controller.kubeconfig");
    writeFileSync(kubeconfig, kubeconfigFor(sites.apiServerUrl(topology), "understudy-controller"));
    for (const index of [0, 1] as const) {
      const argv = sites.controllerArgv(topology, index, kubeconfig, this.config.options.profile);
      this.#runController(`controller-${index + 1}`, argv, CONTROLLER_RESTART_MS);
    }
  }

  /** As a Deployment would: a controller that ends is started again, later each time. */
  #runController(name: string, argv: readonly string[], restartMs: number): void {
    const environment = sites.controllerEnvironment(this.site.topology);
    const { clock, processEnded } = this.#modules;
    const startMs = clock.monotonicMs();
    const exited = (how: string): void => {
      this.#running.delete(name);
      processEnded(name, how);
      const pauseMs = clock.monotonicMs() - startMs > STEADY_MS ? CONTROLLER_RESTART_MS : restartMs;
      const nextMs = Math.min(pauseMs * 2, MAX_RESTART_MS);
      clock.setTimer(pauseMs, () => this.#runController(name, argv, nextMs));
    };
    this.#runs(name, this.children.start({ name, argv, environment, exited }));
  }

  async #addMachine(vm: VmPlace): Promise<void> {
    const files = vmFiles(vmDirectory(this.config, vm.name));
    const marker = `${VM_MARKER}=${this.config.id}/${vm.name}`;
    const address = this.site.serviceAddress(vm.name);
    const { watchdogTimeoutMs } = this.timings;
    installVm(
      files,
      { node: vm.name, address, port: SERVICE_PORT, marker, nodePath: process.execPath },
      watchdogTimeoutMs,
    );
    this.#files.set(vm.name, files);
    const agent = sites.agentArgv(this.site, vm.name, files, this.config.options.profile);
    const parts = machineParts(
      { sandboxId: this.config.id, vm: vm.name, files, defaultWatchdogMs: watchdogTimeoutMs, agentArgv: agent },
      { fabric: this.site.fabric, wireChanged: () => this.forward(), newBootId: () => this.#modules.random.uuid() },
    );
    const { clock, log, machineEvent } = this.#modules;
    const machine = new VirtualMachine(
      { place: vm, bootMs: BOOT_MS, agentRestartMs: AGENT_RESTART_MS },
      { clock, log, parts, heard: (event) => machineEvent(vm.name, event) },
    );
    this.machines.set(vm.name, machine);
    await openWatchdogDevice(files.watchdog, machine.watchdog);
  }

  #observe(vm: VmPlace): void {
    const files = this.#files.get(vm.name);
    if (files === undefined) return;
    const { virtualIp } = this.site.topology;
    const source = this.site.presenceSource(vm.name, files);
    const where = [virtualIp, this.site.serviceAddress(vm.name), String(SERVICE_PORT)];
    const program = [process.execPath, OBSERVER_PROGRAM, vm.name, source, ...where];
    const argv = this.site.fabric.enter(vm.name, program);
    const name = `observer-${vm.name}`;
    const pid = this.#startChild(name, argv, (line) => this.measurements.observerLine(vm.name, line));
    if (pid !== undefined) this.#outsiders.add(pid);
  }

  #startChild(name: string, argv: readonly string[], line?: (line: string) => void): number | undefined {
    const child = this.children.start({
      name,
      argv,
      exited: (how) => {
        this.#running.delete(name);
        this.#modules.processEnded(name, how);
      },
      // Whoever talks to us measures.
      ...(line === undefined ? {} : { line, measures: true }),
    });
    this.#runs(name, child);
    return child.pid;
  }

  #runs(name: string, { pid }: ChildProcess): void {
    if (pid !== undefined) this.#running.set(name, pid);
  }

  #machineOf(instanceId: string): VirtualMachine {
    return this.machine(this.ec2World.vmOf(instanceId) ?? instanceId);
  }
}

/** What the API server stores, and finds again when it starts. */
export function journalFile(config: OrchestratorConfig): string {
  return join(config.directory, "apiserver.json");
}

/** Everything that belongs to one machine lies here. */
export function vmDirectory(config: OrchestratorConfig, vm: string): string {
  return join(config.directory, "vms", vm);
}
