/** Azure's load balancers for tests: a small one with two members, and a port on it without HTTP, with scripted failures. */
import { toCloudError } from "../../src/cloud/azure/azure-errors.ts";
import { loadBalancerPath } from "../../src/cloud/azure/network-client.ts";
import { interfaceOf, loadBalancerOf, publicAddressOf } from "../../src/cloud/azure/network-answers.ts";
import type {
  AzureInterface,
  AzureNetworkPort,
  LoadBalancer,
  LoadBalancerId,
} from "../../src/cloud/azure/network-ports.ts";
import { CloudError, type CloudErrorCode } from "../../src/cloud/errors.ts";
import { NetworkProvider } from "../../src/sandbox/arm/network.ts";
import { type ArmLoadBalancer, VirtualNetworks } from "../../src/sandbox/arm/network-state.ts";
import { ArmError, type ArmIdentity } from "../../src/sandbox/arm/provider.ts";

export const SUBSCRIPTION = "11111111-2222-3333-4444-555555555555";
export const RESOURCE_GROUP = "TestGroup1";

/** Names and values of guide 001, chapter 6. */
export const TEST_LOAD_BALANCER: ArmLoadBalancer = {
  resourceGroup: RESOURCE_GROUP,
  name: "TestLoadBalancer",
  frontends: [{ name: "TestFrontend", address: "10.5.0.200" }],
  probes: [{ name: "TestHealthProbe", protocol: "Tcp", port: 26_001, intervalSeconds: 5, threshold: 2 }],
  rules: [
    {
      name: "TestLoadBalancingRule",
      protocol: "Tcp",
      frontend: "TestFrontend",
      frontendPort: 80,
      backendPort: 8080,
      isFloatingIp: false,
      probe: "TestHealthProbe",
      pool: "TestBackendPool",
    },
  ],
  pools: [{ name: "TestBackendPool", interfaces: ["node1-nic", "node2-nic"] }],
};

/** Two machines with an interface each in the pool of `change`d `TEST_LOAD_BALANCER`. */
export function smallNetworks(change: Partial<ArmLoadBalancer> = {}): VirtualNetworks {
  const networks = new VirtualNetworks({ subscriptionId: SUBSCRIPTION });
  for (const [machine, address] of [
    ["node1", "10.5.0.110"],
    ["node2", "10.5.0.111"],
  ] as const)
    networks.putInterface({ resourceGroup: RESOURCE_GROUP, name: `${machine}-nic`, machine, address });
  networks.putLoadBalancer({ ...TEST_LOAD_BALANCER, ...change });
  return networks;
}

export class FakeAzureNetworks implements AzureNetworkPort {
  /** Calls sent, by the name of the permission that they need. */
  readonly calls: string[] = [];
  /** What every call fails with. */
  failure: CloudErrorCode | undefined;
  readonly #provider: NetworkProvider;
  readonly #allowedActions: readonly string[] | undefined;

  constructor(networks: VirtualNetworks, allowedActions?: readonly string[]) {
    this.#provider = new NetworkProvider(networks);
    this.#allowedActions = allowedActions;
  }

  loadBalancer(id: LoadBalancerId): Promise<LoadBalancer> {
    return this.#get("LoadBalancers.Get", loadBalancerPath(id), loadBalancerOf);
  }

  networkInterface(id: string): Promise<AzureInterface> {
    return this.#get("NetworkInterfaces.Get", id, interfaceOf);
  }

  publicAddress(id: string): Promise<string | undefined> {
    return this.#get("PublicIPAddresses.Get", id, publicAddressOf);
  }

  async #get<T>(action: string, path: string, understand: (answer: unknown) => T): Promise<T> {
    await Promise.resolve();
    const call = this.#provider.callOf("GET", path);
    const permission = call?.permission ?? "";
    this.calls.push(permission);
    if (this.failure !== undefined) throw new CloudError({ code: this.failure, action }, `${action}: ${this.failure}`);
    if (call === undefined) throw refused(action, 404, "InvalidResourceType", path);
    const text = `The client 'test' does not have authorization to perform action '${permission}' over scope '${path}'.`;
    if (this.#allowedActions?.includes(permission) === false) throw refused(action, 403, "AuthorizationFailed", text);
    try {
      return understand(call.run(requestFor(path)).body);
    } catch (thrown) {
      if (!(thrown instanceof ArmError)) throw thrown;
      throw refused(action, thrown.status, thrown.code, thrown.message);
    }
  }
}

function refused(action: string, statusCode: number, code: string, message: string): CloudError {
  return toCloudError(action, Object.assign(new Error(message), { statusCode, code }));
}

function requestFor(path: string) {
  const identity: ArmIdentity = { tenantId: "", clientId: "test" };
  const endpointUrl = "https://arm.test";
  return { url: new URL(path, endpointUrl), headers: {}, body: "", identity, endpointUrl };
}
