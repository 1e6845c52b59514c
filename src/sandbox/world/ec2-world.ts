/**
 * What a user of AWS has set up before the product comes: a VPC per region with a subnet per place, a route table per
 * subnet, interfaces with the source/destination check off, running instances; and what the network is for: entries for
 * the virtual IP, an Elastic IP, routes over peering connections and gateways.
 */
import type { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import type { SubnetWire } from "../network/forwarding.ts";
import type { Topology, ZonePlace } from "../network/topology.ts";
import type { KubeMachine } from "./kube-world.ts";

export interface Ec2World {
  /** Of the first region. */
  readonly vpcId: string;
  /** By region. */
  readonly vpcIds: ReadonlyMap<string, string>;
  readonly routeTableIds: readonly string[];
  readonly subnets: readonly SubnetWire[];
  eniOf(vm: string): string;
  instanceOf(vm: string): string;
  vmOf(instanceId: string): string | undefined;
}

/** Everything in Azure's world is somewhere else. */
export const NO_EC2_WORLD: Ec2World = {
  vpcId: "",
  vpcIds: new Map(),
  routeTableIds: [],
  subnets: [],
  eniOf: (vm) => found(new Map(), vm),
  instanceOf: (vm) => found(new Map(), vm),
  vmOf: () => undefined,
};

/** One or all regions of the topology. */
export function buildEc2World(regions: VirtualEc2 | readonly VirtualEc2[], topology: Topology): Ec2World {
  const all = "region" in regions ? [regions] : regions;
  const worlds = all.map((ec2) => buildRegion(ec2, topology));
  const enis = new Map(worlds.flatMap((world) => [...world.enis]));
  const instances = new Map(worlds.flatMap((world) => [...world.instances]));
  return {
    vpcId: worlds[0]?.vpcId ?? "",
    vpcIds: new Map(worlds.map((world) => [world.region, world.vpcId])),
    routeTableIds: worlds.flatMap((world) => world.routeTableIds),
    subnets: worlds.flatMap((world) => world.subnets),
    eniOf: (vm) => found(enis, vm),
    instanceOf: (vm) => found(instances, vm),
    vmOf: (instanceId) => [...instances].find(([, id]) => id === instanceId)?.[0],
  };
}

interface Region {
  readonly region: string;
  readonly vpcId: string;
  readonly routeTableIds: readonly string[];
  readonly subnets: readonly SubnetWire[];
  readonly enis: ReadonlyMap<string, string>;
  readonly instances: ReadonlyMap<string, string>;
}

function buildRegion(ec2: VirtualEc2, topology: Topology): Region {
  const { region } = ec2;
  const cidr = topology.networks.find((network) => network.region === region)?.cidr;
  if (cidr === undefined) throw new RangeError(`no network in region ${region}`);
  const { vpcId } = ec2.createVpc({ cidrBlocks: [cidr] });
  const routeTableIds: string[] = [];
  const subnets: SubnetWire[] = [];
  const addSubnet = (place: ZonePlace): string => {
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
    if (vm.region !== region) continue;
    const subnetId = addSubnet(vm);
    const eni = { subnetId, privateIpAddress: vm.address, macAddress: vm.mac, sourceDestCheck: false };
    const { networkInterfaceId } = ec2.createNetworkInterface(eni);
    enis.set(vm.name, networkInterfaceId);
    const instance = ec2.createInstance({ name: vm.name, networkInterfaceIds: [networkInterfaceId] });
    instances.set(vm.name, instance.instanceId);
  }
  const { client } = topology;
  if (client.region === region && client.zone !== undefined) {
    addSubnet({ ...client, region: client.region, zone: client.zone });
  }
  const [firstEni = ""] = enis.values();
  for (const routeTableId of routeTableIds) addRoutes(ec2, routeTableId, { topology, cidr, firstEni });
  return { region, vpcId, routeTableIds, subnets, enis, instances };
}

function addRoutes(
  ec2: VirtualEc2,
  routeTableId: string,
  { topology, cidr, firstEni }: { readonly topology: Topology; readonly cidr: string; readonly firstEni: string },
): void {
  if (topology.name === "two-zones") {
    const target = { type: "networkInterface", networkInterfaceId: firstEni } as const;
    ec2.createRoute(routeTableId, `${topology.virtualIp}/32`, target);
  }
  if (topology.name === "two-zones-internet") {
    ec2.createRoute(routeTableId, "0.0.0.0/0", { type: "gateway", gatewayId: "igw-0123456789abcdef0" });
  }
  for (const link of topology.links) {
    const other = link.between.find((end) => end !== cidr);
    if (other === undefined || !link.between.includes(cidr)) continue;
    const gatewayId = link.kind === "peering" ? "pcx-0123456789abcdef0" : "vgw-0123456789abcdef0";
    ec2.createRoute(routeTableId, other, { type: "gateway", gatewayId });
  }
}

/** As the AWS cloud provider registers them. */
export function awsMachines(topology: Topology, ec2: Pick<Ec2World, "instanceOf">): KubeMachine[] {
  return topology.vms.map((vm) => ({ ...vm, providerId: `aws:///${vm.zone}/${ec2.instanceOf(vm.name)}` }));
}

function found(ids: ReadonlyMap<string, string>, vm: string): string {
  const id = ids.get(vm);
  if (id === undefined) throw new RangeError(`no machine named ${vm}`);
  return id;
}
