/** A node's addresses, announcements and connections in memory; tests change them behind the worker's back. */
import {
  AddressError,
  addressLabel,
  type AddressAnnouncer,
  type AddressPort,
  type InterfaceFacts,
  type ServiceConnections,
} from "../../src/nodeagent/address/port.ts";

export class FakeAddresses implements AddressPort, AddressAnnouncer, ServiceConnections {
  readonly held = new Map<string, Set<string>>();
  readonly unmarked = new Set<string>();
  readonly announced: string[] = [];
  readonly resets: { addresses: readonly string[]; ports: readonly number[] }[] = [];
  /** While set, every call throws it. */
  failure: Error | undefined;
  /** While set, every write waits for it first. */
  gate: Promise<void> | undefined;
  readonly #macs = new Map<string, string>();
  readonly #watchers = new Set<() => void>();

  constructor(
    interfaces: Readonly<Record<string, { mac: string; addresses?: readonly string[] }>> = {
      eth0: { mac: "02:00:00:00:00:01", addresses: ["10.0.1.10"] },
    },
  ) {
    for (const [name, { mac, addresses }] of Object.entries(interfaces)) {
      this.#macs.set(name, mac);
      this.held.set(name, new Set(addresses));
    }
  }

  async interfaces(): Promise<readonly InterfaceFacts[]> {
    if (this.failure !== undefined) throw this.failure;
    return [...this.held].map(([name, addresses]) => ({
      name,
      mac: this.#macs.get(name) ?? "00:00:00:00:00:00",
      isUp: true,
      addresses: [...addresses].map((address) => ({
        address,
        prefixLength: 32,
        label: this.unmarked.has(address) ? "" : (addressLabel(name) ?? ""),
      })),
    }));
  }

  async add(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    await this.gate;
    const addresses = this.held.get(interfaceName);
    if (addresses === undefined)
      throw new AddressError(
        { code: "Refused", interface: interfaceName, address },
        `cannot add ${address}/32 on ${interfaceName}`,
      );
    if (this.failure !== undefined) throw this.failure;
    addresses.add(address);
    this.#changed();
    return this.interfaces();
  }

  async remove(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    this.held.get(interfaceName)?.delete(address);
    this.#changed();
    return this.interfaces();
  }

  async unmark(_interfaceName: string, address: string): Promise<void> {
    this.unmarked.add(address);
  }

  watch(onChange: () => void, signal: AbortSignal): void {
    this.#watchers.add(onChange);
    signal.addEventListener("abort", () => void this.#watchers.delete(onChange));
  }

  announce(interfaceName: string, address: string): void {
    this.announced.push(`${interfaceName} ${address}`);
  }

  async reset(target: { readonly addresses: readonly string[]; readonly ports: readonly number[] }): Promise<boolean> {
    this.resets.push(target);
    return true;
  }

  /** A stranger adds or removes an address. */
  tamper(interfaceName: string, address: string, verb: "add" | "remove"): void {
    if (verb === "add") this.held.get(interfaceName)?.add(address);
    else this.held.get(interfaceName)?.delete(address);
    this.#changed();
  }

  holds(address: string): boolean {
    return [...this.held.values()].some((addresses) => addresses.has(address));
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
