/** What the cluster says about a group's members: which machines they are, and their addresses. Pure. */
import type { FailoverGroup, GroupMember } from "../../api/generated/types.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import type { Lease, NodeFacts } from "../../api/session-lease.ts";
import type { Cache, Node } from "../shared/sources.ts";

export interface MemberFacts {
  readonly node: string;
  readonly isNodeKnown: boolean;
  /** Of any cloud, as given: the group's word, else the Node's, else its agent's. */
  readonly providerId: string | undefined;
  /** Label `topology.kubernetes.io/region` of the Node. */
  readonly region: string | undefined;
  /** The Node's addresses of type `InternalIP` and `ExternalIP`, IPv4 only, in its order. */
  readonly addresses: Readonly<Record<"InternalIP" | "ExternalIP", readonly string[]>>;
  /** Interfaces that the agent found, by MAC in lower case. */
  readonly interfacesByMac: ReadonlyMap<string, string>;
}

const REGION_LABEL = "topology.kubernetes.io/region";
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

export interface MemberSources {
  readonly nodes: Cache<Node>;
  /** Session Leases. */
  readonly leases: Cache<Lease>;
  readonly settings: { readonly installationNamespace: string };
}

export function memberFacts(group: FailoverGroup, sources: MemberSources): MemberFacts[] {
  return group.spec.members.map((member) => {
    const { node } = member;
    const nodeObject = sources.nodes.get({ namespace: "", name: node });
    const facts = factsOf(sources.leases.get({ namespace: sources.settings.installationNamespace, name: node }));
    return {
      node,
      isNodeKnown: nodeObject !== undefined,
      providerId: providerIdOf(member, nodeObject, facts),
      region: nodeObject?.metadata.labels?.[REGION_LABEL],
      addresses: {
        InternalIP: addressesOf(nodeObject, "InternalIP"),
        ExternalIP: addressesOf(nodeObject, "ExternalIP"),
      },
      interfacesByMac: new Map((facts?.interfaces ?? []).map((found) => [found.mac.toLowerCase(), found.name])),
    };
  });
}

/** What `spec.members` says about a node. */
export function overrideOf<Override extends { readonly node: string }>(
  overrides: readonly Override[] | undefined,
  node: string,
): Override | undefined {
  return overrides?.find((candidate) => candidate.node === node);
}

function addressesOf(node: Node | undefined, type: "InternalIP" | "ExternalIP"): string[] {
  const addresses = node?.status?.addresses ?? [];
  return addresses.filter((found) => found.type === type && IPV4.test(found.address)).map((found) => found.address);
}

/** API.md 1.1: the group's word, else the Node's, else what the agent read from the instance metadata. */
function providerIdOf(member: GroupMember, node: Node | undefined, facts: NodeFacts | undefined): string | undefined {
  const ofNode = node?.spec?.providerID;
  return member.providerID ?? (ofNode === "" ? undefined : ofNode) ?? facts?.providerId;
}

/** The facts that the agent of the Lease's node publishes; undefined when there are none that can be read. */
export function factsOf(lease: Lease | undefined): NodeFacts | undefined {
  const text = lease?.metadata.annotations?.[LEASE_ANNOTATIONS.facts];
  if (text === undefined) return undefined;
  try {
    const facts: NodeFacts = JSON.parse(text);
    return { ...facts, interfaces: Array.isArray(facts.interfaces) ? facts.interfaces : [] };
  } catch (thrown) {
    // Written by an agent of another version; the other sources remain.
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
