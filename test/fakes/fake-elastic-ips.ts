/** Elastic IPs of the fake EC2 and the public addresses that AWS assigned by itself, by the rules of the EC2 API reference. */
import type { ElasticIp, NetworkInterface } from "../../src/cloud/aws/ports.ts";
import { Ec2Error } from "../../src/sandbox/ec2/ports.ts";

export class FakeElasticIps {
  readonly #addresses = new Map<string, ElasticIp>();
  /** By interface. AWS takes them away while an Elastic IP is there. */
  readonly #own = new Map<string, string>();
  #associations = 0;

  allocate(allocationId: string, publicIp: string): void {
    this.#addresses.set(allocationId, { allocationId, publicIp });
  }

  assignPublicIp(networkInterfaceId: string, address: string): void {
    this.#own.set(networkInterfaceId, address);
  }

  find(allocationIds: readonly string[]): ElasticIp[] {
    if (allocationIds.length === 0) return [...this.#addresses.values()];
    return allocationIds.map((id) => this.#owned(id));
  }

  associate(allocationId: string, networkInterfaceId: string): void {
    const { publicIp, networkInterfaceId: before } = this.#owned(allocationId);
    if (before === networkInterfaceId) return;
    for (const other of this.#addresses.values())
      if (other.networkInterfaceId === networkInterfaceId) this.allocate(other.allocationId, other.publicIp);
    const associationId = `eipassoc-${String(++this.#associations).padStart(8, "0")}`;
    this.#addresses.set(allocationId, { allocationId, publicIp, associationId, networkInterfaceId });
  }

  disassociate(associationId: string): void {
    const found = [...this.#addresses.values()].find((address) => address.associationId === associationId);
    if (found === undefined) {
      throw new Ec2Error("InvalidAssociationID.NotFound", `The association ID '${associationId}' does not exist`);
    }
    this.allocate(found.allocationId, found.publicIp);
  }

  publicIpOf(networkInterfaceId: string): Pick<NetworkInterface, "publicIp"> {
    const elastic = [...this.#addresses.values()].find((found) => found.networkInterfaceId === networkInterfaceId);
    const own = this.#own.get(networkInterfaceId);
    if (elastic !== undefined) return { publicIp: { address: elastic.publicIp, allocationId: elastic.allocationId } };
    return own === undefined ? {} : { publicIp: { address: own } };
  }

  #owned(allocationId: string): ElasticIp {
    const found = this.#addresses.get(allocationId);
    if (found !== undefined) return found;
    throw new Ec2Error("InvalidAllocationID.NotFound", `The allocation ID '${allocationId}' does not exist`);
  }
}
