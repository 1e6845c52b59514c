/**
 * The kernel's addresses through iproute2. What is asked for is proven by the read that comes with each answer, never
 * by an exit code: `Address already assigned` is success, and a success that the read does not show is `Refused`.
 */
import { spawn } from "node:child_process";
import type { Clock } from "../../lib/clock.ts";
import { parseIpv4 } from "../../lib/ipv4.ts";
import { AddressError, type AddressPort, addressLabel, type InterfaceFacts, isInterfaceName } from "../address/port.ts";
import { IpBatch } from "./ip-batch.ts";

/** Changes within so long are one call of `onChange`, in milliseconds. */
const CHANGE_SETTLE_MS = 5;
/** Wait before a monitor that ended is started again, in milliseconds. */
const MONITOR_RESTART_MS = 1_000;

export class LinuxAddresses implements AddressPort {
  readonly #batch: IpBatch;
  readonly #clock: Clock;
  readonly #command: readonly [string, ...string[]];

  constructor(modules: { readonly clock: Clock; readonly command?: readonly [string, ...string[]] }) {
    this.#clock = modules.clock;
    this.#command = modules.command ?? ["ip"];
    this.#batch = new IpBatch({ clock: modules.clock, command: this.#command });
  }

  async interfaces(): Promise<readonly InterfaceFacts[]> {
    return readLinks((await this.#batch.run([])).links);
  }

  async add(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    refuseMalformed(interfaceName, address);
    const label = addressLabel(interfaceName);
    const command = `addr add ${address}/32 dev ${interfaceName}${label === undefined ? "" : ` label ${label}`}`;
    const { links, complaint } = await this.#batch.run([command]);
    const facts = readLinks(links);
    if (!holds(facts, interfaceName, address)) throw refused("add", interfaceName, address, complaint);
    return facts;
  }

  async remove(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]> {
    refuseMalformed(interfaceName, address);
    const { links, complaint } = await this.#batch.run([`addr del ${address}/32 dev ${interfaceName}`]);
    const facts = readLinks(links);
    if (holds(facts, interfaceName, address)) throw refused("remove", interfaceName, address, complaint);
    return facts;
  }

  /** A label cannot be changed in place; connections survive the moment without the address. */
  async unmark(interfaceName: string, address: string): Promise<void> {
    refuseMalformed(interfaceName, address);
    const where = `${address}/32 dev ${interfaceName}`;
    const { links, complaint } = await this.#batch.run([`addr del ${where}`, `addr add ${where}`]);
    if (!holds(readLinks(links), interfaceName, address)) throw refused("unmark", interfaceName, address, complaint);
  }

  /** `ip monitor` is only a hint that something changed; its text is not read. */
  watch(onChange: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const [program, ...words] = this.#command;
    const child = spawn(program, [...words, "-4", "monitor", "address"], {
      stdio: ["ignore", "pipe", "ignore"],
      signal,
      killSignal: "SIGKILL",
    });
    let isPending = false;
    child.stdout.on("data", () => {
      if (isPending) return;
      isPending = true;
      this.#clock.setTimer(CHANGE_SETTLE_MS, () => {
        isPending = false;
        onChange();
      });
    });
    let isOver = false;
    const again = (): void => {
      if (isOver) return;
      isOver = true;
      this.#clock.setTimer(MONITOR_RESTART_MS, () => this.watch(onChange, signal));
    };
    child.on("error", again);
    child.on("close", again);
    child.unref();
  }

  close(): void {
    this.#batch.close();
  }
}

function refuseMalformed(interfaceName: string, address: string): void {
  if (!isInterfaceName(interfaceName))
    throw new AddressError(
      { code: "Malformed", argument: interfaceName },
      `${JSON.stringify(interfaceName)} is no interface name`,
    );
  if (parseIpv4(address) === undefined)
    throw new AddressError({ code: "Malformed", argument: address }, `${JSON.stringify(address)} is no IPv4 address`);
}

function refused(verb: string, interfaceName: string, address: string, complaint: string): AddressError {
  const why = complaint === "" ? "" : `: ${complaint}`;
  return new AddressError(
    { code: "Refused", interface: interfaceName, address },
    `cannot ${verb} ${address}/32 on ${interfaceName}${why}`,
  );
}

function holds(interfaces: readonly InterfaceFacts[], interfaceName: string, address: string): boolean {
  return interfaces.some(
    (facts) => facts.name === interfaceName && facts.addresses.some((held) => held.address === address),
  );
}

interface Link {
  readonly ifname?: string;
  readonly address?: string;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly {
    readonly family?: string;
    readonly local?: string;
    readonly prefixlen?: number;
    readonly label?: string;
  }[];
}

/** The JSON of `ip -j addr show` as facts; IPv4 only. Exported for tests. */
export function readLinks(links: unknown): InterfaceFacts[] {
  if (!Array.isArray(links)) throw new AddressError({ code: "Unavailable" }, "ip answered with no list of interfaces");
  return (links as readonly Link[])
    .filter((link) => link.ifname !== undefined)
    .map((link) => ({
      name: link.ifname ?? "",
      mac: (link.address ?? "").toLowerCase(),
      isUp: link.flags?.includes("UP") ?? false,
      addresses: (link.addr_info ?? [])
        .filter((info) => info.family === "inet" && info.local !== undefined)
        .map((info) => ({ address: info.local ?? "", prefixLength: info.prefixlen ?? 32, label: info.label ?? "" })),
    }));
}
