/**
 * Warm Route 53 clients and what they know, one per identity and partition of AWS, made on first use and kept: Route 53 is
 * one service for all regions of a partition, and its five requests per second are the account's.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Random } from "../../lib/random.ts";
import { CallLimiter, type CallLimits } from "../rate-limit.ts";
import { clientOptionsFor, KeptClients } from "./kept-clients.ts";
import { createRoute53Client, ROUTE53_CALL_LIMITS } from "./route53-client.ts";
import { Route53Knowledge } from "./route53-knowledge.ts";
import type { AwsCredentials } from "./sdk-caller.ts";

export interface Route53Access {
  /** `region`: of any member, for the partition; `credentials` undefined: the ambient identity. */
  knowledgeOf(region: string | undefined, credentials: AwsCredentials | undefined): Promise<Route53Knowledge>;
}

export interface Route53AccessOptions {
  /** Endpoint by service, e.g. an emulator: `route53`. */
  readonly endpoints?: Readonly<Record<string, string>>;
  readonly limits?: CallLimits;
}

export interface Route53AccessModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

interface Connected {
  readonly knowledge: Route53Knowledge;
  close(): void;
}

export class Route53Clients implements Route53Access {
  readonly #options: Route53AccessOptions;
  readonly #modules: Route53AccessModules;
  readonly #clients = new KeptClients((region, credentials) => this.#connect(region, credentials));

  constructor(options: Route53AccessOptions, modules: Route53AccessModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Loads the SDK, so that nothing is imported during a failover. */
  async warmUp(): Promise<void> {
    await import("./route53-sdk.ts");
  }

  async knowledgeOf(region: string | undefined, credentials: AwsCredentials | undefined): Promise<Route53Knowledge> {
    return (await this.#clients.of(homeOf(region), credentials)).knowledge;
  }

  close(): void {
    this.#clients.close();
  }

  async #connect(region: string, credentials: AwsCredentials | undefined): Promise<Connected> {
    const { clock, random, metrics } = this.#modules;
    const { endpoints = {}, limits = ROUTE53_CALL_LIMITS } = this.#options;
    const limiter = new CallLimiter(limits, { clock, random });
    const options = clientOptionsFor("route53", region, credentials, endpoints);
    const client = await createRoute53Client(options, { clock, metrics, limiter });
    return { knowledge: new Route53Knowledge(client, clock), close: () => client.close() };
  }
}

/** The region that Route 53 of a partition is asked and signed for ("Amazon Route 53 endpoints and quotas"). */
export function homeOf(region: string | undefined): string {
  if (region?.startsWith("cn-") === true) return "cn-northwest-1";
  if (region?.startsWith("us-gov-") === true) return "us-gov-west-1";
  return "us-east-1";
}
