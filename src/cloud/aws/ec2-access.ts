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
import type { Ec2PowerPort } from "./ports.ts";

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

/** Most identities at once; the one made first is closed and forgotten. Rotated keys leave their clients behind. */
const MAX_CLIENTS = 64;

interface Connected {
  readonly client: Ec2SdkClient;
  readonly knowledge: Ec2Knowledge;
}

interface Entry {
  readonly made: Promise<Connected>;
  client: Ec2SdkClient | undefined;
}

export class Ec2Clients implements Ec2Access, Ec2PowerAccess {
  readonly #options: Ec2AccessOptions;
  readonly #modules: Ec2AccessModules;
  readonly #entries = new Map<string, Entry>();

  constructor(options: Ec2AccessOptions, modules: Ec2AccessModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Loads the SDK, so that nothing is imported during a failover. */
  async warmUp(): Promise<void> {
    await import("./ec2-sdk.ts");
  }

  async knowledgeOf(region: string, credentials: AwsCredentials | undefined): Promise<Ec2Knowledge> {
    return (await this.#entryOf(region, credentials).made).knowledge;
  }

  async powerOf(region: string, credentials: AwsCredentials | undefined): Promise<Ec2PowerPort> {
    return (await this.#entryOf(region, credentials).made).client;
  }

  #entryOf(region: string, credentials: AwsCredentials | undefined): Entry {
    const identity =
      credentials === undefined ? "ambient" : `${credentials.accessKeyId} ${credentials.secretAccessKey}`;
    const key = `${region} ${identity}`;
    return this.#entries.get(key) ?? this.#add(key, region, credentials);
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.client?.close();
    this.#entries.clear();
  }

  #add(key: string, region: string, credentials: AwsCredentials | undefined): Entry {
    const entry: Entry = {
      client: undefined,
      made: this.#connect(region, credentials, (client) => (entry.client = client)),
    };
    this.#entries.set(key, entry);
    // A client that could not be made (say, out of memory while the SDK loads) is tried again by the next caller.
    entry.made.catch(() => this.#entries.delete(key));
    const [oldestKey, oldest] = this.#entries.entries().next().value ?? [];
    if (this.#entries.size > MAX_CLIENTS && oldestKey !== undefined) {
      oldest?.client?.close();
      this.#entries.delete(oldestKey);
    }
    return entry;
  }

  async #connect(
    region: string,
    credentials: AwsCredentials | undefined,
    made: (client: Ec2SdkClient) => void,
  ): Promise<Connected> {
    const { clock, random, metrics } = this.#modules;
    const { endpoints = {}, limits = EC2_CALL_LIMITS } = this.#options;
    const endpoint = endpoints[`ec2.${region}`] ?? endpoints["ec2"];
    const limiter = new CallLimiter(limits, { clock, random });
    const options = {
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    };
    const client = await createEc2Client(options, { clock, metrics, limiter });
    made(client);
    return { client, knowledge: new Ec2Knowledge(client, clock) };
  }
}
