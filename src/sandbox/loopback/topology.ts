/**
 * The same world on addresses of 127.0.0.0/8, for machines where no network namespace can be made. Every sandbox has
 * a /24 of its own, derived from its id. A machine has two addresses:
 *
 *   public (Node InternalIP, ENI)   where others reach it: the relays listen there and obey the wires
 *   guest                           what its own processes bind to: nobody but the relays connects to it
 */
import { macOfAnyInterface } from "./file-interface.ts";
import type { Place, Topology, VmPlace } from "../network/topology.ts";

export function loopbackTopology(id: string): Topology {
  const region = "ap-northeast-1";
  const network = networkOf(id);
  const place = (name: string, host: number): Place => ({
    name,
    address: `${network}.${host}`,
    gateway: `${network}.1`,
    prefixLength: 28,
    subnetCidr: `${network}.${host - (host % 16)}/28`,
    mac: macOfAnyInterface,
  });
  return {
    id,
    region,
    vpcCidr: `${network}.0/24`,
    virtualIp: "10.1.0.20",
    control: place("control", 2),
    client: { ...place("client", 50), zone: `${region}a` },
    vms: [
      { ...place("node1", 18), zone: `${region}a` },
      { ...place("node2", 34), zone: `${region}b` },
    ],
  };
}

/** Where the virtual IP is reached: the router. */
export function routerAddress(topology: Topology): string {
  return topology.control.gateway;
}

/** What a machine's own processes bind to. */
export function guestAddress(vm: VmPlace): string {
  const last = vm.address.lastIndexOf(".");
  return `${vm.address.slice(0, last)}.${Number(vm.address.slice(last + 1)) + 1}`;
}

/** 127.64.0 to 127.127.255, so that no common use of 127.0.0.0/24 is near. */
function networkOf(id: string): string {
  const [a, b] = [id.slice(0, 2), id.slice(2, 4)].map((hex) => Number.parseInt(hex, 16));
  return `127.${64 + ((a ?? 0) % 64)}.${b ?? 0}`;
}
