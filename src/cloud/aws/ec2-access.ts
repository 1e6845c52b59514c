/**
 * Warm clients and what they know, one per region and identity, made on first use and kept. Everybody who asks for
 * the same region and identity shares connections, call budget and answers.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Random } from "../../lib/random.ts";
import { CallLimiter, EC2_CALL_LIMITS } from "../rate-limit.ts";
import type { CallLimits } from "../rate-limit.ts";
import { createEc2Client } from "./ec2-client.ts";
import type { AwsCredentials, Ec2SdkClient } from "./ec2-client.ts";
import { Ec2Knowledge } from "./ec2-knowledge.ts";
import { clientOptionsFor, KeptClients } from "./kept-clients.ts";
import type { Ec2PowerPort } from "./ports.ts";
import { type Ec2ZoneAccess, ZoneKnowledge } from "./zone-knowledge.ts";

export interface Ec2Access {
  /** `credentials` undefined: the ambient identity. */
  knowledgeOf(region: string, credentials: AwsCredentials | undefined): Promise<Ec2Knowledge>;
}

export interface Ec2PowerAccess {
  /** Power of instances; shares connections and call budget with the knowledge of the same region and identity. */
  powerOf(region: string, credentials: AwsCredentials | undefined): Promise<Ec2PowerPort>;
}

export interface Ec2AccessOptions {
  /** Endpoint per service and region, e.g. for VPC endpoints: `ec2.REGION` before `ec2`. */
  readonly endpoints?: Readonly<Record<string, string>>;
  readonly limits?: CallLimits;
}

export interface Ec2AccessModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

interface Connected {
  readonly client: Ec2SdkClient;
  readonly knowledge: Ec2Knowledge;
  readonly zones: ZoneKnowledge;
  close(): void;
}

export class Ec2Clients implements Ec2Access, Ec2PowerAccess, Ec2ZoneAccess {
  readonly #options: Ec2AccessOptions;
  readonly #modules: Ec2AccessModules;
  readonly #clients = new KeptClients((region, credentials) => this.#connect(region, credentials));

  constructor(options: Ec2AccessOptions, modules: Ec2AccessModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Loads the SDK, so that nothing is imported during a failover. */
  async warmUp(): Promise<void> {
    await import("./ec2-sdk.ts");
  }

  async knowledgeOf(region: string, credentials: AwsCredentials | undefined): Promise<Ec2Knowledge> {
    return (await this.#clients.of(region, credentials)).knowledge;
  }

  async powerOf(region: string, credentials: AwsCredentials | undefined): Promise<Ec2PowerPort> {
    return (await this.#clients.of(region, credentials)).client;
  }

  async zonesOf(region: string, credentials: AwsCredentials | undefined): Promise<ZoneKnowledge> {
    return (await this.#clients.of(region, credentials)).zones;
  }

  close(): void {
    this.#clients.close();
  }

  async #connect(region: string, credentials: AwsCredentials | undefined): Promise<Connected> {
    const { clock, random, metrics } = this.#modules;
    const { endpoints = {}, limits = EC2_CALL_LIMITS } = this.#options;
    const limiter = new CallLimiter(limits, { clock, random });
    const options = clientOptionsFor("ec2", region, credentials, endpoints);
    const client = await createEc2Client(options, { clock, metrics, limiter });
    const zones = new ZoneKnowledge(client, clock);
    return { client, knowledge: new Ec2Knowledge(client, clock), zones, close: () => client.close() };
  }
}
