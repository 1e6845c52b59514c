/** Listening ports in memory. */
import { ListenerError, type ListenerPort, type OpenListener } from "../../src/nodeagent/probe-port/port.ts";

export class FakeListeners implements ListenerPort {
  /** Ports that strangers listen on. */
  readonly taken = new Set<number>();
  readonly #open = new Map<number, { lose: () => void }>();

  async open(request: {
    readonly port: number;
    readonly sourceRanges: readonly string[];
    readonly onLost: () => void;
  }): Promise<OpenListener> {
    const { port, onLost } = request;
    if (this.taken.has(port) || this.#open.has(port))
      throw new ListenerError({ code: "PortInUse", port }, `port ${port} is taken by another process`);
    let isOpen = true;
    const close = (): void => {
      isOpen = false;
      this.#open.delete(port);
    };
    this.#open.set(port, {
      lose: () => {
        close();
        onLost();
      },
    });
    return { port, isOpen: () => isOpen, close };
  }

  async listening(ports: readonly number[]): Promise<readonly number[]> {
    return ports.filter((port) => this.isOpen(port) || this.taken.has(port));
  }

  isOpen(port: number): boolean {
    return this.#open.has(port);
  }

  /** The kernel takes the listener away. */
  lose(port: number): void {
    this.#open.get(port)?.lose();
  }
}
