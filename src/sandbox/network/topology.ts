/**
 * The virtual network as data: which namespaces there are, how they are joined, which address each place has.
 * Pure; the launcher carries the commands out. `topologies.ts` has the networks that scenarios play in.
 *
 *   control 10.99.0.2 ── 10.99.0.1 ┐
 *   node1   10.0.1.10 ── 10.0.1.1  ├ router (forwards as the emulated clouds say)
 *   node2   10.0.2.10 ── 10.0.2.1  │
 *   client  10.0.3.10 ── 10.0.3.1  ┘
 *
 * The invariant: every command names a namespace of this sandbox; the host's own namespace gets nothing.
 */
import type { TopologyName } from "./topologies.ts";

export interface Place {
  /** Last part of the namespace's name and of its device in the router. */
  readonly name: string;
  readonly address: string;
  readonly gateway: string;
  readonly prefixLength: number;
  /** Of its subnet. Places may share one: then the router answers ARP for the neighbours, as Azure does. */
  readonly subnetCidr: string;
  /** Of its interface; the emulated EC2 gives the ENI the same one. */
  readonly mac: string;
}

/** A place inside a network of the cloud. */
export interface ZonePlace extends Place {
  readonly region: string;
  readonly zone: string;
}

export type VmPlace = ZonePlace;

/** A place outside the cloud (the internet, a company's site) has no zone. */
export interface ClientPlace extends Place {
  readonly region?: string;
  readonly zone?: string;
}

/** A VPC, or a virtual network of Azure. */
export interface CloudNetwork {
  readonly region: string;
  readonly cidr: string;
}

/** What joins two address ranges and can be cut: a VPN, Direct Connect, a peering connection. */
export interface Link {
  readonly name: string;
  readonly kind: "peering" | "vpn";
  readonly between: readonly [string, string];
}

export interface Topology {
  readonly id: string;
  readonly name: TopologyName;
  readonly cloud: "aws" | "azure";
  /** Of the first network. */
  readonly region: string;
  readonly networks: readonly [CloudNetwork, ...CloudNetwork[]];
  /** Outside every network; the scenarios of the virtual IP alone have routes for it. */
  readonly virtualIp: string;
  /** An Elastic IP, or the public frontend of a load balancer. */
  readonly publicIp: string;
  /** Private frontend of a load balancer; loopback mode has another one. */
  readonly frontendIp: string;
  /** Where clients ask for names, as seen by them; first choice first. Port `DNS_PORT`, or `LOOPBACK_DNS_PORT`. */
  readonly resolvers: readonly string[];
  readonly links: readonly Link[];
  readonly control: Place;
  readonly client: ClientPlace;
  readonly vms: readonly VmPlace[];
}

export const SERVICE_PORT = 8080;
export const API_PORT = 6443;
export const EC2_PORT = 8000;
export const ROUTE53_PORT = 8001;
export const ARM_PORT = 8443;
export const DNS_PORT = 53;

export function namespaceOf(id: string, place: string): string {
  return `us-${id}-${place}`;
}

/** The device of a place inside the router. */
export function routerDevice(place: string): string {
  return `to-${place}`;
}

export function placesOf(topology: Topology): Place[] {
  return [topology.control, ...topology.vms, topology.client];
}

export function namespacesOf(topology: Topology): string[] {
  return ["router", ...placesOf(topology).map((place) => place.name)].map((name) => namespaceOf(topology.id, name));
}

export function vmOf(topology: Topology, name: string): VmPlace {
  const place = topology.vms.find((candidate) => candidate.name === name);
  if (place === undefined) throw new RangeError(`no machine named ${name}`);
  return place;
}

/** `ip` commands that build the network, in order. Guests are configured by `guestLines` when they boot. */
export function creationCommands(topology: Topology): string[][] {
  const router = namespaceOf(topology.id, "router");
  const commands = namespacesOf(topology).map((namespace) => ["netns", "add", namespace]);
  // Zeroed before the devices exist, since a device inherits them; forwarding happens in the router alone.
  const settings = "for f in all default; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; done";
  const forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects";
  commands.push(["netns", "exec", router, "sh", "-c", `${settings}; ${forward}`]);
  commands.push(["-n", router, "link", "set", "lo", "up"]);
  commands.push(["-n", router, "route", "add", "blackhole", "default"]);
  for (const place of placesOf(topology)) {
    const namespace = namespaceOf(topology.id, place.name);
    const device = routerDevice(place.name);
    commands.push(["netns", "exec", namespace, "sh", "-c", settings]);
    commands.push(["-n", router, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
    commands.push(...attachment(topology, place, router));
    commands.push(["-n", namespace, "link", "set", "lo", "up"]);
    commands.push(["-n", namespace, "link", "set", "eth0", "address", place.mac]);
  }
  for (const place of [topology.control, topology.client]) {
    const namespace = namespaceOf(topology.id, place.name);
    for (const line of guestLines(place)) commands.push(["-n", namespace, ...line.split(" ")]);
  }
  return commands;
}

/** Joins a place's device to the router: by its subnet, or by its own address where the subnet has several wires. */
function attachment(topology: Topology, place: Place, router: string): string[][] {
  const device = routerDevice(place.name);
  const up = ["-n", router, "link", "set", device, "up"];
  const isShared = placesOf(topology).some((other) => other !== place && other.subnetCidr === place.subnetCidr);
  if (!isShared) return [["-n", router, "addr", "add", `${place.gateway}/${place.prefixLength}`, "dev", device], up];
  const proxy = `echo 1 > /proc/sys/net/ipv4/conf/${device}/proxy_arp; echo 0 > /proc/sys/net/ipv4/neigh/${device}/proxy_delay`;
  return [
    ["-n", router, "addr", "add", `${place.gateway}/32`, "dev", device],
    up,
    ["-n", router, "route", "add", `${place.address}/32`, "dev", device],
    ["netns", "exec", router, "sh", "-c", proxy],
  ];
}

/** What a machine's own network configuration does at boot. */
export function guestLines(place: Place): string[] {
  return [
    ...guestDownLines(),
    `addr add ${place.address}/${place.prefixLength} dev eth0`,
    "link set eth0 up",
    `route replace default via ${place.gateway} dev eth0`,
  ];
}

/** What is left of a machine's network when its power is cut: nothing. */
export function guestDownLines(): string[] {
  return ["link set eth0 down", "addr flush dev eth0"];
}
