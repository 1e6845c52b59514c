/** Datagrams between the members' guards: lost, late, out of order and repeated as the network likes. */
import type { DatagramPort } from "../../../src/nodeagent/heartbeat/peer-channel.ts";
import type { SimProcess } from "../engine/process.ts";
import type { Network } from "./network.ts";

interface Bound {
  readonly process: SimProcess;
  handle: (datagram: Uint8Array) => void;
}

export class DatagramNetwork {
  readonly #network: Network;
  /** For those who judge from outside. */
  onDatagram: (moment: "sent" | "delivered", datagram: Uint8Array) => void = () => undefined;
  /** By address. */
  readonly #bound = new Map<string, Bound>();

  constructor(network: Network) {
    this.#network = network;
  }

  bind(process: SimProcess, address: string): DatagramPort {
    const bound: Bound = { process, handle: () => undefined };
    this.#bound.set(address, bound);
    process.onDeath.push(() => {
      if (this.#bound.get(address) === bound) this.#bound.delete(address);
    });
    return {
      send: (datagram, to) => {
        const copy = Uint8Array.from(datagram);
        process.emit(() => this.#carry(process, to, copy));
      },
      onReceive: (handle) => {
        bound.handle = handle;
      },
      close: () => void this.#bound.delete(address),
    };
  }

  #carry(from: SimProcess, to: string, datagram: Uint8Array): void {
    this.onDatagram("sent", datagram);
    const target = this.#bound.get(to);
    if (target === undefined) return;
    this.#network.carry(from.machine.name, target.process.machine.name, this.#network.peers, () => {
      const { process, handle } = this.#bound.get(to) ?? {};
      process?.deliver(() => {
        this.onDatagram("delivered", datagram);
        handle?.(datagram);
      });
    });
  }
}
