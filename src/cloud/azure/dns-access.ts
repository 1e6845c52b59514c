/** What is known of Azure's zones, by subscription and identity; the SDK is loaded with the first record, or beforehand. */
import type { Clock } from "../../lib/clock.ts";
import type { SecretKeys } from "../fencing-ports.ts";
import { type AzureConnections, PerIdentity } from "./connections.ts";
import { AzureDnsClient } from "./dns-client.ts";
import { AzureDnsKnowledge } from "./dns-knowledge.ts";

export interface AzureDnsAccess {
  /** `keys` undefined: the ambient identity. Rejects with `CloudError`. */
  knowledgeOf(subscriptionId: string, keys: SecretKeys | undefined): Promise<AzureDnsKnowledge>;
  /** Loads the SDK, so that nothing is imported during a failover. Repeatable; a failure is the first call's to tell. */
  warmUp?(): void;
}

export class AzureDnsClients implements AzureDnsAccess {
  readonly #knowledge: PerIdentity<AzureDnsKnowledge>;
  #isWarm = false;

  constructor(connections: AzureConnections, modules: { readonly clock: Clock }) {
    this.#knowledge = new PerIdentity(async (subscriptionId, keys) => {
      const [sdk, connection] = await Promise.all([import("./dns-sdk.ts"), connections.of(subscriptionId, keys)]);
      return new AzureDnsKnowledge(new AzureDnsClient(sdk, connection), modules.clock);
    });
  }

  warmUp(): void {
    if (this.#isWarm) return;
    this.#isWarm = true;
    Promise.all([import("./dns-sdk.ts"), import("./identity-sdk.ts")]).catch(() => (this.#isWarm = false));
  }

  knowledgeOf(subscriptionId: string, keys: SecretKeys | undefined): Promise<AzureDnsKnowledge> {
    return this.#knowledge.of(subscriptionId, keys);
  }
}
