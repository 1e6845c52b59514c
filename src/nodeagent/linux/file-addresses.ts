/**
 * Addresses kept in a JSON file, for machines without root (`--address-backend file`): the sandbox's loopback mode
 * reads the file as the truth about which VM holds which address. One pretended interface; nothing reaches the kernel.
 */
import { readFileSync, renameSync, watch as watchFile, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { parseIpv4 } from "../../lib/ipv4.ts";
import { AddressError, addressLabel, type AddressPort, type InterfaceFacts } from "../address/port.ts";

/** The only interface there is. */
export const FILE_INTERFACE = "file0";

export class FileAddresses implements AddressPort {
  readonly loopback = FILE_INTERFACE;
  readonly #path: string;
  /** Known to this life only: the file has no place for labels. */
  readonly #unmarked = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  async interfaces(): Promise<readonly InterfaceFacts[]> {
    return this.#facts(this.#read());
  }

  async add(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    this.#refuseForeign(interfaceName, address);
    const held = this.#read();
    return this.#facts(held.includes(address) ? held : this.#write([...held, address]));
  }

  async remove(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    this.#refuseForeign(interfaceName, address);
    const held = this.#read();
    return this.#facts(held.includes(address) ? this.#write(held.filter((other) => other !== address)) : held);
  }

  async unmark(_interfaceName: string, address: string): Promise<void> {
    this.#unmarked.add(address);
  }

  watch(onChange: () => void, signal: AbortSignal): void {
    const name = basename(this.#path);
    const watcher = watchFile(dirname(this.#path), { signal, persistent: false }, (_event, changed) => {
      if (changed === name) onChange();
    });
    // A folder that disappears ends the watch; the interval check goes on.
    watcher.on("error", () => watcher.close());
  }

  #facts(held: readonly string[]): InterfaceFacts[] {
    const label = addressLabel(FILE_INTERFACE) ?? "";
    const labelOf = (address: string): string => (this.#unmarked.has(address) ? "" : label);
    const addresses = held.map((address) => ({ address, prefixLength: 32, label: labelOf(address) }));
    return [{ name: FILE_INTERFACE, mac: "00:00:00:00:00:00", isUp: true, addresses }];
  }

  #read(): string[] {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return [];
      throw new AddressError({ code: "Unavailable" }, `cannot read ${this.#path}`, thrown);
    }
    const held: unknown = JSON.parse(text);
    if (!Array.isArray(held)) throw new AddressError({ code: "Unavailable" }, `${this.#path} holds no list`);
    return held.filter((item): item is string => typeof item === "string");
  }

  /** Renamed into place, so that a reader never sees half a list. */
  #write(held: readonly string[]): readonly string[] {
    const draft = `${this.#path}.new`;
    writeFileSync(draft, JSON.stringify(held));
    renameSync(draft, this.#path);
    return held;
  }

  #refuseForeign(interfaceName: string, address: string): void {
    if (interfaceName !== FILE_INTERFACE)
      throw new AddressError(
        { code: "Refused", interface: interfaceName, address },
        `the file backend knows only ${FILE_INTERFACE}, not ${interfaceName}`,
      );
    if (parseIpv4(address) === undefined)
      throw new AddressError({ code: "Malformed", argument: address }, `${JSON.stringify(address)} is no IPv4 address`);
  }
}
