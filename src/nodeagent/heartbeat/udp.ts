/** Datagrams over a UDP socket of `node:dgram`. */
import { createSocket, type Socket } from "node:dgram";
import type { DatagramPort } from "./peer-channel.ts";

/** Resolves when the port is bound. Throws when it is taken: another agent lives. */
export async function udpDatagrams(options: {
  readonly address: string;
  readonly port: number;
}): Promise<DatagramPort & { readonly port: number }> {
  const socket = createSocket({ type: "udp4", reuseAddr: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address: options.address, port: options.port, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  // ICMP errors of earlier sends and the like: a peer that does not answer is found by its silence.
  socket.on("error", () => undefined);
  const { port } = socket.address();
  return {
    port,
    send: (datagram, address) => send(socket, datagram, port, address),
    onReceive: (handle) => void socket.on("message", (datagram: Uint8Array) => handle(datagram)),
    close: () => void socket.close(),
  };
}

/** Every member uses the same port. */
function send(socket: Socket, datagram: Uint8Array, port: number, address: string): void {
  socket.send(datagram, port, address, () => undefined);
}
