/**
 * What is known about one subscription's load balancers under one identity: every read goes through a `ReadCache`, so
 * that any number of probe ports cost one read per load balancer and interval.
 */
import type { Clock } from "../../lib/clock.ts";
import type { CallTimes } from "../call-times.ts";
import type { SecretKeys } from "../fencing-ports.ts";
import { type Read, ReadCache, type ReadWish } from "../read-cache.ts";
import { type AzureConnections, PerIdentity } from "./connections.ts";
import { AzureNetworkClient, loadBalancerPath } from "./network-client.ts";
import type { AzureInterface, AzureNetworkPort, LoadBalancer, LoadBalancerId } from "./network-ports.ts";

export interface AzureNetworkAccess {
  /** `keys` undefined: the ambient identity. Rejects with `CloudError`. */
  networksOf(subscriptionId: string, keys: SecretKeys | undefined): Promise<AzureNetworks>;
}

export class AzureNetworks {
  readonly #port: AzureNetworkPort;
  readonly #loadBalancers: ReadCache<LoadBalancer>;
  readonly #interfaces: ReadCache<AzureInterface>;
  readonly #publicAddresses: ReadCache<string | undefined>;

  constructor(port: AzureNetworkPort, clock: Clock) {
    this.#port = port;
    this.#loadBalancers = new ReadCache(clock);
    this.#interfaces = new ReadCache(clock);
    this.#publicAddresses = new ReadCache(clock);
  }

  callTimes(): CallTimes | undefined {
    return this.#port.callTimes?.();
  }

  loadBalancer(id: LoadBalancerId, wish: ReadWish): Promise<Read<LoadBalancer>> {
    const key = loadBalancerPath(id).toLowerCase();
    return this.#loadBalancers.ask(key, wish, () => this.#port.loadBalancer(id, wish));
  }

  networkInterface(id: string, wish: ReadWish): Promise<Read<AzureInterface>> {
    return this.#interfaces.ask(id.toLowerCase(), wish, () => this.#port.networkInterface(id, wish));
  }

  publicAddress(id: string, wish: ReadWish): Promise<Read<string | undefined>> {
    return this.#publicAddresses.ask(id.toLowerCase(), wish, () => this.#port.publicAddress(id, wish));
  }
}

/** One knowledge per subscription and identity; the SDK for networks is loaded with the first. */
export class AzureNetworkClients implements AzureNetworkAccess {
  readonly #networks: PerIdentity<AzureNetworks>;

  constructor(connections: AzureConnections, { clock }: { readonly clock: Clock }) {
    this.#networks = new PerIdentity(async (subscriptionId, keys) => {
      const connection = await connections.of(subscriptionId, keys);
      return new AzureNetworks(new AzureNetworkClient(await import("./network-sdk.ts"), connection), clock);
    });
  }

  networksOf(subscriptionId: string, keys: SecretKeys | undefined): Promise<AzureNetworks> {
    return this.#networks.of(subscriptionId, keys);
  }
}
