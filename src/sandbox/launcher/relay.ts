/** 127.0.0.1:PORT of the host -> the Unix socket of the API server inside the sandbox, so that kubectl reaches it. */
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";

const MAX_CONNECTIONS = 256;

export interface Relay {
  readonly port: number;
  close(): void;
}

export function startRelay(socketPath: string): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer((client) => join(client, connect(socketPath), open));
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve({ port: portOf(server), close: () => end(server, open) }));
  });
}

function join(client: Socket, upstream: Socket, open: Set<Socket>): void {
  for (const [socket, other] of [[client, upstream] as const, [upstream, client] as const]) {
    open.add(socket);
    socket.on("error", () => other.destroy());
    socket.on("close", () => {
      open.delete(socket);
      other.destroy();
    });
  }
  client.pipe(upstream).pipe(client);
}

function end(server: Server, open: ReadonlySet<Socket>): void {
  server.close();
  for (const socket of open) socket.destroy();
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
