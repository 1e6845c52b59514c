/**
 * Which machine is stopped for a member, and why none may be: the wrong one would be no proof at all. Every source that
 * names a machine must name the same one, and no two members may share it. Pure.
 */
import { type VmRef, vmText } from "../../cloud/fencing-ports.ts";
import { parseVmRef } from "../../cloud/vm-ref.ts";
import type { FenceIdentity } from "./fencing-view.ts";
import type { MemberSeen, Seen } from "./seen.ts";
import type { Fencing } from "../../api/generated/types.ts";

export type FenceTarget =
  | { readonly ok: true; readonly vm: VmRef }
  | { readonly ok: false; readonly reason: "Failed" | "NotSupported"; readonly message: string };

/** The fencing of the group when it demands or tries proof; undefined when only expiry counts. */
export function fencingOf(seen: Pick<Seen, "group">): Fencing | undefined {
  const { fencing } = seen.group.spec;
  return fencing === undefined || fencing.policy === "LeaseOnly" ? undefined : fencing;
}

/** `shutdown` of the method that the group names. */
export function isGraceful(fencing: Fencing): boolean {
  return (fencing.awsStopInstance ?? fencing.azurePowerOff)?.shutdown === "Graceful";
}

export function identityOf(seen: Pick<Seen, "group">, fencing: Fencing): FenceIdentity {
  const { namespace = "" } = seen.group.metadata;
  const { credentials } = fencing;
  return credentials === undefined ? { namespace } : { namespace, secret: credentials.secretRef.name };
}

export function fenceTargetOf(fencing: Fencing, { node, providerIds, sharedWith }: MemberSeen): FenceTarget {
  if (providerIds.length === 0) {
    const message = `the Node ${node} has no provider id, so no machine can be stopped for it; set spec.members[].providerID`;
    return { ok: false, reason: "Failed", message };
  }
  const machines = providerIds.map(parseVmRef);
  const [vm] = machines;
  const method = fencing.awsStopInstance === undefined ? "azurePowerOff" : "awsStopInstance";
  const provider = method === "awsStopInstance" ? "aws" : "azure";
  if (vm === undefined || machines.some((machine) => machine?.provider !== provider)) {
    const message = `fencing.${method} cannot stop ${node}: ${providerIds.join(", ")}`;
    return { ok: false, reason: "NotSupported", message };
  }
  if (new Set(machines.map((machine) => machine && vmText(machine))).size > 1) {
    const message = `it is not certain which machine ${node} is: groups, the Node and its agent name ${providerIds.join(" and ")}`;
    return { ok: false, reason: "Failed", message };
  }
  if (sharedWith.length > 0) {
    const message = `${node} and ${sharedWith.join(", ")} name the same machine, ${vmText(vm)}`;
    return { ok: false, reason: "Failed", message };
  }
  return { ok: true, vm };
}
