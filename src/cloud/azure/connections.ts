/**
 * Connections to Azure, one per subscription and identity, made on first use and kept: machines, DNS and networks share
 * token, call budget and measurements. The SDK is loaded with the first.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Random } from "../../lib/random.ts";
import type { SecretKeys } from "../fencing-ports.ts";
import { CallLimiter } from "../rate-limit.ts";
import { ARM_CALL_LIMITS, AzureCaller } from "./caller.ts";
import { azureCredential, type AzureEndpoints, type Credential } from "./client-credential.ts";

export interface AzureModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

export interface AzureConnection {
  readonly subscriptionId: string;
  readonly credential: Credential;
  readonly endpoints: AzureEndpoints;
  readonly caller: AzureCaller;
}

/** Most identities at once; the one made first is forgotten. Rotated keys leave theirs behind. */
const MAX_CLIENTS = 64;

/** What is made once per subscription and identity. */
export class PerIdentity<Client> {
  readonly #make: (subscriptionId: string, keys: SecretKeys | undefined) => Promise<Client>;
  readonly #clients = new Map<string, Promise<Client>>();

  constructor(make: (subscriptionId: string, keys: SecretKeys | undefined) => Promise<Client>) {
    this.#make = make;
  }

  /** `keys` undefined: the ambient identity. Rejects as making it does. */
  of(subscriptionId: string, keys: SecretKeys | undefined): Promise<Client> {
    const identity = keys === undefined ? "ambient" : JSON.stringify(Object.entries(keys).toSorted());
    const key = `${subscriptionId.toLowerCase()} ${identity}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const made = this.#make(subscriptionId, keys);
    this.#clients.set(key, made);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MAX_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
    // One that could not be made is tried again by the next caller.
    made.catch(() => this.#clients.delete(key));
    return made;
  }
}

export class AzureConnections {
  readonly #connections: PerIdentity<AzureConnection>;

  constructor(endpoints: AzureEndpoints, { clock, random, metrics }: AzureModules) {
    this.#connections = new PerIdentity(async (subscriptionId, keys) => {
      const sdk = await import("./identity-sdk.ts");
      const credential = azureCredential(sdk, keys, endpoints);
      const limiter = new CallLimiter(ARM_CALL_LIMITS, { clock, random });
      return { subscriptionId, credential, endpoints, caller: new AzureCaller({ clock, metrics, limiter }) };
    });
  }

  /** `keys` undefined: the ambient identity. Rejects with `CloudError`. */
  of(subscriptionId: string, keys: SecretKeys | undefined): Promise<AzureConnection> {
    return this.#connections.of(subscriptionId, keys);
  }
}
