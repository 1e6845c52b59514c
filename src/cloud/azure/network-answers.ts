/**
 * From the JSON of Microsoft.Network (API reference, "Load Balancers - Get", "Network Interfaces - Get", "Public IP
 * Addresses - Get") to plain values. Pure. Every field may be missing: an answer without its resource id is refused,
 * everything else is read as absent.
 */
import { CloudError } from "../errors.ts";
import type { AzureInterface, LbFrontend, LbPool, LbProbe, LbRule, LoadBalancer } from "./network-ports.ts";

interface Reference {
  readonly id?: string;
}

interface Resource<Properties> extends Reference {
  readonly name?: string;
  readonly properties?: Properties;
}

interface RuleJson {
  readonly frontendIPConfiguration?: Reference;
  readonly backendAddressPool?: Reference;
  readonly backendAddressPools?: readonly Reference[];
  readonly probe?: Reference;
  readonly protocol?: string;
  readonly frontendPort?: number;
  readonly backendPort?: number;
  readonly enableFloatingIP?: boolean;
}

interface PoolJson {
  readonly backendIPConfigurations?: readonly Reference[];
  readonly loadBalancerBackendAddresses?: readonly Resource<{
    readonly ipAddress?: string;
    readonly networkInterfaceIPConfiguration?: Reference;
  }>[];
}

type FrontendJson = Resource<{ readonly privateIPAddress?: string; readonly publicIPAddress?: Reference }>;

interface LoadBalancerJson {
  readonly frontendIPConfigurations?: readonly FrontendJson[];
  readonly backendAddressPools?: readonly Resource<PoolJson>[];
  readonly loadBalancingRules?: readonly Resource<RuleJson>[];
  readonly probes?: readonly Resource<{ readonly protocol?: string; readonly port?: number }>[];
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

export function loadBalancerOf(answer: unknown): LoadBalancer {
  const { id, name = "", properties = {} } = Object(answer) as Resource<LoadBalancerJson>;
  return {
    id: idOf(id, "LoadBalancers.Get"),
    name,
    frontends: (properties.frontendIPConfigurations ?? []).map(frontendOf),
    probes: (properties.probes ?? []).map((probe): LbProbe => ({
      id: lower(probe.id),
      name: probe.name ?? "",
      protocol: probe.properties?.protocol ?? "",
      port: probe.properties?.port ?? 0,
    })),
    rules: (properties.loadBalancingRules ?? []).map(ruleOf),
    pools: (properties.backendAddressPools ?? []).map(poolOf),
  };
}

function frontendOf({ id, name = "", properties = {} }: FrontendJson): LbFrontend {
  const { privateIPAddress, publicIPAddress } = properties;
  const isIpv4 = privateIPAddress !== undefined && IPV4.test(privateIPAddress);
  return {
    id: lower(id),
    name,
    ...(isIpv4 ? { privateAddress: privateIPAddress } : {}),
    ...(publicIPAddress?.id === undefined ? {} : { publicIpId: lower(publicIPAddress.id) }),
  };
}

function ruleOf({ name = "", properties = {} }: Resource<RuleJson>): LbRule {
  const { frontendIPConfiguration, backendAddressPool, backendAddressPools = [], probe } = properties;
  const pools = backendAddressPool === undefined ? backendAddressPools : [backendAddressPool, ...backendAddressPools];
  const { frontendPort = 0 } = properties;
  return {
    name,
    protocol: properties.protocol ?? "",
    ...(frontendIPConfiguration?.id === undefined ? {} : { frontendId: lower(frontendIPConfiguration.id) }),
    frontendPort,
    backendPort: properties.backendPort ?? frontendPort,
    isFloatingIp: properties.enableFloatingIP === true,
    ...(probe?.id === undefined ? {} : { probeId: lower(probe.id) }),
    poolIds: [...new Set(pools.map((pool) => lower(pool.id)))],
  };
}

/** A pool by interface names its members twice; a pool by address names addresses only. */
function poolOf({ id, name = "", properties = {} }: Resource<PoolJson>): LbPool {
  const { backendIPConfigurations = [], loadBalancerBackendAddresses = [] } = properties;
  const configurations = [
    ...backendIPConfigurations.map((found) => found.id),
    ...loadBalancerBackendAddresses.map((found) => found.properties?.networkInterfaceIPConfiguration?.id),
  ];
  const interfaceIds = configurations.flatMap((found) => (found === undefined ? [] : [interfaceIdOf(found)]));
  const addresses = loadBalancerBackendAddresses.flatMap(({ properties: { ipAddress, ...rest } = {} }) =>
    ipAddress === undefined || rest.networkInterfaceIPConfiguration !== undefined ? [] : [ipAddress],
  );
  return { id: lower(id), name, interfaceIds: [...new Set(interfaceIds)], addresses };
}

export function interfaceOf(answer: unknown): AzureInterface {
  const { id, properties = {} } = Object(answer) as Resource<{
    readonly virtualMachine?: Reference;
    readonly ipConfigurations?: readonly Resource<{ readonly privateIPAddress?: string }>[];
  }>;
  const { virtualMachine, ipConfigurations = [] } = properties;
  return {
    id: idOf(id, "NetworkInterfaces.Get"),
    ...(virtualMachine?.id === undefined ? {} : { virtualMachineId: lower(virtualMachine.id) }),
    addresses: ipConfigurations.flatMap((configuration) => configuration.properties?.privateIPAddress ?? []),
  };
}

export function publicAddressOf(answer: unknown): string | undefined {
  const { properties } = Object(answer) as Resource<{ readonly ipAddress?: string }>;
  return properties?.ipAddress;
}

/** `.../networkInterfaces/NIC` of the id of one of its IP configurations. */
function interfaceIdOf(configurationId: string): string {
  return lower(configurationId).replace(/\/ipconfigurations\/[^/]+$/, "");
}

/** An interface of a uniform scale set lies below its machine: the id says which. */
export function machineOfInterfaceId(interfaceId: string): string | undefined {
  return /^(\/.+\/providers\/microsoft\.compute\/.+)\/networkinterfaces\/[^/]+$/i.exec(interfaceId)?.[1]?.toLowerCase();
}

function idOf(id: string | undefined, action: string): string {
  if (id !== undefined) return lower(id);
  throw new CloudError({ code: "CallFailed", action }, `Azure ${action} answered with something that is no resource`);
}

function lower(id: string | undefined): string {
  return (id ?? "").toLowerCase();
}
