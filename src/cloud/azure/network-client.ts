/** `AzureNetworkPort` on the Azure SDK. Reads only; each within its deadline and the budget of its subscription. */
import type { CallTimes } from "../call-times.ts";
import { getJson, type UncheckedPaths } from "./arm-json.ts";
import type { AzureCaller, CallDeadline } from "./caller.ts";
import { clientOptions } from "./client-credential.ts";
import type { AzureConnection } from "./connections.ts";
import { interfaceOf, loadBalancerOf, publicAddressOf } from "./network-answers.ts";
import type { AzureInterface, AzureNetworkPort, LoadBalancer, LoadBalancerId } from "./network-ports.ts";

type Sdk = typeof import("./network-sdk.ts");

/** The version that the answers are read by; the SDK's own (2026-01-01) is not in every cloud yet. */
const NETWORK_API = "2024-05-01";

export class AzureNetworkClient implements AzureNetworkPort {
  readonly #context: UncheckedPaths;
  readonly #caller: AzureCaller;

  constructor(sdk: Sdk, { credential, subscriptionId, endpoints, caller }: AzureConnection) {
    this.#context = sdk.createNetworkManagement(credential, subscriptionId, clientOptions(endpoints));
    this.#caller = caller;
  }

  callTimes(): CallTimes | undefined {
    return this.#caller.callTimes();
  }

  loadBalancer(id: LoadBalancerId, options: CallDeadline): Promise<LoadBalancer> {
    return this.#read("LoadBalancers.Get", loadBalancerPath(id), options, loadBalancerOf);
  }

  networkInterface(id: string, options: CallDeadline): Promise<AzureInterface> {
    return this.#read("NetworkInterfaces.Get", id, options, interfaceOf);
  }

  publicAddress(id: string, options: CallDeadline): Promise<string | undefined> {
    return this.#read("PublicIPAddresses.Get", id, options, publicAddressOf);
  }

  #read<T>(action: string, path: string, options: CallDeadline, understand: (answer: unknown) => T): Promise<T> {
    return this.#caller.call(action, "read", options, async (signal) =>
      understand(await getJson(this.#context, `${path}?api-version=${NETWORK_API}`, signal)),
    );
  }
}

export function loadBalancerPath({ subscriptionId, resourceGroup, name }: LoadBalancerId): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/loadBalancers/${encodeURIComponent(name)}`;
}
