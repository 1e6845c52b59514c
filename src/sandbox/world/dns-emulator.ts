/** The name servers of the world: one at each resolver of the topology, asking what the emulated clouds serve now. */
import { startDnsServer, type DnsServer } from "../dns/server.ts";
import type { ZoneSource } from "../dns/zones.ts";
import type { Emulator, Ground } from "./emulator.ts";

export class DnsEmulator implements Emulator {
  readonly #ground: Ground;
  readonly #source: ZoneSource;
  readonly #servers: DnsServer[] = [];

  constructor(source: ZoneSource, ground: Ground) {
    this.#source = source;
    this.#ground = ground;
  }

  /** In the order of `topology.resolvers`. */
  get servers(): readonly DnsServer[] {
    return this.#servers;
  }

  async start(): Promise<void> {
    const { topology, dnsPort } = this.#ground;
    for (const resolver of topology.resolvers) {
      const isShared = resolver === topology.control.address;
      if (!isShared) await this.#ground.publish(resolver);
      // An inbound endpoint answers as the VPC it lies in would be answered (Route 53 Resolver, "Forwarding inbound DNS queries").
      const source = isShared ? this.#source : { zonesFor: () => this.#source.zonesFor(resolver) };
      this.#servers.push(await startDnsServer({ host: resolver, port: dnsPort }, source));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
