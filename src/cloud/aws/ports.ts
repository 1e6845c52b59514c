/**
 * EC2 as this product needs it: plain values in and out, no Kubernetes, no SDK types. One `Ec2Port` stands for one
 * region and one identity. Every call ends within `timeoutMs`.
 */
import type { CloudError } from "../errors.ts";

export type { CloudError };

export interface CloudCallOptions {
  readonly timeoutMs: number;
  /** EC2 checks the permission and changes nothing; resolves when allowed. */
  readonly dryRun?: boolean;
  /** Called when the call's turn has come, immediately before it is sent. What it throws is thrown; nothing is sent. */
  readonly beforeSend?: () => void;
}

export interface VpcFacts {
  readonly vpcId: string;
  /** Every CIDR associated with the VPC, the primary one first. */
  readonly cidrBlocks: readonly string[];
}

/** Whether a VPC's resolver answers at all, and for names of private hosted zones as well: both must be on. */
export interface VpcDns {
  readonly hasDnsSupport: boolean;
  readonly hasDnsHostnames: boolean;
}

export interface RouteEntry {
  readonly destinationCidr: string;
  readonly networkInterfaceId?: string;
  /** `active` or `blackhole`. */
  readonly state: string;
}

export interface RouteTable {
  readonly routeTableId: string;
  readonly vpcId: string;
  readonly routes: readonly RouteEntry[];
}

export interface NetworkInterface {
  readonly networkInterfaceId: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly availabilityZone: string;
  readonly macAddress: string;
  readonly privateIpAddress: string;
  readonly sourceDestCheck: boolean;
  readonly attachedInstanceId?: string;
  /** 0 is the primary interface of the instance. */
  readonly deviceIndex?: number;
  /** The public address that leads to its primary private address. */
  readonly publicIp?: {
    readonly address: string;
    /** Of the Elastic IP; undefined: an address that AWS assigned by itself. */
    readonly allocationId?: string;
  };
}

/** An Elastic IP of the account in this region. */
export interface ElasticIp {
  readonly allocationId: string;
  readonly publicIp: string;
  /** While it is associated; every association has a new id. */
  readonly associationId?: string;
  readonly networkInterfaceId?: string;
}

export interface Instance {
  readonly instanceId: string;
  /** pending, running, shutting-down, terminated, stopping, stopped */
  readonly state: string;
  /** Code of why it left `running`, e.g. `Client.UserInitiatedShutdown`. */
  readonly stateReason?: string;
  readonly availabilityZone: string;
  readonly vpcId: string;
  readonly networkInterfaceIds: readonly string[];
}

export interface Ec2Port {
  describeVpcs(vpcIds: readonly string[], options: CloudCallOptions): Promise<VpcFacts[]>;
  /** One call per attribute. */
  describeVpcDns(vpcId: string, options: CloudCallOptions): Promise<VpcDns>;
  /** All tables of a VPC, or exactly these. */
  describeRouteTables(
    query: { readonly vpcId: string } | { readonly routeTableIds: readonly string[] },
    options: CloudCallOptions,
  ): Promise<RouteTable[]>;
  /** Exactly these (`NotFound` when one is missing), those of them that exist, or all of some instances; at most 200. */
  describeNetworkInterfaces(
    query:
      | { readonly ids: readonly string[] }
      | { readonly anyOfIds: readonly string[] }
      | { readonly instanceIds: readonly string[] },
    options: CloudCallOptions,
  ): Promise<NetworkInterface[]>;
  describeInstances(instanceIds: readonly string[], options: CloudCallOptions): Promise<Instance[]>;
  replaceRoute(
    route: { readonly routeTableId: string; readonly destinationCidr: string; readonly networkInterfaceId: string },
    options: CloudCallOptions,
  ): Promise<void>;
  setSourceDestCheck(networkInterfaceId: string, enabled: boolean, options: CloudCallOptions): Promise<void>;
  /** None given: every Elastic IP of the region. */
  describeAddresses(allocationIds: readonly string[], options: CloudCallOptions): Promise<ElasticIp[]>;
  /** Leads the Elastic IP to the interface's primary private address, taking it from where it is. A repetition changes nothing. */
  associateAddress(
    association: { readonly allocationId: string; readonly networkInterfaceId: string },
    options: CloudCallOptions,
  ): Promise<void>;
  /** Undoes exactly this association; `NotFound` when it is not there any more. */
  disassociateAddress(associationId: string, options: CloudCallOptions): Promise<void>;
}

export interface ZoneFacts {
  readonly name: string;
  /** available, information, impaired, unavailable, constrained */
  readonly state: string;
}

/** Zones of the region, for the group's own monitor. */
export interface Ec2ZonePort {
  /** Every zone that the account may use. */
  describeAvailabilityZones(options: CloudCallOptions): Promise<ZoneFacts[]>;
}

/** What an instance was and is, as the answer to a change of its power says. A dry run has no states. */
export interface PowerChange {
  readonly previousState: string;
  readonly currentState: string;
}

/** Power of instances, for fencing. */
export interface Ec2PowerPort extends Pick<Ec2Port, "describeInstances"> {
  stopInstance(
    instanceId: string,
    how: { readonly force?: boolean; readonly skipOsShutdown?: boolean },
    options: CloudCallOptions,
  ): Promise<PowerChange>;
  startInstance(instanceId: string, options: CloudCallOptions): Promise<PowerChange>;
}
