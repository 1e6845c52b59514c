/**
 * Where things are in each mode: everything that differs between real namespaces and loopback addresses except the
 * fabric itself, in one place.
 */
import type { Preset } from "../../api/timings.ts";
import { guestAddress, routerAddress } from "../loopback/topology.ts";
import type { Fabric } from "../network/fabric.ts";
import { API_PORT, EC2_PORT, SERVICE_PORT } from "../network/topology.ts";
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

export interface Site {
  readonly topology: Topology;
  readonly fabric: Fabric;
  /** Where a machine finds the API server. */
  apiServerFor(vm: string): string;
  /** Where the client asks. */
  readonly clientTarget: { readonly host: string; readonly port: number };
  /** What the service of a machine binds to, and where its observer asks. */
  serviceAddress(vm: string): string;
  /** How the observer of a machine learns which addresses it holds: its namespace, or a file. */
  presenceSource(vm: string, files: VmFiles): string;
  /** What an agent needs to be told in this mode alone. */
  agentFlags(vm: string, files: VmFiles): readonly string[];
}

export function namespaceSite(topology: Topology, fabric: Fabric): Site {
  return {
    topology,
    fabric,
    apiServerFor: () => apiServerUrl(topology),
    clientTarget: { host: topology.virtualIp, port: SERVICE_PORT },
    serviceAddress: () => topology.virtualIp,
    presenceSource: () => "namespace",
    agentFlags: () => ["--metrics-port", String(AGENT_METRICS_PORT)],
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

export function controllerArgv(topology: Topology, index: 0 | 1, kubeconfig: string, preset: Preset): string[] {
  const ports = CONTROLLER_PORTS[index];
  const program = [process.execPath, MAIN_PROGRAM, "controller", "--namespace", SYSTEM_NAMESPACE];
  const identity = ["--kubeconfig", kubeconfig, "--identity", `controller-${index + 1}`, "--preset", preset];
  const listening = ["--metrics-port", String(ports.metrics), "--health-port", String(ports.health)];
  return [...program, ...identity, ...listening, "--aws-endpoint", ec2Url(topology), "--log-level", "info"];
}

export function controllerEnvironment(topology: Topology): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: AWS_KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: AWS_KEY.secretAccessKey,
    AWS_REGION: topology.region,
  };
}

export function apiServerArgv(topology: Topology, socket: string, data: string): string[] {
  const listen = ["--listen", `${topology.control.address}:${API_PORT}`, "--unix", socket];
  return [process.execPath, MAIN_PROGRAM, "sandbox-apiserver", ...listen, "--data", data];
}

/** `addressesFile` is where the agent keeps the addresses of its pretended interface. */
export function loopbackSite(topology: Topology, fabric: Fabric, addressesFile: (files: VmFiles) => string): Site {
  const guestOf = (vm: string): string => {
    const place = topology.vms.find((candidate) => candidate.name === vm);
    if (place === undefined) throw new RangeError(`no machine named ${vm}`);
    return guestAddress(place);
  };
  return {
    topology,
    fabric,
    apiServerFor: (vm) => `http://${topology.vms.find((place) => place.name === vm)?.address ?? ""}:${API_PORT}`,
    clientTarget: { host: routerAddress(topology), port: SERVICE_PORT },
    serviceAddress: guestOf,
    presenceSource: (_vm, files) => addressesFile(files),
    agentFlags: (vm) => {
      const own = guestOf(vm);
      const listening = ["--peer-address", own, "--metrics-address", own, "--metrics-port", String(AGENT_METRICS_PORT)];
      return ["--address-backend", "file", ...listening];
    },
  };
}
