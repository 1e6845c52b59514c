/**
 * What a simulated VM really has: addresses, listening ports, processes, files under `/run`, a watchdog. The product
 * changes it through ports; whether a member is active is read here and nowhere else. A reset empties it.
 */
import { addressLabel } from "../../../src/nodeagent/address/port.ts";
import type { ProcessRef, ProcessSelector } from "../../../src/nodeagent/command/port.ts";
import type { SimMachine } from "../engine/machine.ts";
import type { SimProcess } from "../engine/process.ts";
import { WatchdogDevice } from "./watchdog-device.ts";

export interface KernelProcess extends ProcessRef {
  readonly environment: Readonly<Record<string, string>>;
  /** Serves clients: what a start command leaves behind. */
  readonly isDaemon: boolean;
  /** In uninterruptible sleep: no signal ends it. */
  isStuck: boolean;
  /** A process of the product; undefined: of the application. */
  readonly program: SimProcess | undefined;
}

export interface Listener {
  readonly owner: SimProcess;
  readonly onLost: () => void;
}

export interface KernelOptions {
  readonly nodeAddress: string;
  /** Timeout of the watchdog, milliseconds; undefined: there is no device. */
  readonly watchdogMs: number | undefined;
}

export const INTERFACE = "eth0";

export class SimKernel {
  readonly machine: SimMachine;
  readonly nodeAddress: string;
  readonly watchdog: WatchdogDevice | undefined;
  readonly addresses = new Map<string, { readonly label: string }>();
  readonly listeners = new Map<number, Listener>();
  readonly processes = new Map<number, KernelProcess>();
  /** `/run`: outlives processes, not boots. */
  readonly files = new Map<string, string>();
  readonly addressWatchers = new Set<() => void>();
  /** Called after every change that a client could notice. */
  onChange: () => void = () => undefined;
  /** How much longer than usual everything takes. */
  slowness = 1;
  #lastPid = 1_000;

  constructor(machine: SimMachine, options: KernelOptions) {
    this.machine = machine;
    this.nodeAddress = options.nodeAddress;
    this.watchdog = options.watchdogMs === undefined ? undefined : new WatchdogDevice(machine, options.watchdogMs);
    this.#boot();
  }

  reset(): void {
    this.watchdog?.stop();
    for (const kept of [this.addresses, this.listeners, this.processes, this.files, this.addressWatchers]) kept.clear();
    this.#boot();
    this.onChange();
  }

  setAddress(address: string, isPresent: boolean): void {
    if (isPresent === this.addresses.has(address)) return;
    if (isPresent) this.addresses.set(address, { label: addressLabel(INTERFACE) ?? "" });
    else this.addresses.delete(address);
    for (const watcher of this.addressWatchers) watcher();
    this.onChange();
  }

  listen(port: number, listener: Listener): void {
    this.listeners.set(port, listener);
    this.onChange();
  }

  unlisten(port: number, owner: SimProcess): void {
    if (this.listeners.get(port)?.owner !== owner) return;
    this.listeners.delete(port);
    this.onChange();
  }

  spawn(
    process: Pick<KernelProcess, "environment" | "isDaemon" | "program"> & { readonly group?: number },
  ): KernelProcess {
    const pid = ++this.#lastPid;
    const { environment, isDaemon, program, group } = process;
    const started: KernelProcess = {
      pid,
      processGroup: group ?? pid,
      startTicks: Math.floor(this.machine.monotonicAt(this.machine.scheduler.nowMs) / 10),
      environment,
      isDaemon,
      isStuck: false,
      program,
    };
    this.processes.set(pid, started);
    if (isDaemon) this.onChange();
    return started;
  }

  find(selector: ProcessSelector): KernelProcess[] {
    const wanted = Object.entries(selector.environment);
    const { sessions, sinceTicks = 0 } = selector;
    return [...this.processes.values()].filter(
      (found) =>
        found.startTicks >= sinceTicks &&
        (sessions.includes(found.processGroup) ||
          (wanted.length > 0 && wanted.every(([name, value]) => found.environment[name] === value))),
    );
  }

  /** SIGKILL, or a process that ends by itself. */
  end(ref: ProcessRef): void {
    const found = this.processes.get(ref.pid);
    if (found === undefined || found.startTicks !== ref.startTicks || found.isStuck) return;
    this.processes.delete(ref.pid);
    if (found.program !== undefined) this.#programEnded(found.program);
    if (found.isDaemon) this.onChange();
  }

  endGroup(group: number): void {
    for (const found of this.processes.values()) if (found.processGroup === group) this.end(found);
  }

  #programEnded(program: SimProcess): void {
    for (const [port, listener] of this.listeners) if (listener.owner === program) this.unlisten(port, program);
    program.kill();
  }

  #boot(): void {
    this.addresses.set(this.nodeAddress, { label: "" });
  }
}
