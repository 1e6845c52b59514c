/**
 * The changing actions of the EC2 endpoint. Each reads its parameters first and returns the change as a function, so
 * that a dry run stops between the two (EC2 API reference, common parameter DryRun).
 */
import { instanceStateXml } from "./describe-actions.ts";
import { Ec2Error } from "./ports.ts";
import type { Instance, RouteTarget } from "./ports.ts";
import type { QueryParams } from "./query.ts";
import type { VirtualEc2 } from "./virtual-ec2.ts";
import type { XmlValue } from "./xml.ts";

export interface ChangeCall {
  readonly ec2: VirtualEc2;
  readonly params: QueryParams;
}

export type ChangeAction = (call: ChangeCall) => () => XmlValue;

const DONE = { return: true } as const satisfies XmlValue;

function routeTarget(params: QueryParams): RouteTarget {
  const networkInterfaceId = params.optional("NetworkInterfaceId");
  if (networkInterfaceId !== undefined) return { type: "networkInterface", networkInterfaceId };
  const gatewayId = params.optional("GatewayId");
  if (gatewayId !== undefined) return { type: "gateway", gatewayId };
  throw new Ec2Error(
    "MissingParameter",
    "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId, carrierGatewayId or instanceId",
  );
}

function createRoute({ ec2, params }: ChangeCall): () => XmlValue {
  const table = params.required("RouteTableId");
  const destination = params.required("DestinationCidrBlock");
  const target = routeTarget(params);
  return () => {
    ec2.createRoute(table, destination, target);
    return DONE;
  };
}

function replaceRoute({ ec2, params }: ChangeCall): () => XmlValue {
  const table = params.required("RouteTableId");
  const destination = params.required("DestinationCidrBlock");
  const target = routeTarget(params);
  return () => {
    ec2.replaceRoute(table, destination, target);
    return DONE;
  };
}

function deleteRoute({ ec2, params }: ChangeCall): () => XmlValue {
  const table = params.required("RouteTableId");
  const destination = params.required("DestinationCidrBlock");
  return () => {
    ec2.deleteRoute(table, destination);
    return DONE;
  };
}

function modifyNetworkInterfaceAttribute({ ec2, params }: ChangeCall): () => XmlValue {
  const eni = params.required("NetworkInterfaceId");
  const check = requiredFlag(params, "SourceDestCheck.Value");
  return () => {
    ec2.setSourceDestCheck(eni, check);
    return DONE;
  };
}

function associateAddress({ ec2, params }: ChangeCall): () => XmlValue {
  const allocationId = params.required("AllocationId");
  const networkInterfaceId = params.required("NetworkInterfaceId");
  const allowReassociation = params.flag("AllowReassociation");
  return () => {
    const associationId = ec2.associateAddress({ allocationId, networkInterfaceId, allowReassociation });
    return { ...DONE, associationId };
  };
}

function disassociateAddress({ ec2, params }: ChangeCall): () => XmlValue {
  const associationId = params.required("AssociationId");
  return () => {
    ec2.disassociateAddress(associationId);
    return DONE;
  };
}

/** The instance's attribute is that of its primary interface. */
function modifyInstanceAttribute({ ec2, params }: ChangeCall): () => XmlValue {
  const instanceId = params.required("InstanceId");
  const check = requiredFlag(params, "SourceDestCheck.Value");
  return () => {
    const [primary] = instance(ec2, instanceId).networkInterfaceIds;
    if (primary !== undefined) ec2.setSourceDestCheck(primary, check);
    return DONE;
  };
}

function startInstances({ ec2, params }: ChangeCall): () => XmlValue {
  const ids = instanceIds(params);
  return () => changeAll(ec2, ids, (id) => ec2.startInstance(id));
}

function stopInstances({ ec2, params }: ChangeCall): () => XmlValue {
  const ids = instanceIds(params);
  const options = { force: params.flag("Force"), skipOsShutdown: params.flag("SkipOsShutdown") };
  return () => changeAll(ec2, ids, (id) => ec2.stopInstance(id, options));
}

type StateChange = ReturnType<VirtualEc2["startInstance"]>;

/** All or nothing with respect to unknown ids, as EC2. */
function changeAll(ec2: VirtualEc2, ids: readonly string[], change: (id: string) => StateChange): XmlValue {
  for (const id of ids) instance(ec2, id);
  return {
    instancesSet: ids.map((instanceId) => {
      const { previous, current } = change(instanceId);
      return { instanceId, currentState: instanceStateXml(current), previousState: instanceStateXml(previous) };
    }),
  };
}

function instance(ec2: VirtualEc2, instanceId: string): Instance {
  const found = ec2.state.instances.get(instanceId);
  if (found === undefined)
    throw new Ec2Error("InvalidInstanceID.NotFound", `The instance ID '${instanceId}' does not exist`);
  return found;
}

function instanceIds(params: QueryParams): string[] {
  const ids = params.list("InstanceId");
  if (ids.length === 0) throw new Ec2Error("MissingParameter", "The request must contain the parameter InstanceId");
  return ids;
}

function requiredFlag(params: QueryParams, name: string): boolean {
  const value = params.optionalFlag(name);
  if (value === undefined) throw new Ec2Error("InvalidParameterCombination", "No attributes specified.");
  return value;
}

export const CHANGE_ACTIONS = {
  AssociateAddress: associateAddress,
  DisassociateAddress: disassociateAddress,
  CreateRoute: createRoute,
  ReplaceRoute: replaceRoute,
  DeleteRoute: deleteRoute,
  ModifyNetworkInterfaceAttribute: modifyNetworkInterfaceAttribute,
  ModifyInstanceAttribute: modifyInstanceAttribute,
  StartInstances: startInstances,
  StopInstances: stopInstances,
} as const satisfies Record<string, ChangeAction>;
