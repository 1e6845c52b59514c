/**
 * Which calls a group's kinds make, on what, under which identity: one table, from which the policies are printed.
 * Pure. A test runs every kind with exactly the policy that follows from it, and with each action taken out.
 */
import type {
  AwsDns,
  AwsElasticIP,
  AwsVirtualIP,
  AzureDns,
  FailoverGroup,
  LbProbePort,
} from "../api/generated/types.ts";
import type { ResourceKind } from "../api/kinds.ts";
import type { AwsCall, AwsResourceType } from "../cloud/permissions/aws-calls.ts";
import type { AwsNeed, AwsResource } from "../cloud/permissions/aws-policy.ts";
import type { AzureCall, AzureVariant } from "../cloud/permissions/azure-calls.ts";
import type { AzureNeed } from "../cloud/permissions/azure-role.ts";
import type { AwsVm, AzureVm, VmRef } from "../cloud/fencing-ports.ts";
import { parseVmRef } from "../cloud/vm-ref.ts";
import type { KubeObject } from "../kube/ports.ts";
import { cidrContains } from "../lib/ipv4.ts";
import { type PreflightInput, providerIdOf } from "./preflight-input.ts";

export interface Needs {
  readonly aws: readonly AwsNeed[];
  readonly azure: readonly AzureNeed[];
  /** Regions of the members on AWS. */
  readonly regions: readonly string[];
}

/** By identity: the name of a Secret, or `AMBIENT`. */
export type NeedsByIdentity = ReadonlyMap<string, Needs>;

/** RFC 1918. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

export const AMBIENT = "the controller's own identity";

interface Machines {
  readonly aws: readonly AwsVm[];
  readonly azure: readonly AzureVm[];
}

type Some = Partial<Pick<Needs, "aws" | "azure">>;

const NEEDS: Readonly<Record<ResourceKind, (object: never, machines: Machines) => Some>> = {
  AwsVirtualIP: virtualIpNeeds,
  AwsElasticIP: elasticIpNeeds,
  AwsDns: awsDnsNeeds,
  AzureDns: azureDnsNeeds,
  LbProbePort: probePortNeeds,
  // The mirror speaks to its peers, never to a cloud.
  MirrorDisk: () => ({}),
};

export function needsOf(input: PreflightInput, group: FailoverGroup): NeedsByIdentity {
  const machines = machinesOf(input, group);
  const found: { readonly identity: string; readonly needs: Some }[] = [];
  const add = (credentials: { readonly secretRef: { readonly name: string } } | undefined, needs: Some): void => {
    found.push({ identity: credentials === undefined ? AMBIENT : `Secret ${credentials.secretRef.name}`, needs });
  };
  for (const { kind, object } of resourcesOf(input, group)) {
    const needs = (NEEDS[kind] as (object: KubeObject, machines: Machines) => Some)(object, machines);
    add((object as AwsVirtualIP).spec.credentials, needs);
  }
  const { fencing, monitors } = group.spec;
  if (fencing !== undefined) add(fencing.credentials, fencingNeeds(fencing, machines));
  if (monitors?.availabilityZone !== undefined) add(undefined, { aws: [...calls("DescribeAvailabilityZones")] });
  const byIdentity = Map.groupBy(found, ({ identity }) => identity);
  const regions = [...new Set(machines.aws.map(({ region }) => region))];
  return new Map(
    [...byIdentity].map(([identity, all]) => [
      identity,
      {
        aws: all.flatMap(({ needs }) => needs.aws ?? []),
        azure: all.flatMap(({ needs }) => needs.azure ?? []),
        regions,
      },
    ]),
  );
}

/** The objects that the group lists and that exist, in its order. */
export function resourcesOf(
  { resources }: PreflightInput,
  group: FailoverGroup,
): { readonly name: string; readonly kind: ResourceKind; readonly object: KubeObject }[] {
  return group.spec.resources.flatMap(({ kind, name }) => {
    if (kind === undefined) return [];
    const object = resources[kind]?.find(
      ({ metadata }) => metadata.name === name && (metadata.namespace ?? "") === (group.metadata.namespace ?? ""),
    );
    return object === undefined ? [] : [{ kind, name, object }];
  });
}

function machinesOf(input: PreflightInput, group: FailoverGroup): Machines {
  const vms = group.spec.members.flatMap(({ node }): VmRef[] => {
    const id = providerIdOf(input, group, node);
    const vm = id === undefined ? undefined : parseVmRef(id);
    return vm === undefined ? [] : [vm];
  });
  return {
    aws: vms.filter((vm): vm is AwsVm => vm.provider === "aws"),
    azure: vms.filter((vm): vm is AzureVm => vm.provider === "azure"),
  };
}

function virtualIpNeeds({ spec, status }: AwsVirtualIP, machines: Machines): Some {
  const tables = spec.routeTableIds ?? status?.routeTables?.map(({ id }) => id) ?? [];
  return {
    aws: [
      calls("DescribeVpcs", "DescribeRouteTables", "DescribeNetworkInterfaces"),
      [{ call: "ReplaceRoute" as const, on: inRegions(machines, "route-table", tables) }],
      spec.sourceDestCheck === "Repair"
        ? [{ call: "ModifyNetworkInterfaceAttribute" as const, on: interfaces({ spec, status }, machines) }]
        : [],
    ].flat(),
  };
}

function elasticIpNeeds({ spec, status }: AwsElasticIP, machines: Machines): Some {
  const address = inRegions(machines, "elastic-ip", [spec.allocationId]);
  const on = [...address, ...interfaces({ spec, status }, machines)];
  const changes =
    spec.whenStopped === "Disassociate" ? (["Associate", "Disassociate"] as const) : ["Associate" as const];
  return {
    aws: [
      ...calls("DescribeAddresses", "DescribeNetworkInterfaces"),
      ...changes.map((change) => ({ call: `${change}Address` as const, on })),
    ],
  };
}

/** For a private zone the members' VPCs are looked at; whether it is one is known once it was read. */
function awsDnsNeeds({ spec, status }: AwsDns): Some {
  const on: AwsResource[] = [{ type: "hostedzone", id: spec.hostedZoneId }];
  const onZone = (["GetHostedZone", "ListResourceRecordSets", "ChangeResourceRecordSets"] as const).map((call) => ({
    call,
    on,
  }));
  const ofVpcs =
    status?.zone?.visibility === "Public" ? [] : calls("DescribeNetworkInterfaces", "DescribeVpcAttribute");
  return { aws: [...onZone, ...calls("GetChange"), ...ofVpcs] };
}

function azureDnsNeeds({ spec }: AzureDns, machines: Machines): Some {
  const variant = spec.zoneType === "Private" ? "private" : "public";
  const at = {
    variant,
    subscriptionId: spec.subscriptionId ?? machines.azure[0]?.subscriptionId,
    resourceGroup: spec.resourceGroup,
  } as const;
  const always: AzureCall[] = ["RecordSets.Get", "RecordSets.List", "RecordSets.CreateOrUpdate", "Permissions.List"];
  if (spec.whenStopped === "Delete") always.push("RecordSets.Delete");
  if (variant === "private") always.push("VirtualNetworkLinks.List");
  return { azure: always.map((call) => ({ call, ...at })) };
}

/** A scale set's interfaces need not be read; public addresses only while a frontend may have one. */
function probePortNeeds({ spec, status }: LbProbePort, { azure }: Machines): Some {
  const { azureLoadBalancer: balancer } = spec;
  if (balancer === undefined) return {};
  const [first] = azure;
  const at = {
    variant: "machine",
    subscriptionId: balancer.subscriptionId ?? first?.subscriptionId,
    resourceGroup: balancer.resourceGroup ?? first?.resourceGroup,
  } as const;
  const found = status?.frontends ?? [];
  const isInternal = found.length > 0 && found.every((address) => PRIVATE.some((cidr) => cidrContains(cidr, address)));
  const onBalancer: AzureCall[] = isInternal ? ["LoadBalancers.Get"] : ["LoadBalancers.Get", "PublicIPAddresses.Get"];
  const machines = azure.filter(({ scaleSet }) => scaleSet === undefined);
  return {
    azure: [...onBalancer.map((call) => ({ call, ...at })), ...machines.map((vm) => onVm("NetworkInterfaces.Get", vm))],
  };
}

function fencingNeeds(
  { awsStopInstance, azurePowerOff, afterwards }: NonNullable<FailoverGroup["spec"]["fencing"]>,
  machines: Machines,
): Some {
  const starts = afterwards === "Start";
  if (awsStopInstance !== undefined) {
    const on = machines.aws.map(({ region, instanceId }) => ({ type: "instance" as const, id: instanceId, region }));
    const power = starts ? (["StopInstances", "StartInstances"] as const) : (["StopInstances"] as const);
    return { aws: [...calls("DescribeInstances"), ...power.map((call) => ({ call, on }))] };
  }
  if (azurePowerOff === undefined) return {};
  const power: AzureCall[] = ["VirtualMachines.InstanceView", "VirtualMachines.PowerOff", "Permissions.List"];
  if (starts) power.push("VirtualMachines.Start");
  return { azure: machines.azure.flatMap((vm) => power.map((call) => onVm(call, vm))) };
}

function onVm(call: AzureCall, { subscriptionId, resourceGroup, scaleSet }: AzureVm): AzureNeed {
  const variant: AzureVariant = scaleSet === undefined ? "machine" : "scaleSet";
  return { call, variant, subscriptionId, resourceGroup };
}

function calls(...names: readonly AwsCall[]): AwsNeed[] {
  return names.map((call) => ({ call, on: [] }));
}

interface WithInterfaces {
  readonly spec: { readonly members?: readonly { readonly eniId?: string | undefined }[] | undefined };
  readonly status?: { readonly members?: readonly { readonly eniId?: string | undefined }[] | undefined } | undefined;
}

/** Interfaces of the members as found, else as given. */
function interfaces({ spec, status }: WithInterfaces, machines: Machines): AwsResource[] {
  const found = (status?.members ?? spec.members ?? []).flatMap(({ eniId }) => eniId ?? []);
  return inRegions(machines, "network-interface", found);
}

/** Ids do not say in which region they are: any of the members' regions. */
function inRegions({ aws }: Machines, type: AwsResourceType, ids: readonly string[]): AwsResource[] {
  const regions = [...new Set(aws.map(({ region }) => region))];
  const places = regions.length === 0 ? [undefined] : regions;
  const named = ids.length === 0 ? [undefined] : ids;
  return places.flatMap((region) => named.map((id) => ({ type, id, region })));
}
