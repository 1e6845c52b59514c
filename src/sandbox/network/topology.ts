/**
 * The virtual network as data: which namespaces there are, how they are joined, which address each place has.
 * Pure; the launcher carries the commands out.
 *
 *   control 10.99.0.2 ── 10.99.0.1 ┐
 *   node1   10.0.1.10 ── 10.0.1.1  ├ router (forwards as the emulated EC2 route tables say)
 *   node2   10.0.2.10 ── 10.0.2.1  │
 *   client  10.0.3.10 ── 10.0.3.1  ┘
 *
 * The invariant: every command names a namespace of this sandbox; the host's own namespace gets nothing.
 */
export interface Place {
  /** Last part of the namespace's name and of its device in the router. */
  readonly name: string;
  readonly address: string;
  readonly gateway: string;
  readonly prefixLength: number;
  /** Of its subnet. */
  readonly subnetCidr: string;
  /** Of its interface; the emulated EC2 gives the ENI the same one. */
  readonly mac: string;
}

export interface VmPlace extends Place {
  readonly zone: string;
}

export interface Topology {
  readonly id: string;
  readonly region: string;
  readonly vpcCidr: string;
  readonly virtualIp: string;
  readonly control: Place;
  readonly client: Place & { readonly zone: string };
  readonly vms: readonly VmPlace[];
}

export const SERVICE_PORT = 8080;
export const API_PORT = 6443;
export const EC2_PORT = 8000;

/** The world of `examples/aws-virtual-ip`: two members in two zones and a client in a third subnet. */
export function twoZones(id: string): Topology {
  const region = "ap-northeast-1";
  const place = (name: string, network: string, host: number): Place => {
    const address = `${network}.${host}`;
    return {
      name,
      address,
      gateway: `${network}.1`,
      prefixLength: 24,
      subnetCidr: `${network}.0/24`,
      mac: macOf(address),
    };
  };
  return {
    id,
    region,
    vpcCidr: "10.0.0.0/16",
    virtualIp: "10.1.0.20",
    control: place("control", "10.99.0", 2),
    client: { ...place("client", "10.0.3", 10), zone: `${region}a` },
    vms: [
      { ...place("node1", "10.0.1", 10), zone: `${region}a` },
      { ...place("node2", "10.0.2", 10), zone: `${region}b` },
    ],
  };
}

/** A locally administered MAC that is as unique as the address. */
function macOf(address: string): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}

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
    commands.push(["-n", router, "addr", "add", `${place.gateway}/${place.prefixLength}`, "dev", device]);
    commands.push(["-n", router, "link", "set", device, "up"]);
    commands.push(["-n", namespace, "link", "set", "lo", "up"]);
    commands.push(["-n", namespace, "link", "set", "eth0", "address", place.mac]);
  }
  for (const place of [topology.control, topology.client]) {
    const namespace = namespaceOf(topology.id, place.name);
    for (const line of guestLines(place)) commands.push(["-n", namespace, ...line.split(" ")]);
  }
  return commands;
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
