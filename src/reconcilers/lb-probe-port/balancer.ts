/**
 * All cloud reads for one look at an LbProbePort: the load balancer, then the interfaces of its pools and the addresses
 * of its public frontends. Failures are values. Never writes.
 */
import type { LbProbePort } from "../../api/generated/types.ts";
import { machineOfInterfaceId } from "../../cloud/azure/network-answers.ts";
import type { AzureNetworkAccess, AzureNetworks } from "../../cloud/azure/network-knowledge.ts";
import type { AzureInterface, LoadBalancer, LoadBalancerId } from "../../cloud/azure/network-ports.ts";
import { parseAzureProviderId } from "../../cloud/azure/provider-id.ts";
import type { SecretKeys } from "../../cloud/fencing-ports.ts";
import type { ReadWish } from "../../cloud/read-cache.ts";
import type { MemberFacts } from "../pointer/members.ts";
import { failureOf, type Reading, readingOf, valueOf } from "../pointer/reading.ts";
import type { Identity } from "../pointer/seen.ts";
import { type BalancerSeen, poolsOf, rulesOf } from "./seen.ts";

/** Most interfaces that are asked about. A pool of a pair has two; what lies beyond stays unknown. */
const MAX_INTERFACES = 32;

export interface BalancerRequest {
  readonly probe: LbProbePort;
  readonly members: readonly MemberFacts[];
  readonly identity: Identity<SecretKeys>;
  readonly wish: ReadWish;
}

/** Undefined: the object names no load balancer. */
export async function readBalancer(
  access: AzureNetworkAccess,
  request: BalancerRequest,
): Promise<BalancerSeen | undefined> {
  const { probe, members, identity, wish } = request;
  if (probe.spec.azureLoadBalancer === undefined) return undefined;
  const place = placeOf(probe, members);
  const credentials = identity.ok ? { ok: true as const } : identity;
  const nothing = { place, credentials, interfaces: new Map(), publicAddresses: new Map() };
  if (!identity.ok || typeof place === "string") return { ...nothing, loadBalancer: undefined };
  let networks: AzureNetworks;
  try {
    networks = await access.networksOf(place.subscriptionId, identity.keys);
  } catch (thrown) {
    return { ...nothing, loadBalancer: { ok: false, failure: failureOf(thrown), known: undefined } };
  }
  const loadBalancer = await readingOf(wish, (how) => networks.loadBalancer(place, how));
  const found = valueOf(loadBalancer);
  if (found === undefined) return { ...nothing, loadBalancer };
  const [interfaces, publicAddresses] = await Promise.all([
    readInterfaces(networks, found, probe.spec.port, wish),
    readAddresses(networks, found, probe.spec.port, wish),
  ]);
  return { place, credentials, loadBalancer, interfaces, publicAddresses };
}

async function readInterfaces(
  networks: AzureNetworks,
  balancer: LoadBalancer,
  port: number,
  wish: ReadWish,
): Promise<Map<string, Reading<AzureInterface>>> {
  const named = new Set(poolsOf(balancer, port).flatMap(({ interfaceIds }) => interfaceIds));
  // The id of an interface in a scale set says whose it is.
  const wanted = [...named].filter((id) => machineOfInterfaceId(id) === undefined).slice(0, MAX_INTERFACES);
  const readings = wanted.map(
    async (id) => [id, await readingOf(wish, (how) => networks.networkInterface(id, how))] as const,
  );
  return new Map(await Promise.all(readings));
}

async function readAddresses(
  networks: AzureNetworks,
  balancer: LoadBalancer,
  port: number,
  wish: ReadWish,
): Promise<Map<string, Reading<string | undefined>>> {
  const frontendIds = new Set(rulesOf(balancer, port).map(({ frontendId }) => frontendId));
  const wanted = balancer.frontends.flatMap(({ id, publicIpId }) =>
    publicIpId !== undefined && frontendIds.has(id) ? [publicIpId] : [],
  );
  const readings = wanted.map(
    async (id) => [id, await readingOf(wish, (how) => networks.publicAddress(id, how))] as const,
  );
  return new Map(await Promise.all(readings));
}

/** What the object says, else what all members' machines have in common. */
function placeOf({ spec }: LbProbePort, members: readonly MemberFacts[]): LoadBalancerId | string {
  const { name = "", resourceGroup, subscriptionId } = spec.azureLoadBalancer ?? {};
  const machines = members.flatMap(({ providerId }) => parseAzureProviderId(providerId ?? "") ?? []);
  const common = (what: "subscriptionId" | "resourceGroup"): string | undefined => {
    const [first, ...others] = new Map(machines.map((vm) => [vm[what].toLowerCase(), vm[what]])).values();
    return others.length === 0 ? first : undefined;
  };
  const subscription = subscriptionId ?? common("subscriptionId");
  const group = resourceGroup ?? common("resourceGroup");
  if (subscription !== undefined && group !== undefined)
    return { subscriptionId: subscription, resourceGroup: group, name };
  const field = subscription === undefined ? "subscriptionId" : "resourceGroup";
  const why = machines.length === 0 ? "no member is known as an Azure machine" : "the members' machines differ in it";
  return `where ${name} is cannot be found: ${why}. Set spec.azureLoadBalancer.${field}`;
}
