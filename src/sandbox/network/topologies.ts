/**
 * The networks that scenarios play in, as data. To add one: a function here, and its name in `TOPOLOGIES`.
 *
 *   two-zones            VPC 10.0.0.0/16, a machine per zone, the client in a third subnet
 *   two-zones-internet   the same, the client on the internet: it reaches public addresses only
 *   two-zones-site       the same, the client in a company's network behind Direct Connect (link `direct-connect`)
 *   vnet                 Azure VNet 10.5.0.0/16, both machines in one subnet, the client in another
 *   vnet-internet        the same, the client on the internet
 *   two-regions          VPC 10.0.0.0/16 in Tokyo with server-a, 10.1.0.0/16 in Osaka with server-b, joined by peering;
 *                        a client site 10.2.10.0/24 with a VPN to each (links `vpn-tokyo`, `vpn-osaka`)
 */
import type { ClientPlace, Place, Topology, VmPlace } from "./topology.ts";

export const TOPOLOGIES = {
  "two-zones": twoZones,
  "two-zones-internet": twoZonesInternet,
  "two-zones-site": twoZonesSite,
  vnet,
  "vnet-internet": vnetInternet,
  "two-regions": twoRegions,
} as const satisfies Readonly<Record<string, (id: string) => Topology>>;

export type TopologyName =
  | "two-zones"
  | "two-zones-internet"
  | "two-zones-site"
  | "vnet"
  | "vnet-internet"
  | "two-regions";

const TOKYO = "ap-northeast-1";
const OSAKA = "ap-northeast-3";
const JAPAN_EAST = "japaneast";
/** RFC 5737: networks for documentation, here the internet. */
const INTERNET = "198.51.100";

/** The world of `examples/aws-virtual-ip`: two members in two zones and a client in a third subnet. */
export function twoZones(id: string): Topology {
  return {
    ...common(id),
    name: "two-zones",
    cloud: "aws",
    region: TOKYO,
    networks: [{ region: TOKYO, cidr: "10.0.0.0/16" }],
    frontendIp: "10.0.3.200",
    client: { ...place("client", "10.0.3", 10), region: TOKYO, zone: `${TOKYO}a` },
    vms: [vm("node1", "10.0.1", `${TOKYO}a`), vm("node2", "10.0.2", `${TOKYO}b`)],
  };
}

function twoZonesInternet(id: string): Topology {
  return { ...twoZones(id), name: "two-zones-internet", client: place("client", INTERNET, 10) };
}

function twoZonesSite(id: string): Topology {
  return {
    ...twoZones(id),
    name: "two-zones-site",
    client: place("client", "192.168.10", 10),
    links: [{ name: "direct-connect", kind: "vpn", between: ["192.168.10.0/24", "10.0.0.0/16"] }],
  };
}

/** Addresses of the guides: 10.5.0.110 and .111, frontend 10.5.0.200. */
function vnet(id: string): Topology {
  const node = (name: string, host: number, zone: string): VmPlace => ({
    ...place(name, "10.5.0", host),
    region: JAPAN_EAST,
    zone: `${JAPAN_EAST}-${zone}`,
  });
  return {
    ...common(id),
    name: "vnet",
    cloud: "azure",
    region: JAPAN_EAST,
    networks: [{ region: JAPAN_EAST, cidr: "10.5.0.0/16" }],
    frontendIp: "10.5.0.200",
    client: { ...place("client", "10.5.1", 10), region: JAPAN_EAST, zone: `${JAPAN_EAST}-1` },
    vms: [node("node1", 110, "1"), node("node2", 111, "2")],
  };
}

function vnetInternet(id: string): Topology {
  return { ...vnet(id), name: "vnet-internet", client: place("client", INTERNET, 10) };
}

/** Guide 003, with the resolvers of both VPCs at addresses of their own, which the client's site forwards to. */
function twoRegions(id: string): Topology {
  return {
    ...common(id),
    name: "two-regions",
    cloud: "aws",
    region: TOKYO,
    networks: [
      { region: TOKYO, cidr: "10.0.0.0/16" },
      { region: OSAKA, cidr: "10.1.0.0/16" },
    ],
    frontendIp: "10.0.110.200",
    resolvers: ["10.0.111.100", "10.1.111.100"],
    links: [
      { name: "peering", kind: "peering", between: ["10.0.0.0/16", "10.1.0.0/16"] },
      { name: "vpn-tokyo", kind: "vpn", between: ["10.2.10.0/24", "10.0.0.0/16"] },
      { name: "vpn-osaka", kind: "vpn", between: ["10.2.10.0/24", "10.1.0.0/16"] },
    ],
    client: place("client", "10.2.10", 10),
    vms: [vm("server-a", "10.0.110", `${TOKYO}a`), vm("server-b", "10.1.110", `${OSAKA}a`)],
  };
}

/** What all have: the control plane, and nothing that can be cut. */
function common(id: string): Pick<Topology, "id" | "virtualIp" | "publicIp" | "resolvers" | "links" | "control"> {
  const control = place("control", "10.99.0", 2);
  const publicIp = "203.0.113.20";
  return { id, virtualIp: "10.1.0.20", publicIp, resolvers: [control.address], links: [], control };
}

function vm(name: string, network: string, zone: string): VmPlace {
  return { ...place(name, network, 10), region: zone.slice(0, -1), zone };
}

function place(name: string, network: string, host: number): ClientPlace & Place {
  const address = `${network}.${host}`;
  return {
    name,
    address,
    gateway: `${network}.1`,
    prefixLength: 24,
    subnetCidr: `${network}.0/24`,
    mac: macOf(address),
  };
}

/** A locally administered MAC that is as unique as the address. */
function macOf(address: string): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}
