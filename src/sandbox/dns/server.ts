/**
 * The name server of the sandbox's zones, over UDP and TCP (RFC 1035, section 4.2; RFC 7766). It answers from its
 * `ZoneSource` at the moment of each query, so a client sees a change exactly when the provider's servers have it.
 * Must never do: cache, or forward a query to a server outside the sandbox.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { decode, encode, type DecodedPacket } from "dns-packet";
import { answerTo } from "./answer.ts";
import type { ZoneSource } from "./zones.ts";

export interface DnsServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: an ephemeral port, the same for UDP and TCP. */
  readonly port?: number;
}

export interface DnsServer {
  readonly host: string;
  readonly port: number;
  /** Questions that arrived, as `NAME TYPE`, whatever became of them. */
  readonly queries: ReadonlyMap<string, number>;
  /** `true`: nobody answers any more, as when the servers cannot be reached. */
  setSilent(isSilent: boolean): void;
  close(): Promise<void>;
}

/** Longest answer over UDP without EDNS (RFC 1035, section 2.3.4). */
const MAX_UDP_BYTES = 512;
const TRUNCATED = 1 << 9;
/** Most connections at once, and how long one may be idle, in ms. */
const MAX_CONNECTIONS = 64;
const IDLE_MS = 10_000;
const MAX_QUERY_BYTES = 4_096;
/** Most names whose queries are counted. */
const MAX_COUNTED = 1_000;

export async function startDnsServer(options: DnsServerOptions, source: ZoneSource): Promise<DnsServer> {
  const host = options.host ?? "127.0.0.1";
  const service = new DnsService(source);
  const tcp = createServer((socket) => service.serveStream(socket));
  tcp.maxConnections = MAX_CONNECTIONS;
  const port = await listening(tcp, host, options.port ?? 0);
  const udp = createSocket("udp4");
  udp.on("message", (bytes, from) => service.serveDatagram(udp, bytes, from));
  await bound(udp, host, port);
  return {
    host,
    port,
    queries: service.queries,
    setSilent: (isSilent) => (service.isSilent = isSilent),
    close: async () => {
      service.endStreams();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

class DnsService {
  readonly queries = new Map<string, number>();
  isSilent = false;
  readonly #source: ZoneSource;
  readonly #streams = new Set<Socket>();

  constructor(source: ZoneSource) {
    this.#source = source;
  }

  serveDatagram(socket: UdpSocket, bytes: Buffer, from: RemoteInfo): void {
    const answer = this.#answer(bytes, from.address, MAX_UDP_BYTES);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  }

  /** Each message has its length before it, in two bytes. */
  serveStream(socket: Socket): void {
    let waiting = Buffer.alloc(0);
    this.#streams.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("close", () => this.#streams.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      waiting = Buffer.concat([waiting, Buffer.from(chunk)]);
      if (waiting.length > MAX_QUERY_BYTES) socket.destroy();
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const end = 2 + waiting.readUInt16BE(0);
        const answer = this.#answer(waiting.subarray(2, end), socket.remoteAddress ?? "", Number.POSITIVE_INFINITY);
        waiting = waiting.subarray(end);
        if (answer === undefined) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  }

  endStreams(): void {
    for (const socket of this.#streams) socket.destroy();
  }

  /** Undefined: no answer at all. */
  #answer(bytes: Buffer, clientAddress: string, maxBytes: number): Buffer | undefined {
    const query = decoded(bytes);
    if (query === undefined) return undefined;
    this.#count(query);
    if (this.isSilent) return undefined;
    const packet = answerTo(query, clientAddress, this.#source);
    const answer = encode(packet);
    if (answer.length <= maxBytes) return answer;
    return encode({ ...packet, answers: [], authorities: [], flags: (packet.flags ?? 0) | TRUNCATED });
  }

  #count(query: DecodedPacket): void {
    const key = (query.questions ?? []).map(({ name, type }) => `${name.toLowerCase()} ${type}`).join(",");
    if (this.queries.size < MAX_COUNTED || this.queries.has(key))
      this.queries.set(key, (this.queries.get(key) ?? 0) + 1);
  }
}

/** Undefined: bytes that are no query; a name server drops them. */
function decoded(bytes: Buffer): DecodedPacket | undefined {
  try {
    const packet = decode(bytes);
    return packet.type === "query" ? packet : undefined;
  } catch (thrown) {
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
}

function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function bound(socket: UdpSocket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}
