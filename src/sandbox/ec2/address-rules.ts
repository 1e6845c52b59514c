/** What EC2 allows with Elastic IP addresses (API reference: AssociateAddress, DisassociateAddress). Pure: state in, changed parts or an `Ec2Error` out. */
import { Ec2Error } from "./ports.ts";
import type { Ec2State, ElasticAddress } from "./ports.ts";
import { ownedBy, put } from "./state-edits.ts";

export interface Association {
  readonly allocationId: string;
  readonly networkInterfaceId: string;
  /** Otherwise an address that is associated elsewhere stays there: Resource.AlreadyAssociated. */
  readonly allowReassociation: boolean;
  /** For an association that is new. */
  readonly newId: string;
}

type Changed = Pick<Ec2State, "addresses"> & Partial<Pick<Ec2State, "networkInterfaces">>;

/** A repetition keeps the association. The interface loses the address it had: another Elastic IP, or one that AWS assigned. */
export function withAssociation(state: Ec2State, wanted: Association): Changed & { readonly associationId: string } {
  const { allocationId, networkInterfaceId, allowReassociation, newId } = wanted;
  const address = addressOf(state, allocationId);
  const eni = ownedBy(
    state.networkInterfaces,
    networkInterfaceId,
    "InvalidNetworkInterfaceID.NotFound",
    "networkInterface ID",
  );
  if (address.associationId !== undefined && address.networkInterfaceId === networkInterfaceId) {
    return { addresses: state.addresses, associationId: address.associationId };
  }
  const other = [...state.addresses.values()].find((held) => held.networkInterfaceId === networkInterfaceId);
  for (const held of [address, other]) {
    if (held?.associationId === undefined || allowReassociation) continue;
    throw new Ec2Error(
      "Resource.AlreadyAssociated",
      `resource ${held.allocationId} is already associated with associate-id ${held.associationId}`,
    );
  }
  const freed = other === undefined ? state.addresses : put(state.addresses, other.allocationId, freedOf(other));
  const associated = { ...freedOf(address), associationId: newId, networkInterfaceId };
  // An address that AWS assigned by itself goes back to Amazon's pool (EC2 user guide, "Elastic IP address basics").
  const { assignedPublicIp: _released, ...rest } = eni;
  return {
    addresses: put(freed, allocationId, associated),
    networkInterfaces: put(state.networkInterfaces, networkInterfaceId, rest),
    associationId: newId,
  };
}

export function withoutAssociation(
  state: Ec2State,
  associationId: string,
): Changed & { readonly allocationId: string } {
  const address = [...state.addresses.values()].find((held) => held.associationId === associationId);
  if (address === undefined) {
    throw new Ec2Error("InvalidAssociationID.NotFound", `The association ID '${associationId}' does not exist`);
  }
  const { allocationId } = address;
  return { addresses: put(state.addresses, allocationId, freedOf(address)), allocationId };
}

export function addressOf(state: Pick<Ec2State, "addresses">, allocationId: string): ElasticAddress {
  return ownedBy(state.addresses, allocationId, "InvalidAllocationID.NotFound", "allocation ID");
}

function freedOf({ allocationId, publicIp }: ElasticAddress): ElasticAddress {
  return { allocationId, publicIp };
}

/** The public address of an interface: its Elastic IP, or the one that AWS assigned. */
export function publicAddressOf(
  state: Ec2State,
  networkInterfaceId: string,
): { readonly publicIp: string; readonly allocationId?: string; readonly associationId?: string } | undefined {
  const elastic = [...state.addresses.values()].find((held) => held.networkInterfaceId === networkInterfaceId);
  if (elastic !== undefined) return elastic;
  const assigned = state.networkInterfaces.get(networkInterfaceId)?.assignedPublicIp;
  return assigned === undefined ? undefined : { publicIp: assigned };
}
