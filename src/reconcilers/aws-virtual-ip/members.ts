/** What the cluster says about a group's members: their instances by provider id, and their interfaces. Pure. */
import type { AwsVirtualIP, FailoverGroup, GroupMember } from "../../api/generated/types.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import type { Lease, NodeFacts } from "../../api/session-lease.ts";
import { parseAwsProviderId } from "../../cloud/aws/provider-id.ts";
import type { Node } from "../shared/sources.ts";
import type { AwsVirtualIPDeps } from "./deps.ts";
import type { MemberSeen } from "./seen.ts";

/** A member before the cloud was asked. */
export interface MemberFacts extends Omit<MemberSeen, "networkInterface" | "interface"> {
  readonly region: string | undefined;
  readonly wantedInterface: string | undefined;
  /** By MAC, lower case. */
  readonly interfacesByMac: ReadonlyMap<string, string>;
}

const REGION_LABEL = "topology.kubernetes.io/region";

export function memberFacts(
  group: FailoverGroup,
  vip: AwsVirtualIP,
  deps: Pick<AwsVirtualIPDeps, "nodes" | "leases" | "settings">,
): MemberFacts[] {
  return group.spec.members.map((member) => {
    const { node } = member;
    const nodeObject = deps.nodes.get({ namespace: "", name: node });
    const facts = factsOf(deps.leases.get({ namespace: deps.settings.installationNamespace, name: node }));
    const override = vip.spec.members?.find((candidate) => candidate.node === node);
    const providerId = providerIdOf(member, nodeObject, facts);
    const instance = providerId === undefined ? undefined : parseAwsProviderId(providerId);
    return {
      node,
      isNodeKnown: nodeObject !== undefined,
      providerId,
      instance,
      region: instance?.region ?? nodeObject?.metadata.labels?.[REGION_LABEL],
      wantedEniId: override?.eniId,
      wantedInterface: override?.interface,
      interfacesByMac: new Map((facts?.interfaces ?? []).map((found) => [found.mac.toLowerCase(), found.name])),
    };
  });
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
