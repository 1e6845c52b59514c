/**
 * The load balancers, network interfaces and public addresses of one Azure subscription in memory: what the endpoint
 * answers from and what the virtual load balancer's packets follow. Values are replaced, never changed in place.
 */

export interface ArmInterface {
  readonly resourceGroup: string;
  readonly name: string;
  readonly address: string;
  /** Name of the machine in the same resource group; omitted: attached to none. */
  readonly machine?: string;
}

export interface ArmFrontend {
  readonly name: string;
  /** IPv4. */
  readonly address: string;
  /** Name of the public address resource; omitted: an internal frontend. */
  readonly publicIp?: string;
}

export interface ArmProbe {
  readonly name: string;
  readonly protocol: "Tcp" | "Http" | "Https";
  readonly port: number;
  /** Seconds between probes: 5 and more. */
  readonly intervalSeconds: number;
  /** Consecutive answers, or failures, before the state changes (`probeThreshold`). */
  readonly threshold: number;
}

export interface ArmRule {
  readonly name: string;
  readonly protocol: "Tcp" | "Udp" | "All";
  readonly frontend: string;
  readonly frontendPort: number;
  readonly backendPort: number;
  /** `enableFloatingIP`. */
  readonly isFloatingIp: boolean;
  /** Omitted: a rule without a probe. */
  readonly probe?: string;
  readonly pool: string;
}

export interface ArmPool {
  readonly name: string;
  /** By interface: names of interfaces in the same resource group. */
  readonly interfaces?: readonly string[];
  /** By address. */
  readonly addresses?: readonly string[];
}

export interface ArmLoadBalancer {
  readonly resourceGroup: string;
  readonly name: string;
  readonly frontends: readonly ArmFrontend[];
  readonly probes: readonly ArmProbe[];
  readonly rules: readonly ArmRule[];
  readonly pools: readonly ArmPool[];
}

export class VirtualNetworks {
  readonly subscriptionId: string;
  readonly #loadBalancers = new Map<string, ArmLoadBalancer>();
  readonly #interfaces = new Map<string, ArmInterface>();
  readonly #listeners = new Set<() => void>();

  constructor(options: { readonly subscriptionId: string }) {
    this.subscriptionId = options.subscriptionId;
  }

  get loadBalancers(): readonly ArmLoadBalancer[] {
    return [...this.#loadBalancers.values()];
  }

  /** Adds or replaces one. */
  putLoadBalancer(loadBalancer: ArmLoadBalancer): void {
    this.#loadBalancers.set(keyOf(loadBalancer), loadBalancer);
    this.#changed();
  }

  removeLoadBalancer(named: Named): void {
    this.#loadBalancers.delete(keyOf(named));
    this.#changed();
  }

  findLoadBalancer(named: Named): ArmLoadBalancer | undefined {
    return this.#loadBalancers.get(keyOf(named));
  }

  putInterface(networkInterface: ArmInterface): void {
    this.#interfaces.set(keyOf(networkInterface), networkInterface);
    this.#changed();
  }

  findInterface(named: Named): ArmInterface | undefined {
    return this.#interfaces.get(keyOf(named));
  }

  /** Address of a public address resource; undefined when no frontend carries it. */
  publicAddress({ resourceGroup, name }: Named): string | undefined {
    const here = this.loadBalancers.filter((found) => sameName(found.resourceGroup, resourceGroup));
    const frontends = here.flatMap(({ frontends: found }) => found);
    return frontends.find(({ publicIp }) => publicIp !== undefined && sameName(publicIp, name))?.address;
  }

  /** Addresses of a pool's members. */
  backendsOf({ resourceGroup }: ArmLoadBalancer, { interfaces = [], addresses = [] }: ArmPool): string[] {
    const ofInterfaces = interfaces.flatMap((name) => this.findInterface({ resourceGroup, name })?.address ?? []);
    return [...ofInterfaces, ...addresses];
  }

  /** Calls back after every change; the returned function ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

interface Named {
  readonly resourceGroup: string;
  readonly name: string;
}

/** Resource ids do not distinguish case. */
function keyOf({ resourceGroup, name }: Named): string {
  return `${resourceGroup}/${name}`.toLowerCase();
}

function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
