/**
 * Preflight of an LbProbePort: what must hold before a load balancer sends traffic to the active member, and to nobody
 * else. Each check is one fact; it returns what is wrong, in words, or nothing (API.md 1.6). Pure.
 *
 * Sources: Azure Load Balancer documentation, "Health probes" (a probe decides for the rules that use it; TCP probes only
 * see whether a connection opens), "Floating IP configuration" (with it the packet keeps the frontend as its destination,
 * which the member must have on a loopback; frontend and backend port are the same).
 */
import type { BackendPoolState } from "../../api/generated/types.ts";
import { notImplementedFields } from "../../api/implemented.ts";
import type { Reason } from "../../api/reasons.ts";
import { isAnswer } from "../../cloud/errors.ts";
import { machineOfInterfaceId } from "../../cloud/azure/network-answers.ts";
import type { LbPool, LbRule, LoadBalancer } from "../../cloud/azure/network-ports.ts";
import { parseAzureProviderId } from "../../cloud/azure/provider-id.ts";
import type { MemberFacts } from "../pointer/members.ts";
import { type Failure, type Reading, valueOf } from "../pointer/reading.ts";
import { addressOf, balancerOf, isOurProbe, poolsOf, type Seen } from "./seen.ts";

export type PreflightReason = Reason<"LbProbePort", "PreflightOK">;

export interface Finding {
  readonly reason: PreflightReason;
  readonly message: string;
}

/** In the order in which their findings are reported; the first gives the reason. */
const CHECKS: readonly ((seen: Seen) => readonly Finding[])[] = [
  noOtherGroupListsIt,
  everyFieldIsImplemented,
  portIsFreeOnStandbys,
  credentialsAreThere,
  callsAreAllowed,
  everyMemberIsAMachine,
  loadBalancerIsThere,
  probePortIsProbed,
  everyMemberIsInThePool,
  floatingIpAgrees,
  portsAreEqualWithFloatingIp,
];

export function findingsOf(seen: Seen): Finding[] {
  return CHECKS.flatMap((check) => check(seen));
}

/** What keeps the checks from being complete. */
export function unreadable(seen: Seen): { readonly message: string } | undefined {
  const { balancer } = seen;
  if (balancer === undefined) return undefined;
  if (!balancer.credentials.ok) return balancer.credentials;
  return failuresOf(seen).find(({ code }) => code !== "NotFound");
}

export function failuresOf({ balancer }: Seen): Failure[] {
  if (balancer === undefined) return [];
  const readings: readonly (Reading<unknown> | undefined)[] = [
    balancer.loadBalancer,
    ...balancer.interfaces.values(),
    ...balancer.publicAddresses.values(),
  ];
  return readings.flatMap((reading) => (reading === undefined || reading.ok ? [] : [reading.failure]));
}

function noOtherGroupListsIt({ isListedElsewhere }: Seen): Finding[] {
  return isListedElsewhere === undefined ? [] : [{ reason: "ClaimedElsewhere", message: isListedElsewhere }];
}

function everyFieldIsImplemented({ probe }: Seen): Finding[] {
  const later = notImplementedFields("LbProbePort", probe.spec);
  return later.length === 0
    ? []
    : [{ reason: "NotImplemented", message: `${later.join(", ")} not carried out by this version` }];
}

function portIsFreeOnStandbys({ probe, group }: Seen): Finding[] {
  for (const { node, state, resources } of group?.status?.reports ?? []) {
    const resource = resources?.find((entry) => entry.name === probe.metadata.name);
    if (resource?.reason !== "PortInUse" || state === "Active") continue;
    const found = resource.message ?? "something else listens there";
    return [{ reason: "PortInUse", message: `port ${probe.spec.port} on ${node}: ${found}` }];
  }
  return [];
}

function credentialsAreThere({ balancer }: Seen): Finding[] {
  const credentials = balancer?.credentials;
  if (credentials === undefined || credentials.ok || credentials.reason === "Unreadable") return [];
  return [{ reason: credentials.reason, message: credentials.message }];
}

/** One finding per reason: with wrong credentials every call says the same. */
function callsAreAllowed(seen: Seen): Finding[] {
  const byReason = new Map<PreflightReason, Finding>();
  for (const { code, message } of failuresOf(seen)) {
    const reason = refusalOf(code);
    if (reason !== undefined && !byReason.has(reason)) byReason.set(reason, { reason, message });
  }
  return [...byReason.values()];
}

function refusalOf(code: Failure["code"]): PreflightReason | undefined {
  if (!isAnswer(code)) return undefined;
  switch (code) {
    case "CredentialsMissing":
    case "CredentialsRejected":
    case "NotAuthorized":
    case "InvalidRequest":
      return code;
    default:
      return undefined;
  }
}

/** Without its machine nobody can tell whether a member is in a pool of interfaces. */
function everyMemberIsAMachine(seen: Seen): Finding[] {
  if (seen.balancer === undefined) return [];
  return seen.members.flatMap(({ node, isNodeKnown, providerId }): Finding[] => {
    if (!isNodeKnown) return [{ reason: "UnknownMember", message: `member ${node}: no such Node` }];
    if (parseAzureProviderId(providerId ?? "") !== undefined) return [];
    const found =
      providerId === undefined
        ? "neither the group, the Node nor its agent gives a provider id"
        : `its provider id ${providerId} names no Azure machine`;
    const message = `the Azure machine of ${node} is not known: ${found}. Set members[].providerID in the group`;
    return [{ reason: "NotFound", message }];
  });
}

function loadBalancerIsThere({ balancer }: Seen): Finding[] {
  if (balancer === undefined) return [];
  if (typeof balancer.place === "string") return [{ reason: "NotFound", message: balancer.place }];
  const reading = balancer.loadBalancer;
  if (reading?.ok !== false || reading.failure.code !== "NotFound") return [];
  const { name, resourceGroup, subscriptionId } = balancer.place;
  const message = `load balancer ${name} does not exist in resource group ${resourceGroup} of subscription ${subscriptionId}`;
  return [{ reason: "NotFound", message }];
}

function probePortIsProbed(seen: Seen): Finding[] {
  const balancer = present(seen);
  const { port } = seen.probe.spec;
  if (balancer === undefined || balancer.rules.some((rule) => isOurProbe(balancer, rule, port))) return [];
  const { name, probes } = balancer;
  const end = `spec.port is ${port}: no member would receive traffic`;
  const finding = (message: string): Finding[] => [{ reason: "ProbePortDiffers", message }];
  const same = probes.find((probe) => probe.port === port);
  if (same !== undefined && same.protocol.toLowerCase() !== "tcp")
    return finding(
      `${same.name} of ${name} is an ${same.protocol} probe, but the probe port answers TCP probes only: no member would receive traffic. Make it a TCP probe`,
    );
  if (same !== undefined) return finding(`no load balancing rule of ${name} uses ${same.name} (port ${port})`);
  const used = probes.filter(({ id }) => balancer.rules.some(({ probeId }) => probeId === id));
  const [first] = used.length > 0 ? used : probes;
  if (first === undefined) return finding(`${name} has no health probe, ${end}`);
  return finding(`${name} probes port ${first.port} (${first.name}), ${end}`);
}

function everyMemberIsInThePool(seen: Seen): Finding[] {
  const balancer = present(seen);
  if (balancer === undefined) return [];
  const pools = poolsOf(balancer, seen.probe.spec.port);
  const names = pools.map((pool) => pool.name).join(", ");
  const what = pools.length === 0 ? "a backend pool" : `backend pool ${names}`;
  return seen.members
    .filter((member) => poolStateOf(seen, member) === "No")
    .map((member) => ({
      reason: "MemberNotInBackendPool",
      message: `${what} of ${balancer.name} lacks ${member.node} (${machineText(member)})`,
    }));
}

/** Whether a member is in every pool that the probe port decides for; undefined while nothing was read. */
export function poolStateOf(seen: Seen, member: MemberFacts): BackendPoolState | undefined {
  if (seen.balancer === undefined) return undefined;
  const balancer = balancerOf(seen);
  if (balancer === undefined) return "Unknown";
  const states = poolsOf(balancer, seen.probe.spec.port).map((pool) => stateIn(seen, pool, member));
  if (states.includes("No") || states.length === 0) return "No";
  return states.includes("Unknown") ? "Unknown" : "Yes";
}

function stateIn({ balancer }: Seen, pool: LbPool, { providerId, addresses }: MemberFacts): BackendPoolState {
  if (pool.addresses.some((address) => addresses.InternalIP.includes(address))) return "Yes";
  if (pool.addresses.length > 0 && addresses.InternalIP.length === 0) return "Unknown";
  const machineId = providerId?.replace(/^azure:\/\//, "").toLowerCase();
  if (machineId === undefined) return "Unknown";
  let isAllRead = true;
  for (const id of pool.interfaceIds) {
    const found = valueOf(balancer?.interfaces.get(id));
    const owner = machineOfInterfaceId(id) ?? found?.virtualMachineId;
    if (owner === machineId) return "Yes";
    if (found === undefined && machineOfInterfaceId(id) === undefined) isAllRead = false;
  }
  return isAllRead ? "No" : "Unknown";
}

function floatingIpAgrees(seen: Seen): Finding[] {
  const balancer = present(seen);
  const { dsr } = seen.probe.spec;
  return ourRules(seen).flatMap((rule): Finding[] => {
    const finding = (message: string): Finding[] => [{ reason: "FloatingIpDisagrees", message }];
    if (dsr === undefined && rule.isFloatingIp)
      return finding(
        `rule ${rule.name} has floating IP on, so packets arrive with the frontend as their destination, but spec.dsr is not set: the member would drop them`,
      );
    if (dsr === undefined) return [];
    if (!rule.isFloatingIp)
      return finding(
        `rule ${rule.name} has floating IP off, but spec.dsr puts ${dsr.frontendAddress} on the loopback: packets arrive with the member's own address instead`,
      );
    const frontend = balancer?.frontends.find(({ id }) => id === rule.frontendId);
    const address = frontend === undefined ? undefined : addressOf(seen, frontend);
    if (address === undefined || address === dsr.frontendAddress) return [];
    return finding(
      `the frontend of rule ${rule.name} is ${address}, spec.dsr.frontendAddress is ${dsr.frontendAddress}: the member would drop its packets. Give both the same address`,
    );
  });
}

function portsAreEqualWithFloatingIp(seen: Seen): Finding[] {
  return ourRules(seen)
    .filter((rule) => rule.isFloatingIp && rule.frontendPort !== rule.backendPort)
    .map(({ name, frontendPort, backendPort }) => ({
      reason: "DsrPortsDiffer",
      message: `rule ${name} maps port ${frontendPort} to ${backendPort}, which floating IP does not do`,
    }));
}

/** Rules whose traffic follows the probe port; others are somebody else's business. */
function ourRules(seen: Seen): readonly LbRule[] {
  const balancer = present(seen);
  return balancer?.rules.filter((rule) => isOurProbe(balancer, rule, seen.probe.spec.port)) ?? [];
}

/** The load balancer as it is, or was when it was last read; not one that is said to be gone. */
function present(seen: Seen): LoadBalancer | undefined {
  const reading = seen.balancer?.loadBalancer;
  return reading?.ok === false && reading.failure.code === "NotFound" ? undefined : balancerOf(seen);
}

function machineText({ providerId, addresses }: MemberFacts): string {
  const machine = parseAzureProviderId(providerId ?? "");
  const name = machine === undefined ? "machine not known" : `machine ${machine.name} in ${machine.resourceGroup}`;
  const [address] = addresses.InternalIP;
  return address === undefined ? name : `${name}, ${address}`;
}
