/** The reading actions of the EC2 endpoint: filters, ids, pages, and the XML shapes of the EC2 API reference. */
import { publicAddressOf } from "./address-rules.ts";
import { Ec2Error } from "./ports.ts";
import type { Ec2State, ElasticAddress, Instance, NetworkInterface, RouteTable, Subnet, Vpc, Zone } from "./ports.ts";
import { applyFilters, pageOf } from "./query.ts";
import type { FilterTable, QueryParams } from "./query.ts";
import { ownedBy, routeWithState } from "./state-edits.ts";
import type { XmlValue } from "./xml.ts";

export interface DescribeCall {
  /** Possibly an older one, when stale reads are injected. */
  readonly state: Ec2State;
  readonly params: QueryParams;
  readonly region: string;
  readonly ownerId: string;
  readonly pageSize: number;
}

export type DescribeAction = (call: DescribeCall) => XmlValue;

const INSTANCE_STATE_CODES: Readonly<Record<Instance["state"], number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

/** Objects by the ids that were asked for, or all; an unknown id is an error, as in EC2. */
function selected<T>(map: ReadonlyMap<string, T>, ids: readonly string[], code: string, what: string): T[] {
  return ids.length === 0 ? [...map.values()] : ids.map((id) => ownedBy(map, id, code, what));
}

/** Filters and pages `items`, and writes each under `listName`. */
function answer<T>(
  call: DescribeCall,
  listName: string,
  items: readonly T[],
  filters: FilterTable<T>,
  write: (item: T) => XmlValue,
): XmlValue {
  const page = pageOf(applyFilters(items, call.params.filters(), filters), call.params, call.pageSize);
  return { [listName]: page.items.map(write), nextToken: page.nextToken };
}

function describeAvailabilityZones(call: DescribeCall): XmlValue {
  const names = call.params.list("ZoneName");
  const zones = names.length === 0 ? call.state.zones : call.state.zones.filter((zone) => names.includes(zone.name));
  if (names.length > zones.length)
    throw new Ec2Error("InvalidParameterValue", `Invalid availability zone: [${names.join(", ")}]`);
  const filters: FilterTable<Zone> = {
    "zone-name": (zone) => [zone.name],
    "zone-id": (zone) => [zone.zoneId],
    state: (zone) => [zone.state],
  };
  return answer(call, "availabilityZoneInfo", zones, filters, (zone) => ({
    zoneName: zone.name,
    zoneState: zone.state,
    zoneId: zone.zoneId,
    regionName: call.region,
    zoneType: "availability-zone",
    messageSet: [],
  }));
}

function describeVpcs(call: DescribeCall): XmlValue {
  const vpcs = selected(call.state.vpcs, call.params.list("VpcId"), "InvalidVpcID.NotFound", "vpc ID");
  const filters: FilterTable<Vpc> = {
    "vpc-id": (vpc) => [vpc.vpcId],
    cidr: (vpc) => vpc.cidrBlocks.slice(0, 1),
    "cidr-block-association.cidr-block": (vpc) => vpc.cidrBlocks,
    state: () => ["available"],
  };
  return answer(call, "vpcSet", vpcs, filters, (vpc) => ({
    vpcId: vpc.vpcId,
    ownerId: call.ownerId,
    state: "available",
    cidrBlock: vpc.cidrBlocks[0],
    cidrBlockAssociationSet: vpc.cidrBlocks.map((cidrBlock, index) => ({
      cidrBlock,
      associationId: `vpc-cidr-assoc-${vpc.vpcId.slice(4)}${index}`,
      cidrBlockState: { state: "associated" },
    })),
    instanceTenancy: "default",
    isDefault: false,
  }));
}

/** One attribute at a time, as EC2. */
function describeVpcAttribute({ state, params }: DescribeCall): XmlValue {
  const vpcId = params.required("VpcId");
  const { dns } = ownedBy(state.vpcs, vpcId, "InvalidVpcID.NotFound", "vpc ID");
  const attribute = params.required("Attribute");
  if (attribute === "enableDnsSupport") return { vpcId, enableDnsSupport: { value: dns.support } };
  if (attribute === "enableDnsHostnames") return { vpcId, enableDnsHostnames: { value: dns.hostnames } };
  throw new Ec2Error("InvalidParameterValue", `Value (${attribute}) for parameter attribute is invalid.`);
}

/** Without pages, as EC2. */
function describeAddresses(call: DescribeCall): XmlValue {
  const { state, params } = call;
  const ids = params.list("AllocationId");
  const publicIps = params.list("PublicIp");
  const chosen = selected(state.addresses, ids, "InvalidAllocationID.NotFound", "allocation ID");
  const unknown = publicIps.find((publicIp) => !chosen.some((address) => address.publicIp === publicIp));
  if (unknown !== undefined) throw new Ec2Error("InvalidAddress.NotFound", `Address '${unknown}' not found.`);
  const addresses = chosen.filter(({ publicIp }) => publicIps.length === 0 || publicIps.includes(publicIp));
  const present = (value: string | undefined): string[] => (value === undefined ? [] : [value]);
  const filters: FilterTable<ElasticAddress> = {
    "allocation-id": (address) => [address.allocationId],
    "association-id": (address) => present(address.associationId),
    "network-interface-id": (address) => present(address.networkInterfaceId),
    "public-ip": (address) => [address.publicIp],
  };
  return answer({ ...call, pageSize: Infinity }, "addressesSet", addresses, filters, (address) => {
    const eni = state.networkInterfaces.get(address.networkInterfaceId ?? "");
    const where = {
      instanceId: eni?.attachment?.instanceId,
      privateIpAddress: eni?.privateIpAddress,
      networkInterfaceOwnerId: eni === undefined ? undefined : call.ownerId,
    };
    return { ...address, domain: "vpc", networkBorderGroup: call.region, publicIpv4Pool: "amazon", ...where };
  });
}

function describeSubnets(call: DescribeCall): XmlValue {
  const subnets = selected(call.state.subnets, call.params.list("SubnetId"), "InvalidSubnetID.NotFound", "subnet ID");
  const filters: FilterTable<Subnet> = {
    "subnet-id": (subnet) => [subnet.subnetId],
    "vpc-id": (subnet) => [subnet.vpcId],
    "availability-zone": (subnet) => [subnet.availabilityZone],
    "cidr-block": (subnet) => [subnet.cidrBlock],
  };
  return answer(call, "subnetSet", subnets, filters, (subnet) => ({
    ...subnet,
    ownerId: call.ownerId,
    state: "available",
  }));
}

function describeRouteTables(call: DescribeCall): XmlValue {
  const { state } = call;
  const tables = selected(
    state.routeTables,
    call.params.list("RouteTableId"),
    "InvalidRouteTableID.NotFound",
    "routeTable ID",
  );
  const filters: FilterTable<RouteTable> = {
    "route-table-id": (table) => [table.routeTableId],
    "vpc-id": (table) => [table.vpcId],
    "association.subnet-id": (table) => table.subnetIds,
    "association.main": (table) => [String(table.main)],
    "route.destination-cidr-block": (table) => table.routes.map((route) => route.destinationCidr),
    "route.state": (table) => table.routes.map((route) => routeWithState(state, route).state),
  };
  return answer(call, "routeTableSet", tables, filters, (table) => routeTableXml(call, table));
}

function routeTableXml(call: DescribeCall, table: RouteTable): XmlValue {
  const association = (subnetId: string | undefined): XmlValue => ({
    routeTableAssociationId: `rtbassoc-${(subnetId ?? table.routeTableId).replace(/^[a-z]+-/, "")}`,
    routeTableId: table.routeTableId,
    subnetId,
    main: subnetId === undefined,
    associationState: { state: "associated" },
  });
  return {
    routeTableId: table.routeTableId,
    vpcId: table.vpcId,
    ownerId: call.ownerId,
    routeSet: table.routes.map((route) => routeXml(call, route)),
    associationSet: [...(table.main ? [association(undefined)] : []), ...table.subnetIds.map(association)],
    propagatingVgwSet: [],
    tagSet: [],
  };
}

function routeXml(call: DescribeCall, route: RouteTable["routes"][number]): XmlValue {
  const { target } = route;
  const base = { destinationCidrBlock: route.destinationCidr, state: routeWithState(call.state, route).state };
  if (target.type === "local") return { ...base, gatewayId: "local", origin: "CreateRouteTable" };
  if (target.type === "gateway") {
    const key = target.gatewayId.startsWith("pcx-") ? "vpcPeeringConnectionId" : "gatewayId";
    return { ...base, [key]: target.gatewayId, origin: "CreateRoute" };
  }
  // EC2 adds the instance of an attached interface to the route.
  const attachment = call.state.networkInterfaces.get(target.networkInterfaceId)?.attachment;
  const owner = attachment === undefined ? {} : { instanceId: attachment.instanceId, instanceOwnerId: call.ownerId };
  return { ...base, ...owner, networkInterfaceId: target.networkInterfaceId, origin: "CreateRoute" };
}

function describeNetworkInterfaces(call: DescribeCall): XmlValue {
  const ids = call.params.list("NetworkInterfaceId");
  const enis = selected(call.state.networkInterfaces, ids, "InvalidNetworkInterfaceID.NotFound", "networkInterface ID");
  const filters: FilterTable<NetworkInterface> = {
    "network-interface-id": (eni) => [eni.networkInterfaceId],
    "vpc-id": (eni) => [eni.vpcId],
    "subnet-id": (eni) => [eni.subnetId],
    "availability-zone": (eni) => [eni.availabilityZone],
    "mac-address": (eni) => [eni.macAddress],
    "private-ip-address": (eni) => [eni.privateIpAddress],
    "attachment.instance-id": (eni) => (eni.attachment === undefined ? [] : [eni.attachment.instanceId]),
    "attachment.device-index": (eni) => (eni.attachment === undefined ? [] : [String(eni.attachment.deviceIndex)]),
    "source-dest-check": (eni) => [String(eni.sourceDestCheck)],
  };
  return answer(call, "networkInterfaceSet", enis, filters, (eni) => networkInterfaceXml(call, eni));
}

function networkInterfaceXml(call: DescribeCall, eni: NetworkInterface): XmlValue {
  const { attachment, assignedPublicIp: _inAssociation, ...facts } = eni;
  const publicAddress = publicAddressOf(call.state, eni.networkInterfaceId);
  const association =
    publicAddress === undefined
      ? undefined
      : { ...publicAddress, ipOwnerId: publicAddress.allocationId === undefined ? "amazon" : call.ownerId };
  return {
    ...facts,
    association,
    ownerId: call.ownerId,
    status: attachment === undefined ? "available" : "in-use",
    interfaceType: "interface",
    attachment:
      attachment === undefined ? undefined : { ...attachmentXml(eni, attachment), instanceOwnerId: call.ownerId },
    groupSet: [],
    tagSet: [],
    privateIpAddressesSet: [{ privateIpAddress: eni.privateIpAddress, primary: true }],
  };
}

function attachmentXml(
  eni: NetworkInterface,
  attachment: { readonly instanceId: string; readonly deviceIndex: number },
): { readonly [element: string]: XmlValue } {
  return {
    attachmentId: `eni-attach-${eni.networkInterfaceId.slice(4)}`,
    ...attachment,
    status: "attached",
    deleteOnTermination: true,
  };
}

const INSTANCE_FILTERS: FilterTable<Instance> = {
  "instance-id": (instance) => [instance.instanceId],
  "vpc-id": (instance) => [instance.vpcId],
  "subnet-id": (instance) => [instance.subnetId],
  "availability-zone": (instance) => [instance.availabilityZone],
  "instance-state-name": (instance) => [instance.state],
  "tag:Name": (instance) => [instance.name],
};

function describeInstances(call: DescribeCall): XmlValue {
  const ids = call.params.list("InstanceId");
  if (ids.length > 0 && call.params.optional("MaxResults") !== undefined) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "The parameter instancesSet cannot be used with the parameter maxResults",
    );
  }
  const instances = selected(call.state.instances, ids, "InvalidInstanceID.NotFound", "instance ID");
  return answer(call, "reservationSet", instances, INSTANCE_FILTERS, (instance) => ({
    reservationId: `r-${instance.instanceId.slice(2)}`,
    ownerId: call.ownerId,
    groupSet: [],
    instancesSet: [instanceXml(call, instance)],
  }));
}

function instanceXml(call: DescribeCall, instance: Instance): XmlValue {
  const enis = instance.networkInterfaceIds.flatMap((id) => call.state.networkInterfaces.get(id) ?? []);
  return {
    instanceId: instance.instanceId,
    instanceState: instanceStateXml(instance.state),
    privateIpAddress: enis[0]?.privateIpAddress,
    stateReason:
      instance.stateReason === undefined ? undefined : { code: instance.stateReason, message: instance.stateReason },
    placement: { availabilityZone: instance.availabilityZone, tenancy: "default" },
    subnetId: instance.subnetId,
    vpcId: instance.vpcId,
    sourceDestCheck: enis[0]?.sourceDestCheck,
    networkInterfaceSet: enis.map((eni) => networkInterfaceXml(call, eni)),
    tagSet: [{ key: "Name", value: instance.name }],
  };
}

export function instanceStateXml(state: Instance["state"]): XmlValue {
  return { code: INSTANCE_STATE_CODES[state], name: state };
}

/** Running instances only unless `IncludeAllInstances` (EC2 API reference). */
function describeInstanceStatus(call: DescribeCall): XmlValue {
  const ids = call.params.list("InstanceId");
  const found = selected(call.state.instances, ids, "InvalidInstanceID.NotFound", "instance ID");
  const all = call.params.flag("IncludeAllInstances");
  const instances = found.filter((instance) => all || instance.state === "running");
  return answer(call, "instanceStatusSet", instances, INSTANCE_FILTERS, (instance) => {
    const status = { status: instance.state === "running" ? "ok" : "not-applicable" };
    return {
      instanceId: instance.instanceId,
      availabilityZone: instance.availabilityZone,
      instanceState: instanceStateXml(instance.state),
      systemStatus: status,
      instanceStatus: status,
      eventsSet: (instance.events ?? []).map((event) => ({ ...event })),
    };
  });
}

export const DESCRIBE_ACTIONS = {
  DescribeAddresses: describeAddresses,
  DescribeVpcAttribute: describeVpcAttribute,
  DescribeAvailabilityZones: describeAvailabilityZones,
  DescribeVpcs: describeVpcs,
  DescribeSubnets: describeSubnets,
  DescribeRouteTables: describeRouteTables,
  DescribeNetworkInterfaces: describeNetworkInterfaces,
  DescribeInstances: describeInstances,
  DescribeInstanceStatus: describeInstanceStatus,
} as const satisfies Record<string, DescribeAction>;
