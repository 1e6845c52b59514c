/**
 * Microsoft.Network of the emulated Azure, as far as load balancers are read: "Load Balancers - Get", "Network
 * Interfaces - Get", "Public IP Addresses - Get" of the API reference. Answers have the shape of those pages.
 */
import type { ArmLoadBalancer, ArmPool, ArmRule, VirtualNetworks } from "./network-state.ts";
import { type ArmAnswer, type ArmCall, ArmError, type ArmProvider } from "./provider.ts";

const RESOURCE =
  /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/microsoft\.network\/(loadbalancers|networkinterfaces|publicipaddresses)\/([^/]+)$/i;

interface Named {
  readonly resourceGroup: string;
  readonly name: string;
}

interface Kind {
  /** Under which faults and counts know the call. */
  readonly call: string;
  readonly type: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  loadbalancers: { call: "LoadBalancer", type: "loadBalancers" },
  networkinterfaces: { call: "NetworkInterface", type: "networkInterfaces" },
  publicipaddresses: { call: "PublicIPAddress", type: "publicIPAddresses" },
};

export class NetworkProvider implements ArmProvider {
  readonly #networks: VirtualNetworks;

  constructor(networks: VirtualNetworks) {
    this.#networks = networks;
  }

  callOf(method: string, path: string): ArmCall | undefined {
    const [, subscription, resourceGroup, kind = "", name] = RESOURCE.exec(path) ?? [];
    const found = KINDS[kind.toLowerCase()];
    if (method !== "GET" || found === undefined) return undefined;
    if (subscription === undefined || resourceGroup === undefined || name === undefined) return undefined;
    const named = { resourceGroup, name: decodeURIComponent(name) };
    return {
      name: found.call,
      permission: `Microsoft.Network/${found.type}/read`,
      run: () => this.#run(subscription, found, named),
    };
  }

  #run(subscription: string, kind: Kind, named: Named): ArmAnswer {
    if (subscription.toLowerCase() !== this.#networks.subscriptionId.toLowerCase())
      throw new ArmError(404, "SubscriptionNotFound", `The subscription '${subscription}' could not be found.`);
    const body = this.#bodyOf(kind, named);
    if (body !== undefined) return { status: 200, body };
    const text = `The Resource 'Microsoft.Network/${kind.type}/${named.name}' under resource group '${named.resourceGroup}' was not found.`;
    throw new ArmError(404, "ResourceNotFound", text);
  }

  #bodyOf(kind: Kind, named: Named): object | undefined {
    switch (kind.call) {
      case "LoadBalancer": {
        const found = this.#networks.findLoadBalancer(named);
        return found === undefined ? undefined : this.#loadBalancer(found);
      }
      case "NetworkInterface":
        return this.#interface(named);
      default: {
        const ipAddress = this.#networks.publicAddress(named);
        const properties = { ipAddress, publicIPAllocationMethod: "Static" };
        return ipAddress === undefined ? undefined : { ...this.#head(kind.type, named), properties };
      }
    }
  }

  #interface(named: Named): object | undefined {
    const found = this.#networks.findInterface(named);
    if (found === undefined) return undefined;
    const head = this.#head("networkInterfaces", found);
    const { resourceGroup, machine } = found;
    const virtualMachine =
      machine === undefined ? undefined : { id: this.#id("Microsoft.Compute/virtualMachines", resourceGroup, machine) };
    const configuration = {
      ...child(head.id, "ipConfigurations", "ipconfig1"),
      properties: { privateIPAddress: found.address, primary: true },
    };
    return { ...head, properties: { virtualMachine, ipConfigurations: [configuration] } };
  }

  #loadBalancer(found: ArmLoadBalancer): object {
    const head = this.#head("loadBalancers", found);
    const { id } = head;
    const properties = {
      frontendIPConfigurations: found.frontends.map((frontend) => ({
        ...child(id, "frontendIPConfigurations", frontend.name),
        properties:
          frontend.publicIp === undefined
            ? { privateIPAddress: frontend.address, privateIPAllocationMethod: "Static" }
            : { publicIPAddress: { id: this.#head("publicIPAddresses", { ...found, name: frontend.publicIp }).id } },
      })),
      backendAddressPools: found.pools.map((pool) => this.#pool(found, id, pool)),
      loadBalancingRules: found.rules.map((rule) => ruleBody(id, rule)),
      probes: found.probes.map(({ name, protocol, port, intervalSeconds, threshold }) => ({
        ...child(id, "probes", name),
        properties: { protocol, port, intervalInSeconds: intervalSeconds, probeThreshold: threshold },
      })),
    };
    return { ...head, sku: { name: "Standard" }, properties };
  }

  #pool({ resourceGroup }: ArmLoadBalancer, id: string, pool: ArmPool): object {
    const configurations = (pool.interfaces ?? []).map((name) =>
      child(this.#head("networkInterfaces", { resourceGroup, name }).id, "ipConfigurations", "ipconfig1"),
    );
    const byInterface = configurations.map((configuration) => ({
      name: configuration.name,
      properties: { networkInterfaceIPConfiguration: { id: configuration.id } },
    }));
    const byAddress = (pool.addresses ?? []).map((ipAddress) => ({ name: ipAddress, properties: { ipAddress } }));
    const properties = {
      ...(configurations.length === 0
        ? {}
        : { backendIPConfigurations: configurations.map((configuration) => ({ id: configuration.id })) }),
      loadBalancerBackendAddresses: [...byInterface, ...byAddress],
    };
    return { ...child(id, "backendAddressPools", pool.name), properties };
  }

  #head(type: string, { resourceGroup, name }: Named): { id: string; name: string } {
    return { id: this.#id(`Microsoft.Network/${type}`, resourceGroup, name), name };
  }

  #id(type: string, resourceGroup: string, name: string): string {
    return `/subscriptions/${this.#networks.subscriptionId}/resourceGroups/${resourceGroup}/providers/${type}/${name}`;
  }
}

function ruleBody(id: string, rule: ArmRule): object {
  const pool = { id: child(id, "backendAddressPools", rule.pool).id };
  const properties = {
    frontendIPConfiguration: { id: child(id, "frontendIPConfigurations", rule.frontend).id },
    backendAddressPool: pool,
    backendAddressPools: [pool],
    ...(rule.probe === undefined ? {} : { probe: { id: child(id, "probes", rule.probe).id } }),
    protocol: rule.protocol,
    frontendPort: rule.frontendPort,
    backendPort: rule.backendPort,
    enableFloatingIP: rule.isFloatingIp,
  };
  return { ...child(id, "loadBalancingRules", rule.name), properties };
}

function child(parentId: string, type: string, name: string): { id: string; name: string } {
  return { id: `${parentId}/${type}/${name}`, name };
}
