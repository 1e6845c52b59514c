/**
 * Datagrams between machines: one socket at each machine's public address. What arrives there from machine A's guest
 * goes to the owner's guest with A's public address as its source, so that an answer finds its way back.
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";

export interface UdpMachine {
  readonly name: string;
  readonly publicAddress: string;
  readonly guestAddress: string;
}

export interface UdpRelayOptions {
  readonly port: number;
  readonly machines: readonly UdpMachine[];
  /** Whether a datagram from one machine reaches another now. */
  readonly passes: (from: string, to: string) => boolean;
}

export class UdpRelay {
  readonly #options: UdpRelayOptions;
  readonly #sockets = new Map<string, Socket>();

  constructor(options: UdpRelayOptions) {
    this.#options = options;
  }

  async listen(): Promise<void> {
    for (const machine of this.#options.machines) {
      const socket = createSocket("udp4");
      socket.on("message", (message, from) => this.#received(machine, message, from.address));
      await new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.bind(this.#options.port, machine.publicAddress, resolve);
      });
      socket.on("error", () => undefined); // a datagram that cannot be delivered is lost
      this.#sockets.set(machine.name, socket);
    }
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }

  #received(to: UdpMachine, message: Buffer, sourceAddress: string): void {
    const from = this.#options.machines.find((machine) => machine.guestAddress === sourceAddress);
    if (from === undefined || !this.#options.passes(from.name, to.name)) return;
    this.#sockets.get(from.name)?.send(message, this.#options.port, to.guestAddress);
  }
}
