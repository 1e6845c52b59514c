/**
 * Where things are in each mode: everything that differs between real namespaces and loopback addresses except the
 * fabric itself, in one place.
 */
import type { Preset } from "../../api/timings.ts";
import { guestAddress, LOOPBACK_DNS_PORT } from "../loopback/topology.ts";
import type { Fabric } from "../network/fabric.ts";
import { API_PORT, DNS_PORT, EC2_PORT, SERVICE_PORT, vmOf } from "../network/topology.ts";
import type { Topology } from "../network/topology.ts";
import type { VmFiles } from "../vm/vm-files.ts";
import { SYSTEM_NAMESPACE } from "./kube-world.ts";

export const MAIN_PROGRAM = new URL("../../main.ts", import.meta.url).pathname;
export const AWS_KEY = { accessKeyId: "AKIASANDBOX000000001", secretAccessKey: "sandbox-secret-not-secret" } as const;

/** Installation defaults of API.md section 2. */
export const PEER_PORT = 29740;
const AGENT_METRICS_PORT = 9811;
const CONTROLLER_PORTS = [
  { metrics: 9810, health: 9812 },
  { metrics: 9820, health: 9822 },
] as const;

/** The demo service of a scenario. */
export interface Service {
  /** What it binds to, where the mode allows it. */
  readonly at: "virtual-ip" | "own-address" | "any-address";
  readonly port: number;
}

export const VIRTUAL_IP_SERVICE: Service = { at: "virtual-ip", port: SERVICE_PORT };

export interface Site {
  readonly topology: Topology;
  readonly fabric: Fabric;
  readonly service: Service;
  /** Where a machine finds the API server. */
  apiServerFor(vm: string): string;
  /** What the service of a machine binds to. */
  serviceAddress(vm: string): string;
  /** Where the observer of a machine asks it, past the network. */
  observedAddress(vm: string): string;
  /** The address whose presence on a machine shows that it may be active; undefined: the service alone shows it. */
  readonly provingAddress: string | undefined;
  /** How the observer of a machine learns which addresses it holds: its namespace, or a file. */
  presenceSource(vm: string, files: VmFiles): string;
  /** What an agent needs to be told in this mode alone. */
  agentFlags(vm: string, files: VmFiles): readonly string[];
  readonly dnsPort: number;
}

export function namespaceSite(topology: Topology, fabric: Fabric, service: Service): Site {
  const isVirtual = service.at === "virtual-ip";
  const address = (vm: string): string => (isVirtual ? topology.virtualIp : vmOf(topology, vm).address);
  return {
    topology,
    fabric,
    service,
    apiServerFor: () => apiServerUrl(topology),
    serviceAddress: (vm) => (service.at === "any-address" ? "0.0.0.0" : address(vm)),
    observedAddress: address,
    provingAddress: isVirtual ? topology.virtualIp : undefined,
    presenceSource: () => "namespace",
    agentFlags: () => ["--metrics-port", String(AGENT_METRICS_PORT)],
    dnsPort: DNS_PORT,
  };
}

export function apiServerUrl(topology: Topology): string {
  return `http://${topology.control.address}:${API_PORT}`;
}

export function ec2Url(topology: Topology): string {
  return `http://${topology.control.address}:${EC2_PORT}`;
}

export function agentArgv(site: Site, vm: string, files: VmFiles, preset: Preset): string[] {
  const program = [process.execPath, MAIN_PROGRAM, "agent", "--node", vm, "--namespace", SYSTEM_NAMESPACE];
  const reach = ["--api-server", site.apiServerFor(vm), "--preset", preset, "--peer-port", String(PEER_PORT)];
  const places = ["--state-dir", files.stateDirectory, "--host-root", files.root];
  const commands = ["--exec-directory", "/etc/understudy/exec.d"];
  const watchdog = ["--watchdog-mode", "Auto", "--watchdog-device", files.watchdog];
  const sysfs = ["--watchdog-sysfs", files.watchdogSysfs];
  const log = ["--log-level", "info", "--log-format", "json"];
  return [...program, ...reach, ...places, ...commands, ...watchdog, ...sysfs, ...log, ...site.agentFlags(vm, files)];
}

/** Without what the emulated clouds add. */
export function controllerArgv(index: 0 | 1, kubeconfig: string, preset: Preset): string[] {
  const ports = CONTROLLER_PORTS[index];
  const program = [process.execPath, MAIN_PROGRAM, "controller", "--namespace", SYSTEM_NAMESPACE];
  const identity = ["--kubeconfig", kubeconfig, "--identity", `controller-${index + 1}`, "--preset", preset];
  const listening = ["--metrics-port", String(ports.metrics), "--health-port", String(ports.health)];
  return [...program, ...identity, ...listening, "--log-level", "info"];
}

export function apiServerArgv(topology: Topology, socket: string, data: string): string[] {
  const listen = ["--listen", `${topology.control.address}:${API_PORT}`, "--unix", socket];
  return [process.execPath, MAIN_PROGRAM, "sandbox-apiserver", ...listen, "--data", data];
}

export interface LoopbackPlaces {
  /** Where the agent keeps the addresses of its pretended interface. */
  readonly addressesFile: (files: VmFiles) => string;
}

export function loopbackSite(topology: Topology, fabric: Fabric, service: Service, places: LoopbackPlaces): Site {
  const guestOf = (vm: string): string => guestAddress(vmOf(topology, vm));
  return {
    topology,
    fabric,
    service,
    apiServerFor: (vm) => `http://${vmOf(topology, vm).address}:${API_PORT}`,
    serviceAddress: guestOf,
    observedAddress: guestOf,
    provingAddress: service.at === "virtual-ip" ? topology.virtualIp : undefined,
    presenceSource: (_vm, files) => places.addressesFile(files),
    agentFlags: (vm) => {
      const own = guestOf(vm);
      const listening = ["--peer-address", own, "--metrics-address", own, "--metrics-port", String(AGENT_METRICS_PORT)];
      return ["--address-backend", "file", ...listening];
    },
    dnsPort: LOOPBACK_DNS_PORT,
  };
}
