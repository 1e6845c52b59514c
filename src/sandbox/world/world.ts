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
import type { ArmRole } from "../arm/provider.ts";
import type { Ec2Endpoint } from "../ec2/endpoint.ts";
import type { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import { kubeconfigFor } from "../launcher/kubeconfig.ts";
import type { OrchestratorConfig } from "../launcher/launch.ts";
import { VM_MARKER } from "../launcher/processes.ts";
import { guestAddress } from "../loopback/topology.ts";
import type { SandboxMode } from "../network/fabric.ts";
import { allRegions } from "../network/forwarding.ts";
import { vmOf } from "../network/topology.ts";
import type { Topology, VmPlace } from "../network/topology.ts";
import type { Policy } from "../policy.ts";
import type { ClientTarget } from "../scenarios/scenario.ts";
import { machineParts } from "../vm/machine-parts.ts";
import { VirtualMachine } from "../vm/virtual-machine.ts";
import type { MachineEvent } from "../vm/virtual-machine.ts";
import { installVm, vmFiles } from "../vm/vm-files.ts";
import type { VmFiles } from "../vm/vm-files.ts";
import { openWatchdogDevice } from "../vm/watchdog-device.ts";
import { ChildProcesses } from "./child-processes.ts";
import { azureMachines } from "./azure-emulator.ts";
import { Ec2Emulator } from "./ec2-emulator.ts";
import { awsMachines } from "./ec2-world.ts";
import type { Ec2World } from "./ec2-world.ts";
import type { Emulator, Ground } from "./emulator.ts";
import { buildKubeWorld } from "./kube-world.ts";
import { Measurements } from "./measurements.ts";
import { MetadataEmulator } from "./metadata-emulator.ts";
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
  /** One per region of AWS's world; empty in Azure's. */
  readonly regions: readonly VirtualEc2[];
  readonly ec2World: Ec2World;
  /** Pids in machines' namespaces that are no part of the machines. */
  readonly outsiders: Set<number>;
}

export class World implements Ground {
  readonly config: OrchestratorConfig;
  readonly timings: Timings;
  readonly measurements = new Measurements();
  readonly regions: readonly VirtualEc2[];
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
  readonly #ec2Emulator: Ec2Emulator | undefined;
  /** What the machines are told about themselves and about planned maintenance; namespaces only. */
  readonly metadata: MetadataEmulator;
  #emulators: readonly Emulator[] = [];
  /** Names of the links that are cut. */
  readonly #cutLinks = new Set<string>();
  readonly #ways = new Map<string, string | undefined>();

  constructor(config: OrchestratorConfig, parts: WorldParts, modules: WorldModules) {
    this.config = config;
    this.timings = presetTimings(config.options.profile);
    this.site = parts.site;
    this.regions = parts.regions;
    this.ec2World = parts.ec2World;
    this.#outsiders = parts.outsiders;
    this.#modules = modules;
    this.metadata = new MetadataEmulator(this);
    this.#ec2Emulator = this.topology.cloud === "aws" ? new Ec2Emulator(this) : undefined;
    this.children = new ChildProcesses(config.id, config.directory);
    const connection = { baseUrl: "http://sandbox", socketPath: config.apiSocket };
    const options = { connection, timeoutMs: API_TIMEOUT_MS, fieldManager: "sandbox" };
    this.api = new RestKubeApi(options, { clock: modules.clock });
  }

  // ---- what emulators stand on ----

  get topology(): Topology {
    return this.site.topology;
  }

  get mode(): SandboxMode {
    return this.site.fabric.mode;
  }

  get latencyMs(): number {
    return this.config.options.latencyMs;
  }

  get clock(): Clock {
    return this.#modules.clock;
  }

  get random(): Random {
    return this.#modules.random;
  }

  get directory(): string {
    return this.config.directory;
  }

  get dnsPort(): number {
    return this.site.dnsPort;
  }

  publish(address: string): Promise<void> {
    return this.site.fabric.publish(address);
  }

  async lead(address: string, vm: string | undefined): Promise<void> {
    if (this.mode === "loopback") throw new Error("packets cannot be led anywhere in loopback mode");
    this.#ways.set(address, vm);
    await this.forward();
  }

  reachAddress(vm: string): string {
    const place = vmOf(this.topology, vm);
    return this.mode === "loopback" ? guestAddress(place) : place.address;
  }

  isReachable(vm: string): boolean {
    const wire = this.machines.get(vm)?.wire;
    return wire !== undefined && !wire.inboundCut && !wire.outboundCut;
  }

  // ---- what scenarios use ----

  /** The first region's. */
  get ec2(): VirtualEc2 {
    const [first] = this.regions;
    if (first === undefined) throw new Error("there is no EC2 in this world");
    return first;
  }

  /** EC2's, once it has started; undefined in Azure's world. */
  get endpoint(): Ec2Endpoint | undefined {
    return this.#ec2Emulator?.endpoint;
  }

  /** Everything runs when it resolves, except what the user applies. */
  async start(emulators: readonly Emulator[] = []): Promise<void> {
    const clouds = this.#ec2Emulator === undefined ? [] : [this.#ec2Emulator];
    this.#emulators = [this.metadata, ...clouds, ...emulators];
    this.startApiServer();
    for (const region of this.regions) region.subscribe(() => void this.forward());
    await this.forward();
    for (const emulator of this.#emulators) await emulator.start();
    const { topology } = this;
    const machines = topology.cloud === "aws" ? awsMachines(topology, this.ec2World) : azureMachines(topology);
    await buildKubeWorld(machines, { api: this.api, clock: this.clock });
    this.#startControllers();
    for (const vm of topology.vms) await this.#addMachine(vm);
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

  startClient(target: ClientTarget): void {
    const numbers = [target.port, CLIENT_INTERVAL_MS, CLIENT_TIMEOUT_MS].map(String);
    const resolvers = this.topology.resolvers.map((address) => `${address}:${this.dnsPort}`).join(",");
    const whom = "host" in target ? [target.host, ...numbers] : [target.name, ...numbers, resolvers];
    const argv = this.site.fabric.enter("client", [process.execPath, CLIENT_PROGRAM, ...whom]);
    this.#startChild("client", argv, (line) => this.measurements.clientLine(line));
  }

  /** Makes packets go where EC2 and the wires say now. */
  forward(): Promise<void> {
    const wires = [...this.machines.values()].map((machine) => machine.wire);
    const cutLinks = this.topology.links.filter((link) => this.#cutLinks.has(link.name));
    const state = allRegions(this.regions.map((region) => region.state));
    return this.site.fabric.forward(state, wires, { cutLinks, ways: this.#ways });
  }

  /** What the API server is reached with from where the orchestrator runs. */
  get kubeconfig(): string {
    return join(this.config.directory, "controller.kubeconfig");
  }

  restrict(policy: Policy): void {
    for (const emulator of this.#emulators) emulator.restrict?.(policy);
  }

  restrictTo(role: ArmRole): void {
    for (const emulator of this.#emulators) emulator.restrictTo?.(role);
  }

  /** Calls that the policy did not allow. */
  refusedCalls(): string[] {
    return this.#emulators.flatMap((emulator) => emulator.refused?.() ?? []);
  }

  /** Cuts a link of the topology for every packet, in both directions. */
  async cutLink(name: string): Promise<void> {
    this.#assertLink(name);
    this.#cutLinks.add(name);
    await this.forward();
  }

  async mendLink(name: string): Promise<void> {
    this.#assertLink(name);
    this.#cutLinks.delete(name);
    await this.forward();
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

  #assertLink(name: string): void {
    if (!this.topology.links.some((link) => link.name === name)) throw new RangeError(`no link named ${name}`);
  }

  #startControllers(): void {
    const { topology } = this.site;
    const { kubeconfig } = this;
    writeFileSync(kubeconfig, kubeconfigFor(sites.apiServerUrl(topology), "understudy-controller"));
    const flags = this.#emulators.flatMap((emulator) => emulator.controllerFlags?.() ?? []);
    for (const index of [0, 1] as const) {
      const argv = [...sites.controllerArgv(index, kubeconfig, this.config.options.profile), ...flags];
      this.#runController(`controller-${index + 1}`, argv, CONTROLLER_RESTART_MS);
    }
  }

  /** As a Deployment would: a controller that ends is started again, later each time. */
  #runController(name: string, argv: readonly string[], restartMs: number): void {
    const environments = this.#emulators.map((emulator) => emulator.controllerEnvironment?.() ?? {});
    const environment: Record<string, string> = Object.assign({}, ...environments);
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
    const { port } = this.site.service;
    const { watchdogTimeoutMs } = this.timings;
    // A resolver file names addresses only, and port 53 is the machine's own in loopback mode.
    const nameServers = this.mode === "namespaces" ? this.topology.resolvers : [];
    const service = { node: vm.name, address, port, marker, nodePath: process.execPath, nameServers };
    installVm(files, service, watchdogTimeoutMs);
    this.#files.set(vm.name, files);
    const agent = sites.agentArgv(this.site, vm.name, files, this.config.options.profile);
    const parts = machineParts(
      { sandboxId: this.config.id, vm: vm.name, files, defaultWatchdogMs: watchdogTimeoutMs, agentArgv: agent },
      {
        fabric: this.site.fabric,
        wireChanged: () => this.forward(),
        newBootId: () => this.#modules.random.uuid(),
        nowMs: () => this.clock.wallMs(),
      },
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
    const { provingAddress, service } = this.site;
    const source = provingAddress === undefined ? "always" : this.site.presenceSource(vm.name, files);
    const where = [provingAddress ?? "", this.site.observedAddress(vm.name), String(service.port)];
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
}

/** What the API server stores, and finds again when it starts. */
export function journalFile(config: OrchestratorConfig): string {
  return join(config.directory, "apiserver.json");
}

/** Everything that belongs to one machine lies here. */
export function vmDirectory(config: OrchestratorConfig, vm: string): string {
  return join(config.directory, "vms", vm);
}
