/** Fencers of Azure, one per subscription and identity, made on first use and kept; the SDK is loaded with the first. */
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { Random } from "../../lib/random.ts";
import type { AzureVm, Fencer, SecretKeys } from "../fencing-ports.ts";
import { CallLimiter } from "../rate-limit.ts";
import { AzureFencer } from "./fencer.ts";
import { ARM_CALL_LIMITS, azureCredential, type AzureEndpoints, AzureVmClient } from "./vm-client.ts";

export interface AzureFencersModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

/** Most identities at once; the one made first is forgotten. Rotated keys leave theirs behind. */
const MAX_CLIENTS = 64;

export class AzureFencers {
  readonly #endpoints: AzureEndpoints;
  readonly #modules: AzureFencersModules;
  readonly #fencers = new Map<string, Promise<Fencer>>();

  constructor(endpoints: AzureEndpoints, modules: AzureFencersModules) {
    this.#endpoints = endpoints;
    this.#modules = modules;
  }

  async fencerOf({ subscriptionId }: AzureVm, keys: SecretKeys | undefined): Promise<Fencer> {
    const identity = keys === undefined ? "ambient" : JSON.stringify(Object.entries(keys).toSorted());
    const key = `${subscriptionId.toLowerCase()} ${identity}`;
    const known = this.#fencers.get(key);
    if (known !== undefined) return await known;
    const made = this.#connect(subscriptionId, keys);
    this.#fencers.set(key, made);
    const [oldest] = this.#fencers.keys();
    if (this.#fencers.size > MAX_CLIENTS && oldest !== undefined) this.#fencers.delete(oldest);
    // One that could not be made is tried again by the next caller.
    made.catch(() => this.#fencers.delete(key));
    return await made;
  }

  async #connect(subscriptionId: string, keys: SecretKeys | undefined): Promise<Fencer> {
    const { clock, random, metrics } = this.#modules;
    const sdk = await import("./azure-sdk.ts");
    const limiter = new CallLimiter(ARM_CALL_LIMITS, { clock, random });
    const credential = azureCredential(sdk, keys, this.#endpoints);
    const modules = { clock, metrics, limiter };
    return new AzureFencer(new AzureVmClient(sdk, credential, subscriptionId, this.#endpoints, modules));
  }
}
