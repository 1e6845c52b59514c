/**
 * Load balancers of one Azure subscription under one identity, as this product reads them: plain values, resource ids in
 * lower case (they do not distinguish case). Nothing is ever written.
 */
import type { CallTimes } from "../call-times.ts";
import type { CallDeadline } from "./caller.ts";

export interface LoadBalancerId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

export interface LbFrontend {
  readonly id: string;
  readonly name: string;
  /** IPv4 of an internal frontend. */
  readonly privateAddress?: string;
  /** Resource that carries the address of a public frontend. */
  readonly publicIpId?: string;
}

export interface LbProbe {
  readonly id: string;
  readonly name: string;
  /** `Tcp`, `Http` or `Https`. */
  readonly protocol: string;
  readonly port: number;
}

export interface LbRule {
  readonly name: string;
  /** `Tcp`, `Udp` or `All` (every port, as frontend and backend port 0). */
  readonly protocol: string;
  readonly frontendId?: string;
  readonly frontendPort: number;
  readonly backendPort: number;
  /** "Floating IP": the packet keeps the frontend address as its destination (Direct Server Return). */
  readonly isFloatingIp: boolean;
  readonly probeId?: string;
  readonly poolIds: readonly string[];
}

export interface LbPool {
  readonly id: string;
  readonly name: string;
  /** Network interfaces of a pool by interface. */
  readonly interfaceIds: readonly string[];
  /** Addresses of a pool by address; those of interfaces are not among them. */
  readonly addresses: readonly string[];
}

export interface LoadBalancer {
  readonly id: string;
  readonly name: string;
  readonly frontends: readonly LbFrontend[];
  readonly probes: readonly LbProbe[];
  readonly rules: readonly LbRule[];
  readonly pools: readonly LbPool[];
}

export interface AzureInterface {
  readonly id: string;
  /** Machine that it is attached to. */
  readonly virtualMachineId?: string;
  readonly addresses: readonly string[];
}

/** Every call ends within its deadline; all reject with `CloudError`. */
export interface AzureNetworkPort {
  /** Microsoft.Network/loadBalancers/read */
  loadBalancer(id: LoadBalancerId, options: CallDeadline): Promise<LoadBalancer>;
  /** Microsoft.Network/networkInterfaces/read */
  networkInterface(id: string, options: CallDeadline): Promise<AzureInterface>;
  /** Microsoft.Network/publicIPAddresses/read. Undefined: it has no address now. */
  publicAddress(id: string, options: CallDeadline): Promise<string | undefined>;
  callTimes?(): CallTimes | undefined;
}
