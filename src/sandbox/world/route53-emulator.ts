/** Route 53 of the world, one service for all regions, beside EC2. */
import { cidrContains } from "../../lib/ipv4.ts";
import type { ZoneSource } from "../dns/zones.ts";
import { startRoute53Endpoint, type Route53Endpoint } from "../route53/endpoint.ts";
import { VirtualRoute53, type HostedVpc } from "../route53/virtual-route53.ts";
import { route53Zones } from "../route53/zone-source.ts";
import type { Policy } from "../policy.ts";
import type { Emulator, Ground } from "./emulator.ts";
import { AWS_KEY } from "./site.ts";

const ROUTE53_PORT = 8_001;

export class Route53Emulator implements Emulator {
  readonly route53: VirtualRoute53;
  readonly #ground: Ground;
  #endpoint: Route53Endpoint | undefined;

  /** `propagationMs`: from a change to its being on all name servers. */
  constructor(options: { readonly propagationMs: number }, ground: Ground) {
    this.#ground = ground;
    this.route53 = new VirtualRoute53(options, ground);
  }

  /** Once it has started. */
  get endpoint(): Route53Endpoint {
    if (this.#endpoint === undefined) throw new Error("Route 53 has not started");
    return this.#endpoint;
  }

  /** What its name servers and the resolvers of the VPCs answer. */
  get zones(): ZoneSource {
    return route53Zones(this.route53, (address) => this.#vpcOf(address));
  }

  /** Every VPC of the world, for a zone that is private to them. */
  get vpcs(): readonly HostedVpc[] {
    return [...this.#ground.ec2World.vpcIds].map(([region, vpcId]) => ({ region, vpcId }));
  }

  async start(): Promise<void> {
    const { topology, latencyMs, clock, random } = this.#ground;
    this.#endpoint = await startRoute53Endpoint(
      { host: topology.control.address, port: ROUTE53_PORT, accessKeys: [AWS_KEY], latencyMs },
      { route53: this.route53, clock, random },
    );
  }

  controllerFlags(): readonly string[] {
    return ["--aws-route53-endpoint", `http://${this.#ground.topology.control.address}:${ROUTE53_PORT}`];
  }

  restrict(policy: Policy): void {
    this.#endpoint?.setAccessKeys([{ ...AWS_KEY, policy }]);
  }

  refused(): readonly string[] {
    return this.#endpoint?.refused ?? [];
  }

  async close(): Promise<void> {
    await this.#endpoint?.close();
  }

  /**
   * The VPC whose resolver a client asks. Who stands outside every VPC asks through an inbound endpoint of the first one,
   * as a company's own resolver does that forwards the zone's names there.
   */
  #vpcOf(address: string): string | undefined {
    const vpcs = this.#ground.regions.flatMap(({ state }) => [...state.vpcs.values()]);
    const around = vpcs.find(({ cidrBlocks }) => cidrBlocks.some((block) => cidrContains(block, address)));
    return around?.vpcId ?? this.#ground.ec2World.vpcId;
  }
}
