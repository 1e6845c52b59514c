/**
 * Tells neighbours that an address has moved here. `arping -U` where it is installed. Without it, a UDP datagram with
 * the new address as its source is sent to an address of each local network that nobody is expected to hold: the kernel then
 * broadcasts an ARP request whose sender is the new address, from which every neighbour that has an entry updates it
 * (RFC 826, "packet reception"; RFC 5227 section 3).
 *
 * Never awaited: `arping` waits for its deadline (1 s) although the packet left at once (research/ecosystem.md 5).
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import type { Clock } from "../../lib/clock.ts";
import { formatIpv4, parseCidr } from "../../lib/ipv4.ts";
import type { Logger } from "../../lib/log.ts";
import type { AddressAnnouncer, AddressPort } from "../address/port.ts";

/** The discard port: whoever should receive the datagram ignores it. */
const DISCARD_PORT = 9;
/** Longest life of the socket that announces, in milliseconds. */
const SOCKET_LIFE_MS = 1_000;

export class GratuitousArp implements AddressAnnouncer {
  readonly #addresses: AddressPort;
  readonly #clock: Clock;
  readonly #log: Logger;
  #hasArping = true;

  constructor(modules: { readonly addresses: AddressPort; readonly clock: Clock; readonly log: Logger }) {
    this.#addresses = modules.addresses;
    this.#clock = modules.clock;
    this.#log = modules.log;
  }

  announce(interfaceName: string, address: string): void {
    if (interfaceName === "lo") return;
    if (!this.#hasArping) {
      void this.#byDatagram(interfaceName, address);
      return;
    }
    const child = spawn("arping", ["-U", "-c", "2", "-w", "2", "-I", interfaceName, address], { stdio: "ignore" });
    child.on("error", () => {
      this.#hasArping = false;
      this.#log.info("arping is not installed; addresses are announced by an ordinary ARP request", {});
      void this.#byDatagram(interfaceName, address);
    });
    child.unref();
  }

  async #byDatagram(interfaceName: string, address: string): Promise<void> {
    try {
      const facts = (await this.#addresses.interfaces()).find((found) => found.name === interfaceName);
      const targets = (facts?.addresses ?? [])
        .filter((held) => held.prefixLength < 31)
        .map((held) => unlikelyNeighbour(`${held.address}/${held.prefixLength}`))
        .filter((target) => target !== undefined);
      if (targets.length === 0) return;
      const socket = createSocket("udp4");
      socket.unref();
      // A refusal (no route, no such address any more) leaves the announcement undone: it is best effort.
      socket.on("error", () => socket.close());
      const life = this.#clock.setTimer(SOCKET_LIFE_MS, () => socket.close());
      socket.on("close", () => life.cancel());
      socket.bind({ address, port: 0 }, () => {
        for (const target of targets) socket.send("", DISCARD_PORT, target);
      });
    } catch (thrown) {
      this.#log.debug("an address could not be announced", {
        address,
        interface: interfaceName,
        error: String(thrown),
      });
    }
  }
}

/** The last host of the network: rarely taken, and if it is, it learns the address as everybody does. */
export function unlikelyNeighbour(cidr: string): string | undefined {
  const block = parseCidr(cidr);
  return block === undefined || block.prefixLength > 30 ? undefined : formatIpv4(block.last - 1);
}
