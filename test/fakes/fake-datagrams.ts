/** A network of datagrams in memory: delivered at once, in order, unless the test takes them out. Everything is recorded. */
import type { DatagramPort } from "../../src/nodeagent/heartbeat/peer-channel.ts";

export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly datagram: Uint8Array;
}

export class FakeDatagrams {
  readonly #receivers = new Map<string, (datagram: Uint8Array) => void>();
  readonly sent: Sent[] = [];
  /** False: the datagram is lost. */
  passes: (sent: Sent) => boolean = () => true;

  port(address: string): DatagramPort {
    return {
      send: (datagram, to) => {
        const sent = { from: address, to, datagram: Uint8Array.from(datagram) };
        this.sent.push(sent);
        if (this.passes(sent)) this.deliver(to, sent.datagram);
      },
      onReceive: (handle) => void this.#receivers.set(address, handle),
      close: () => void this.#receivers.delete(address),
    };
  }

  deliver(to: string, datagram: Uint8Array): void {
    this.#receivers.get(to)?.(datagram);
  }

  /** The last datagram from one address to another. */
  last(from: string, to: string): Uint8Array {
    const found = this.sent.findLast((sent) => sent.from === from && sent.to === to);
    if (found === undefined) throw new Error(`nothing was sent from ${from} to ${to}`);
    return found.datagram;
  }
}
