/**
 * Which resources a policy must allow for a request, as ARNs (service authorization reference, "Actions, resources, and
 * condition keys for Amazon EC2", column "Resource types"). Actions that are not named here have none: `*`.
 */
import type { Ec2State } from "./ports.ts";
import type { QueryParams } from "./query.ts";
import type { VirtualEc2 } from "./virtual-ec2.ts";

interface Named {
  readonly type: string;
  readonly ids: readonly (string | undefined)[];
}

type Resources = (params: QueryParams, state: Ec2State) => readonly Named[];

const RESOURCES: Readonly<Record<string, Resources>> = {
  CreateRoute: (params) => [one("route-table", params.optional("RouteTableId"))],
  ReplaceRoute: (params) => [one("route-table", params.optional("RouteTableId"))],
  DeleteRoute: (params) => [one("route-table", params.optional("RouteTableId"))],
  ModifyNetworkInterfaceAttribute: (params) => [one("network-interface", params.optional("NetworkInterfaceId"))],
  ModifyInstanceAttribute: (params) => [one("instance", params.optional("InstanceId"))],
  StartInstances: (params) => [{ type: "instance", ids: params.list("InstanceId") }],
  StopInstances: (params) => [{ type: "instance", ids: params.list("InstanceId") }],
  AssociateAddress: (params) => [
    one("elastic-ip", params.optional("AllocationId")),
    one("network-interface", params.optional("NetworkInterfaceId")),
    one("instance", params.optional("InstanceId")),
  ],
  DisassociateAddress: (params, { addresses }) => {
    const associationId = params.optional("AssociationId");
    const held = [...addresses.values()].find((address) => address.associationId === associationId);
    return [one("elastic-ip", held?.allocationId), one("network-interface", held?.networkInterfaceId)];
  },
  DescribeVpcAttribute: (params) => [one("vpc", params.optional("VpcId"))],
};

export function resourcesOf({ region, ownerId, state }: VirtualEc2, params: QueryParams): string[] {
  const named = Object.hasOwn(RESOURCES, params.action) ? (RESOURCES[params.action]?.(params, state) ?? []) : [];
  const arns = named.flatMap(({ type, ids }) =>
    ids.flatMap((id) => (id === undefined ? [] : [`arn:aws:ec2:${region}:${ownerId}:${type}/${id}`])),
  );
  return arns.length === 0 ? ["*"] : arns;
}

function one(type: string, id: string | undefined): Named {
  return { type, ids: [id] };
}
