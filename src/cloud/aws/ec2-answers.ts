/** The SDK's answers as plain values. Everything in an answer is optional by its type; what we cannot do without and is missing is a `CallFailed`. */
import type {
  Address as SdkAddress,
  Instance as SdkInstance,
  InstanceStateChange,
  NetworkInterface as SdkNetworkInterface,
  RouteTable as SdkRouteTable,
  Vpc as SdkVpc,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../errors.ts";
import type { ElasticIp, Instance, NetworkInterface, PowerChange, RouteTable, VpcFacts } from "./ports.ts";

export function vpcFacts(vpc: SdkVpc): VpcFacts {
  const associated = (vpc.CidrBlockAssociationSet ?? [])
    .filter((block) => (block.CidrBlockState?.State ?? "associated") === "associated")
    .flatMap((block) => block.CidrBlock ?? []);
  const primary = present(vpc.CidrBlock ?? associated[0], "DescribeVpcs", "CidrBlock");
  return {
    vpcId: present(vpc.VpcId, "DescribeVpcs", "VpcId"),
    cidrBlocks: [primary, ...associated.filter((block) => block !== primary)],
  };
}

/** Routes to prefix lists and IPv6 destinations are left out: no IPv4 address is written through them. */
export function routeTable(table: SdkRouteTable): RouteTable {
  const action = "DescribeRouteTables";
  return {
    routeTableId: present(table.RouteTableId, action, "RouteTableId"),
    vpcId: present(table.VpcId, action, "VpcId"),
    routes: (table.Routes ?? []).flatMap((route) => {
      if (route.DestinationCidrBlock === undefined) return [];
      const target = route.NetworkInterfaceId === undefined ? {} : { networkInterfaceId: route.NetworkInterfaceId };
      return [{ destinationCidr: route.DestinationCidrBlock, state: route.State ?? "active", ...target }];
    }),
  };
}

export function networkInterface(eni: SdkNetworkInterface): NetworkInterface {
  const action = "DescribeNetworkInterfaces";
  const instanceId = eni.Attachment?.InstanceId;
  const deviceIndex = eni.Attachment?.DeviceIndex;
  const { PublicIp, AllocationId } = eni.Association ?? {};
  return {
    networkInterfaceId: present(eni.NetworkInterfaceId, action, "NetworkInterfaceId"),
    vpcId: present(eni.VpcId, action, "VpcId"),
    subnetId: present(eni.SubnetId, action, "SubnetId"),
    availabilityZone: eni.AvailabilityZone ?? "",
    macAddress: eni.MacAddress ?? "",
    privateIpAddress: eni.PrivateIpAddress ?? "",
    sourceDestCheck: eni.SourceDestCheck ?? true,
    ...(instanceId === undefined ? {} : { attachedInstanceId: instanceId }),
    ...(deviceIndex === undefined ? {} : { deviceIndex }),
    ...(PublicIp === undefined
      ? {}
      : { publicIp: { address: PublicIp, ...(AllocationId === undefined ? {} : { allocationId: AllocationId }) } }),
  };
}

/** An empty string is how some answers say "none". */
export function elasticIp(address: SdkAddress): ElasticIp {
  const { AssociationId = "", NetworkInterfaceId = "" } = address;
  return {
    allocationId: present(address.AllocationId, "DescribeAddresses", "AllocationId"),
    publicIp: present(address.PublicIp, "DescribeAddresses", "PublicIp"),
    ...(AssociationId === "" ? {} : { associationId: AssociationId }),
    ...(NetworkInterfaceId === "" ? {} : { networkInterfaceId: NetworkInterfaceId }),
  };
}

export function instance(found: SdkInstance): Instance {
  const enis = (found.NetworkInterfaces ?? []).toSorted(
    (a, b) => (a.Attachment?.DeviceIndex ?? 0) - (b.Attachment?.DeviceIndex ?? 0),
  );
  return {
    instanceId: present(found.InstanceId, "DescribeInstances", "InstanceId"),
    state: found.State?.Name ?? "",
    ...(found.StateReason?.Code === undefined ? {} : { stateReason: found.StateReason.Code }),
    availabilityZone: found.Placement?.AvailabilityZone ?? "",
    vpcId: found.VpcId ?? "",
    networkInterfaceIds: enis.flatMap((eni) => eni.NetworkInterfaceId ?? []),
  };
}

/** Of one instance; undefined (a dry run) has no states. */
export function powerChange(changes: readonly InstanceStateChange[] | undefined): PowerChange {
  const [change] = changes ?? [];
  return { previousState: change?.PreviousState?.Name ?? "", currentState: change?.CurrentState?.Name ?? "" };
}

function present<T>(value: T | undefined, action: string, field: string): T {
  if (value !== undefined) return value;
  throw new CloudError({ code: "CallFailed", action }, `EC2 ${action}: the answer has no ${field}`);
}
