/**
 * Probe listeners on `node:net`, and `/proc/net/tcp` as the truth about who else listens.
 *
 * Closing resets: a load balancer that keeps a flow must learn at once that this member is gone. Before that, a probe
 * is accepted and held until its sender ends it: Azure counts a reset during the probe as a failed probe.
 * Source: https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview
 */
import { readFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { cidrContains, parseIpv4 } from "../../lib/ipv4.ts";
import { ListenerError, type ListenerPort, type OpenListener } from "../probe-port/port.ts";

/** A prober that neither speaks nor closes is let go after so long, in milliseconds. */
const IDLE_LIMIT_MS = 15_000;
const MAX_OPEN_PROBES = 1_024;
const BACKLOG = 128;
/** TCP_LISTEN in the `st` column of /proc/net/tcp. */
const LISTEN_STATE = "0A";

export interface ListenerOptions {
  /** Local address to listen on; the loopback mode of the sandbox gives each VM its own. */
  readonly bindAddress: string;
}

export class LinuxListeners implements ListenerPort {
  readonly #bindAddress: string;
  readonly #clock: Clock;

  constructor(options: ListenerOptions, modules: { readonly clock: Clock }) {
    this.#bindAddress = options.bindAddress;
    this.#clock = modules.clock;
  }

  async open(request: {
    readonly port: number;
    readonly sourceRanges: readonly string[];
    readonly onLost: () => void;
  }): Promise<OpenListener> {
    const { port, sourceRanges, onLost } = request;
    const sockets = new Set<Socket>();
    const server = createServer({ pauseOnConnect: false }, (socket) => this.#accept(socket, sockets, sourceRanges));
    server.maxConnections = MAX_OPEN_PROBES;
    await listen(server, port, this.#bindAddress);
    let isClosed = false;
    const lost = (): void => {
      if (isClosed) return;
      isClosed = true;
      onLost();
    };
    server.on("error", lost);
    server.on("close", lost);
    return {
      port,
      isOpen: () => !isClosed && server.listening,
      close: () => {
        isClosed = true;
        server.close();
        for (const socket of sockets) socket.resetAndDestroy();
        sockets.clear();
      },
    };
  }

  async listening(ports: readonly number[]): Promise<readonly number[]> {
    const wanted = new Set(ports);
    if (wanted.size === 0) return [];
    const tables = await Promise.all(
      ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8").catch(() => "")),
    );
    const found = tables.flatMap((table) => listeningPorts(table, this.#bindAddress));
    return [...wanted].filter((port) => found.includes(port));
  }

  #accept(socket: Socket, sockets: Set<Socket>, sourceRanges: readonly string[]): void {
    // A prober may reset at any moment; that is its answer to us, not an error.
    socket.on("error", () => socket.destroy());
    const source = socket.remoteAddress ?? "";
    if (sourceRanges.length > 0 && !sourceRanges.some((range) => cidrContains(range, source))) {
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    const idle = this.#clock.setTimer(IDLE_LIMIT_MS, () => socket.end());
    socket.on("close", () => {
      idle.cancel();
      sockets.delete(socket);
    });
    socket.resume();
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const isTaken = error.code === "EADDRINUSE";
      const message = isTaken
        ? `port ${port} is taken by another process`
        : `cannot listen on ${host}:${port}: ${error.message}`;
      reject(new ListenerError({ code: isTaken ? "PortInUse" : "CannotListen", port }, message, error));
    };
    server.once("error", onError);
    server.listen({ port, host, backlog: BACKLOG, exclusive: true }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/**
 * Ports in state LISTEN of a /proc/net/tcp table (proc_pid_net(5): addresses are hexadecimal in host order, ports in
 * network order) that take connections to `bindAddress`; `0.0.0.0` means any.
 */
export function listeningPorts(table: string, bindAddress: string): number[] {
  return table
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      if (local === undefined || state !== LISTEN_STATE) return [];
      const [addressHex = "", portHex = ""] = local.split(":");
      const isReached =
        bindAddress === "0.0.0.0" || /^0+$/.test(addressHex) || addressHex === littleEndianHex(bindAddress);
      return isReached ? [Number.parseInt(portHex, 16)] : [];
    });
}

/** An address as /proc/net/tcp prints it on a little-endian machine. */
function littleEndianHex(address: string): string {
  const value = parseIpv4(address) ?? 0;
  const bytes = [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  return bytes
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
}
