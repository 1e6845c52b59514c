/**
 * What a user of AWS has set up before the product comes: a VPC with a subnet per place, a route table per subnet with
 * an entry for the virtual IP, interfaces with the source/destination check off, running instances.
 */
import type { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import type { SubnetWire } from "../network/forwarding.ts";
import type { Place, Topology } from "../network/topology.ts";

export interface Ec2World {
  readonly vpcId: string;
  readonly routeTableIds: readonly string[];
  readonly subnets: readonly SubnetWire[];
  eniOf(vm: string): string;
  instanceOf(vm: string): string;
  vmOf(instanceId: string): string | undefined;
}

export function buildEc2World(ec2: VirtualEc2, topology: Topology): Ec2World {
  const { vpcId } = ec2.createVpc({ cidrBlocks: [topology.vpcCidr] });
  const routeTableIds: string[] = [];
  const subnets: SubnetWire[] = [];
  const addSubnet = (place: Place & { readonly zone: string }): string => {
    const subnet = { vpcId, cidrBlock: place.subnetCidr, availabilityZone: place.zone };
    const { subnetId } = ec2.createSubnet(subnet);
    const { routeTableId } = ec2.createRouteTable({ vpcId });
    ec2.associateRouteTable(routeTableId, subnetId);
    routeTableIds.push(routeTableId);
    subnets.push({ subnetId, place: place.name });
    return subnetId;
  };
  const enis = new Map<string, string>();
  const instances = new Map<string, string>();
  for (const vm of topology.vms) {
    const subnetId = addSubnet(vm);
    const eni = { subnetId, privateIpAddress: vm.address, macAddress: vm.mac, sourceDestCheck: false };
    const { networkInterfaceId } = ec2.createNetworkInterface(eni);
    enis.set(vm.name, networkInterfaceId);
    const instance = ec2.createInstance({ name: vm.name, networkInterfaceIds: [networkInterfaceId] });
    instances.set(vm.name, instance.instanceId);
  }
  addSubnet(topology.client);
  const [firstEni = ""] = enis.values();
  for (const routeTableId of routeTableIds) {
    const target = { type: "networkInterface", networkInterfaceId: firstEni } as const;
    ec2.createRoute(routeTableId, `${topology.virtualIp}/32`, target);
  }
  return {
    vpcId,
    routeTableIds,
    subnets,
    eniOf: (vm) => found(enis, vm),
    instanceOf: (vm) => found(instances, vm),
    vmOf: (instanceId) => [...instances].find(([, id]) => id === instanceId)?.[0],
  };
}

function found(ids: ReadonlyMap<string, string>, vm: string): string {
  const id = ids.get(vm);
  if (id === undefined) throw new RangeError(`no machine named ${vm}`);
  return id;
}
