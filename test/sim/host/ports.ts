/** The host's ports as one process of the product sees them: each call takes time, and nothing happens for a dead process. */
import {
  type AddressPort,
  AddressError,
  type InterfaceFacts,
  type ServiceConnections,
} from "../../../src/nodeagent/address/port.ts";
import type { ProcessPort, ProcessRef, ProcessSelector } from "../../../src/nodeagent/command/port.ts";
import type { StateFile } from "../../../src/nodeagent/guard/holdings.ts";
import { ListenerError, type ListenerPort, type OpenListener } from "../../../src/nodeagent/probe-port/port.ts";
import type { Random } from "../../../src/lib/random.ts";
import type { SimProcess } from "../engine/process.ts";
import { INTERFACE, type SimKernel } from "./kernel.ts";

/** What one process may do on its host. */
export interface HostAccess {
  readonly process: SimProcess;
  readonly kernel: SimKernel;
  readonly random: Random;
}

/** Longest of the usual times of a call into the kernel, milliseconds. */
const CALL_MS = 2;

export function call<T>(access: HostAccess, work: () => T, meanMs = CALL_MS / 2): Promise<T> {
  const { process, kernel, random } = access;
  const delayMs = random.next() * 2 * meanMs * kernel.slowness;
  return new Promise((resolve, reject) => {
    process.emit(() =>
      kernel.machine.kernelAfter(delayMs, () => {
        if (process.isDead) return;
        try {
          const result = work();
          process.deliver(() => resolve(result));
        } catch (thrown) {
          process.deliver(() => reject(thrown instanceof Error ? thrown : new Error(String(thrown))));
        }
      }),
    );
  });
}

export class SimAddresses implements AddressPort, ServiceConnections {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  interfaces(): Promise<readonly InterfaceFacts[]> {
    return call(this.#access, () => this.#read());
  }

  add(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    return this.#set(interfaceName, address, true);
  }

  remove(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    return this.#set(interfaceName, address, false);
  }

  watch(onChange: () => void, signal: AbortSignal): void {
    const { kernel, process } = this.#access;
    const watcher = (): void => process.deliver(onChange);
    kernel.addressWatchers.add(watcher);
    const stop = (): void => void kernel.addressWatchers.delete(watcher);
    signal.addEventListener("abort", stop, { once: true });
    process.onDeath.push(stop);
  }

  reset(): Promise<boolean> {
    return call(this.#access, () => true);
  }

  #set(name: string, address: string, isPresent: boolean): Promise<readonly InterfaceFacts[]> {
    return call(this.#access, () => {
      if (name !== INTERFACE)
        throw new AddressError({ code: "Refused", interface: name, address }, `there is no interface ${name}`);
      this.#access.kernel.setAddress(address, isPresent);
      return this.#read();
    });
  }

  #read(): readonly InterfaceFacts[] {
    const { kernel } = this.#access;
    const addresses = [...kernel.addresses].map(([address, { label }]) => ({ address, prefixLength: 32, label }));
    return [{ name: INTERFACE, mac: "02:00:00:00:00:01", isUp: true, addresses }];
  }
}

export class SimListeners implements ListenerPort {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  open(request: {
    readonly port: number;
    readonly sourceRanges: readonly string[];
    readonly onLost: () => void;
  }): Promise<OpenListener> {
    const { kernel, process } = this.#access;
    const { port, onLost } = request;
    return call(this.#access, () => {
      if (kernel.listeners.has(port)) throw new ListenerError({ code: "PortInUse", port }, `port ${port} is taken`);
      let isOpen = true;
      kernel.listen(port, { owner: process, onLost });
      const close = (): void => {
        if (!isOpen) return;
        isOpen = false;
        process.emit(() => kernel.unlisten(port, process));
      };
      return { port, isOpen: () => isOpen, close };
    });
  }

  listening(ports: readonly number[]): Promise<readonly number[]> {
    return call(this.#access, () => ports.filter((port) => this.#access.kernel.listeners.has(port)));
  }
}

export class SimProcesses implements ProcessPort {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  find(selector: ProcessSelector): Promise<readonly ProcessRef[]> {
    return call(this.#access, () =>
      this.#access.kernel
        .find(selector)
        .map(({ pid, processGroup, startTicks }) => ({ pid, processGroup, startTicks })),
    );
  }

  signal(processes: readonly ProcessRef[]): void {
    const { kernel, process } = this.#access;
    // The exit comes a moment after the signal.
    process.emit(() => kernel.machine.kernelAfter(0.2, () => processes.forEach((ref) => kernel.end(ref))));
  }
}

/** A file that is written as a whole; a kill in between leaves the old text. */
export class SimStateFile implements StateFile {
  readonly #access: HostAccess;
  readonly #name: string;

  constructor(access: HostAccess, name: string) {
    this.#access = access;
    this.#name = name;
  }

  read(): Promise<string | undefined> {
    return call(this.#access, () => this.#access.kernel.files.get(this.#name));
  }

  async write(text: string): Promise<void> {
    await call(this.#access, () => void this.#access.kernel.files.set(this.#name, text));
  }
}
