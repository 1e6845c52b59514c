/** Fencers of Azure, one per subscription and identity, made on first use and kept; the SDK is loaded with the first. */
import type { AzureVm, Fencer, SecretKeys } from "../fencing-ports.ts";
import { type AzureConnections, PerIdentity } from "./connections.ts";
import { AzureFencer } from "./fencer.ts";
import { AzureVmClient } from "./vm-client.ts";

export class AzureFencers {
  readonly #fencers: PerIdentity<Fencer>;

  constructor(connections: AzureConnections) {
    this.#fencers = new PerIdentity(async (subscriptionId, keys) => {
      const connection = await connections.of(subscriptionId, keys);
      return new AzureFencer(new AzureVmClient(await import("./azure-sdk.ts"), connection));
    });
  }

  fencerOf({ subscriptionId }: AzureVm, keys: SecretKeys | undefined): Promise<Fencer> {
    return this.#fencers.of(subscriptionId, keys);
  }
}
