/**
 * An isolation target of the virtual cloud: an HTTP server at an address of its own beside the API server's, so that a
 * machine can lose the way to it and keep the way to the control plane. Needs network namespaces.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { run } from "../network/ip-command.ts";
import type { World } from "../world/world.ts";

const ADDRESS = "10.99.0.3";
const PORT = 8088;

export class Witness {
  readonly url = `http://${ADDRESS}:${PORT}/`;
  readonly #world: World;
  readonly #lost = new Set<string>();
  #server: Server | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  async open(): Promise<void> {
    // The orchestrator runs in the control namespace.
    await run("ip", ["address", "replace", `${ADDRESS}/24`, "dev", "eth0"]);
    const server = createServer((_request, response) => response.end());
    this.#server = server.listen(PORT, ADDRESS);
    await once(server, "listening");
  }

  /** For everybody; connections are refused. */
  async silence(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  /** The machine keeps its way to everything else. */
  async loseFrom(vm: string): Promise<void> {
    this.#lost.add(vm);
    await this.#route(vm, "replace");
  }

  async close(): Promise<void> {
    for (const vm of this.#lost) await this.#route(vm, "del");
    this.#lost.clear();
    await this.silence();
  }

  async #route(vm: string, verb: "replace" | "del"): Promise<void> {
    const [command = "ip", ...words] = this.#world.site.fabric.enter(vm, ["ip", "route", verb, "blackhole", ADDRESS]);
    await run(command, words);
  }
}
