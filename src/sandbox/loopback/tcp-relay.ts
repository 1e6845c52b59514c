/**
 * A TCP relay that behaves like a wire: what may not pass is neither refused nor reset but lost in silence, and goes
 * on where it stopped once the wire is mended, as TCP does over a short partition.
 */
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface TcpRelayOptions {
  readonly listen: Endpoint;
  /** Where a new connection leads; undefined: nowhere, in silence. */
  readonly target: () => Endpoint | undefined;
  /** Which directions are cut now, for a connection that leads to `target`. */
  readonly cut: (target: Endpoint) => { readonly towardsTarget: boolean; readonly towardsSource: boolean };
}

const MAX_CONNECTIONS = 512;

interface Direction {
  readonly from: Socket;
  readonly to: Socket;
  readonly isCut: () => boolean;
}

export class TcpRelay {
  readonly #options: TcpRelayOptions;
  readonly #server: Server;
  readonly #directions = new Set<Direction>();
  readonly #sockets = new Set<Socket>();

  constructor(options: TcpRelayOptions) {
    this.#options = options;
    this.#server = createServer((source) => this.#accepted(source));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  listen(): Promise<void> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      this.#server.on("error", reject);
      this.#server.listen(port, host, resolve);
    });
  }

  /** To be called when the wires have changed. */
  wiresChanged(): void {
    for (const direction of this.#directions) {
      if (direction.isCut()) direction.from.pause();
      else if (direction.from.destroyed) direction.to.destroy();
      else direction.from.resume();
    }
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accepted(source: Socket): void {
    this.#track(source);
    const target = this.#options.target();
    const { cut } = this.#options;
    if (target === undefined || cut(target).towardsTarget) {
      source.resume(); // read and forgotten, until the source gives up
      return;
    }
    const upstream = connect({ host: target.host, port: target.port, noDelay: true });
    this.#track(upstream);
    this.#carry({ from: source, to: upstream, isCut: () => cut(target).towardsTarget });
    this.#carry({ from: upstream, to: source, isCut: () => cut(target).towardsSource });
  }

  #carry(direction: Direction): void {
    const { from, to, isCut } = direction;
    this.#directions.add(direction);
    from.on("data", (chunk: Buffer) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (!isCut()) from.resume();
    });
    from.on("end", () => {
      if (!isCut()) to.end();
    });
    from.on("close", () => {
      if (!isCut()) to.destroy();
      if (to.destroyed) this.#directions.delete(direction);
    });
    to.on("close", () => {
      if (from.destroyed) this.#directions.delete(direction);
    });
    if (isCut()) from.pause();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
