/**
 * The virtual EC2 of one region as plain values, and the port through which it drives the virtual machines.
 *
 * Whoever builds the world creates VPCs, subnets, tables, interfaces and instances in `VirtualEc2`; the router reads
 * `Ec2State` after every change and forwards packets accordingly. Values are never changed in place: a state that
 * was read stays as it was, which is also what makes stale reads possible.
 */
import { CodedError } from "../../lib/errors.ts";

/** States of an instance (EC2 API reference, InstanceState). */
export type InstanceStateName = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

export interface Zone {
  /** e.g. `eu-central-1a` */
  readonly name: string;
  /** e.g. `euc1-az1` */
  readonly zoneId: string;
  readonly state: "available" | "impaired" | "unavailable";
}

export interface Vpc {
  readonly vpcId: string;
  /** The primary block first. */
  readonly cidrBlocks: readonly string[];
  /** Attributes `enableDnsSupport` and `enableDnsHostnames`. */
  readonly dns: VpcDns;
}

export interface VpcDns {
  readonly support: boolean;
  readonly hostnames: boolean;
}

export interface Subnet {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly cidrBlock: string;
  readonly availabilityZone: string;
}

/** Where a route leads. `local` is the VPC itself and cannot be changed. */
export type RouteTarget =
  | { readonly type: "local" }
  | { readonly type: "networkInterface"; readonly networkInterfaceId: string }
  | { readonly type: "gateway"; readonly gatewayId: string };

export interface Route {
  readonly destinationCidr: string;
  readonly target: RouteTarget;
}

export interface RouteTable {
  readonly routeTableId: string;
  readonly vpcId: string;
  /** The table of every subnet of the VPC that has no association of its own. */
  readonly main: boolean;
  readonly subnetIds: readonly string[];
  readonly routes: readonly Route[];
}

export interface NetworkInterface {
  readonly networkInterfaceId: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly availabilityZone: string;
  readonly macAddress: string;
  readonly privateIpAddress: string;
  /** While true, packets whose source or destination is not the interface's own address are dropped. */
  readonly sourceDestCheck: boolean;
  readonly attachment?: { readonly instanceId: string; readonly deviceIndex: number };
  /** A public address that AWS assigned by itself, which the interface has until it gets an Elastic IP. */
  readonly assignedPublicIp?: string;
}

/** What is omitted is chosen: the next free address, the check on. */
export type NewInterface = Pick<NetworkInterface, "subnetId"> &
  Partial<Omit<NetworkInterface, "vpcId" | "availabilityZone" | "attachment">>;

export interface Instance {
  readonly instanceId: string;
  readonly name: string;
  readonly state: InstanceStateName;
  readonly availabilityZone: string;
  readonly vpcId: string;
  readonly subnetId: string;
  /** By device index; the first is the primary one. */
  readonly networkInterfaceIds: readonly string[];
  /** The latest first. */
  readonly events?: readonly InstanceEvent[];
  /** Why it left `running`, as EC2's StateReason code, e.g. `Client.UserInitiatedShutdown`. */
  readonly stateReason?: string;
}

/** An Elastic IP address. It is associated when `associationId` is there; then `networkInterfaceId` is, too. */
export interface ElasticAddress {
  readonly allocationId: string;
  readonly publicIp: string;
  readonly associationId?: string;
  readonly networkInterfaceId?: string;
}

/** Planned by AWS for an instance (EC2 API reference, InstanceStatusEvent). */
export interface InstanceEvent {
  readonly instanceEventId: string;
  readonly code: "instance-reboot" | "system-reboot" | "system-maintenance" | "instance-retirement" | "instance-stop";
  readonly description: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter?: string;
}

/** Everything in one region, as one immutable value. */
export interface Ec2State {
  readonly zones: readonly Zone[];
  readonly vpcs: ReadonlyMap<string, Vpc>;
  readonly subnets: ReadonlyMap<string, Subnet>;
  readonly routeTables: ReadonlyMap<string, RouteTable>;
  readonly networkInterfaces: ReadonlyMap<string, NetworkInterface>;
  readonly instances: ReadonlyMap<string, Instance>;
  readonly addresses: ReadonlyMap<string, ElasticAddress>;
}

/** A route with its state: `blackhole` when its interface is gone, detached, or its instance does not run. */
export interface RouteWithState extends Route {
  readonly state: "active" | "blackhole";
}

/** What changed; a listener that mirrors reads `state` again. */
export interface Ec2Change {
  readonly object: "vpc" | "subnet" | "routeTable" | "networkInterface" | "instance" | "address";
  readonly id: string;
}

export type Ec2Listener = (change: Ec2Change, state: Ec2State) => void;

export interface StopOptions {
  /** Does not wait for the guest: file systems are not flushed. */
  readonly force: boolean;
  /** The guest's shutdown is skipped altogether. */
  readonly skipOsShutdown: boolean;
}

/** What really runs the virtual machines; implemented by the world. A rejection leaves the instance as it was. */
export interface Hypervisor {
  /** Resolves when the machine has power. */
  start(instanceId: string): Promise<void>;
  /** Resolves when the machine is off; `force` or `skipOsShutdown`: at once, as pulling the plug. */
  stop(instanceId: string, options: StopOptions): Promise<void>;
}

/** An EC2 error: `code` and text as AWS answers them (EC2 API reference, "Error codes"). */
export class Ec2Error extends CodedError<{ readonly code: string; readonly status: number }> {
  override readonly name = "Ec2Error";

  constructor(code: string, message: string, status = 400) {
    super({ code, status }, message);
  }
}
