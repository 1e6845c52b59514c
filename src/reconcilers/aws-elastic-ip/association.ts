/**
 * Where an Elastic IP is and where it should be. Pure.
 * "Cannot be read" is not "wrong". An association is undone only when it is on the interface that we gave it to.
 */
import type { AwsElasticIPMemberStatus, AwsElasticIPStatus } from "../../api/generated/types.ts";
import type { ElasticIp, NetworkInterface } from "../../cloud/aws/ports.ts";
import { memberOf } from "../pointer/aws-members.ts";
import type { PointerView, StoppedView } from "../pointer/kind.ts";
import { isUnread, valueOf } from "../pointer/reading.ts";
import type { EipSeen, EipWrite, RegionSeen } from "./seen.ts";

export function viewAssociation(seen: EipSeen, node: string): PointerView<EipWrite> {
  const { allocationId } = seen.object.spec;
  const member = memberOf(seen.facts.members, node);
  const eni = valueOf(member?.networkInterface);
  if (member === undefined || eni === undefined) {
    const reading = member?.networkInterface;
    if (reading?.ok === false) return { state: "Unreadable", failure: reading.failure };
    return nothingToWrite(`the network interface of ${node} is not known`);
  }
  const place = placeOf(seen, member.region);
  if (place === undefined) return nothingToWrite(`the region of ${node} is not known`);
  if (!place.address.ok) return { state: "Unreadable", failure: place.address.failure };
  const { value: address, sentAtMs } = place.address;
  if (address === undefined) return nothingToWrite(`${allocationId} does not exist in ${place.region} of ${node}`);
  const { networkInterfaceId } = eni;
  const wanted = `${networkInterfaceId} of ${node}`;
  if (address.networkInterfaceId === networkInterfaceId) {
    return { state: "Right", message: `${address.publicIp} leads to ${wanted}`, sentAtMs };
  }
  const found = address.networkInterfaceId ?? "no interface";
  return {
    state: "Wrong",
    writes: [{ do: "Associate", region: place.region, allocationId, networkInterfaceId }],
    reason: "AssociationWrong",
    message: `${address.publicIp} should be associated with ${wanted}, and is with ${found}`,
    drift: {
      reason: "AssociationWrong",
      message: `the association of ${address.publicIp} (${allocationId}) was changed to ${found}; it is set to ${wanted} again. If this happens repeatedly, look for somebody else who uses this allocation`,
    },
    sentAtMs,
  };
}

function nothingToWrite(message: string): PointerView<EipWrite> {
  return { state: "NothingToWrite", reason: "AssociationWrong", message };
}

function placeOf(seen: EipSeen, region: string | undefined): RegionSeen | undefined {
  return seen.facts.regions.find((place) => place.region === region);
}

/** `whenStopped: Disassociate`: what we associated last goes, if it still is where we put it. */
export function viewStopped(seen: EipSeen): StoppedView<EipWrite> | undefined {
  if (seen.object.spec.whenStopped === "Keep") return undefined;
  const { active, members = [] } = seen.status;
  const ours = members.find((member) => member.node === active?.node)?.eniId;
  if (active === undefined || ours === undefined) return { state: "Done" };
  const place = placeOf(seen, memberOf(seen.facts.members, active.node)?.region);
  if (place === undefined) {
    const message = seen.credentials.ok ? `the region of ${active.node} is not known` : seen.credentials.message;
    return { state: "Unreadable", failure: { code: "CredentialsMissing", message } };
  }
  if (!place.address.ok) return { state: "Unreadable", failure: place.address.failure };
  const { associationId, networkInterfaceId, publicIp } = place.address.value ?? {};
  if (associationId === undefined || networkInterfaceId !== ours) return { state: "Done" };
  return {
    state: "Write",
    writes: [{ do: "Disassociate", region: place.region, associationId }],
    message: `${publicIp ?? ""} was taken from ${ours} of ${active.node}: the group is stopped and spec.whenStopped is Disassociate`,
  };
}

/** What could not be read keeps the value of the last status. */
export function statusOf(seen: EipSeen): Partial<AwsElasticIPStatus> {
  const { members, regions } = seen.facts;
  const { publicIp, associationId } = addressOf(seen) ?? {};
  const isUnknown =
    !seen.credentials.ok ||
    regions.some((place) => isUnread(place.address)) ||
    members.some((member) => isUnread(member.networkInterface));
  const last = isUnknown ? seen.status : undefined;
  const shown = {
    publicIp: publicIp ?? last?.publicIp,
    associationId: publicIp === undefined ? last?.associationId : associationId,
  };
  return {
    ...(shown.publicIp === undefined ? {} : { publicIp: shown.publicIp }),
    ...(shown.associationId === undefined ? {} : { associationId: shown.associationId }),
    members: members.map((member): AwsElasticIPMemberStatus => {
      const before = seen.status.members?.find((known) => known.node === member.node);
      const eni = valueOf(member.networkInterface);
      if (eni === undefined) return { ...before, node: member.node };
      const own = ownPublicIp(eni, before);
      return { node: member.node, eniId: eni.networkInterfaceId, ...(own === undefined ? {} : { publicIp: own }) };
    }),
  };
}

/** The allocation, wherever it is. */
export function addressOf(seen: EipSeen): ElasticIp | undefined {
  return seen.facts.regions.flatMap((place) => valueOf(place.address) ?? [])[0];
}

/** The address that AWS gave the interface by itself; while an Elastic IP is there it is gone, and remembered. */
export function ownPublicIp(
  { networkInterfaceId, publicIp }: NetworkInterface,
  before: AwsElasticIPMemberStatus | undefined,
): string | undefined {
  if (publicIp?.allocationId === undefined) return publicIp?.address;
  return before?.eniId === networkInterfaceId ? before.publicIp : undefined;
}
