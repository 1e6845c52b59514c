/**
 * What one reconciliation of an LbProbePort looks at. The port itself lives on the members; their reports say how it is.
 * The load balancer is only read.
 */
import type { FailoverGroup, LbProbePort } from "../../api/generated/types.ts";
import type { AzureInterface, LbPool, LbRule, LoadBalancer, LoadBalancerId } from "../../cloud/azure/network-ports.ts";
import type { MemberFacts } from "../pointer/members.ts";
import { type Reading, valueOf } from "../pointer/reading.ts";
import type { CredentialsSeen } from "../pointer/seen.ts";

export interface Seen {
  readonly probe: LbProbePort;
  /** The group that holds the claim; undefined: none lists the object. */
  readonly group: FailoverGroup | undefined;
  /** Why a group that lists the object may not use it. */
  readonly isListedElsewhere: string | undefined;
  /** In the order of the group. */
  readonly members: readonly MemberFacts[];
  /** Undefined: `spec.azureLoadBalancer` is absent, or no group lists the object. */
  readonly balancer: BalancerSeen | undefined;
}

export interface BalancerSeen {
  /** Where it is; a text: why that is not known. */
  readonly place: LoadBalancerId | string;
  readonly credentials: CredentialsSeen;
  /** Undefined: nothing could be asked. */
  readonly loadBalancer: Reading<LoadBalancer> | undefined;
  /** Of its pools, by id. */
  readonly interfaces: ReadonlyMap<string, Reading<AzureInterface>>;
  /** Of its public frontends, by id of the address resource. */
  readonly publicAddresses: ReadonlyMap<string, Reading<string | undefined>>;
}

/** A load balancer as far as it was ever read. */
export function balancerOf(seen: Pick<Seen, "balancer">): LoadBalancer | undefined {
  return valueOf(seen.balancer?.loadBalancer);
}

/** Whether `probePort` would answer a probe: it speaks TCP only. */
export function isOurProbe(balancer: LoadBalancer, rule: LbRule, port: number): boolean {
  const probe = balancer.probes.find(({ id }) => id === rule.probeId);
  return probe?.port === port && probe.protocol.toLowerCase() === "tcp";
}

/** The rules whose traffic follows the probe port; while none does, those whose pool holds somebody. */
export function rulesOf(balancer: LoadBalancer, port: number): readonly LbRule[] {
  const ours = balancer.rules.filter((rule) => isOurProbe(balancer, rule, port));
  return ours.length > 0 ? ours : balancer.rules;
}

/** The pools of those rules. */
export function poolsOf(balancer: LoadBalancer, port: number): readonly LbPool[] {
  const wanted = new Set(rulesOf(balancer, port).flatMap(({ poolIds }) => poolIds));
  return balancer.pools.filter(({ id }) => wanted.has(id));
}

/** Addresses of the frontends of those rules. Undefined: not all of them could be read. */
export function frontendsOf(seen: Seen): readonly string[] | undefined {
  const balancer = balancerOf(seen);
  if (balancer === undefined) return undefined;
  const ids = new Set(rulesOf(balancer, seen.probe.spec.port).map(({ frontendId }) => frontendId));
  const wanted = balancer.frontends.filter(({ id }) => ids.has(id));
  const addresses = wanted.map((frontend) => addressOf(seen, frontend));
  return addresses.includes(undefined) ? undefined : addresses.filter((address) => address !== undefined);
}

export function addressOf(
  { balancer }: Pick<Seen, "balancer">,
  { privateAddress, publicIpId }: LoadBalancer["frontends"][number],
): string | undefined {
  return privateAddress ?? (publicIpId === undefined ? undefined : valueOf(balancer?.publicAddresses.get(publicIpId)));
}
