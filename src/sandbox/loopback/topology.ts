/**
 * The same worlds on addresses of 127.0.0.0/8, for machines where no network namespace can be made. Every sandbox has
 * a /24 of its own, derived from its id. A machine has two addresses:
 *
 *   public (Node InternalIP, ENI)   where others reach it: the relays listen there and obey the wires
 *   guest                           what its own processes bind to: nobody but the relays connects to it
 */
import { macOfAnyInterface } from "./file-interface.ts";
import { TOPOLOGIES, type TopologyName } from "../network/topologies.ts";
import type { Place, Topology } from "../network/topology.ts";

/** Names are asked for here, since port 53 of a machine may be taken. */
export const LOOPBACK_DNS_PORT = 5_353;

const HOSTS = { control: 2, client: 50, resolvers: 98, frontend: 114, publicIp: 130 } as const;
/** Of the first machine; each has 16 addresses. */
const FIRST_VM = 18;
const SUBNET = 16;

export function loopbackTopology(id: string, name: TopologyName = "two-zones"): Topology {
  const model = TOPOLOGIES[name](id);
  const network = networkOf(id);
  const moved = <T extends Place>(place: T, host: number): T => ({
    ...place,
    address: `${network}.${host}`,
    gateway: `${network}.1`,
    prefixLength: 28,
    subnetCidr: `${network}.${host - (host % SUBNET)}/28`,
    mac: macOfAnyInterface,
  });
  const [first, ...others] = model.networks;
  // Two networks share the /24: what each machine belongs to is known by its subnet.
  const cidr = `${network}.0/24`;
  return {
    ...model,
    networks: [{ ...first, cidr }, ...others.map((other) => ({ ...other, cidr }))],
    publicIp: `${network}.${HOSTS.publicIp}`,
    frontendIp: `${network}.${HOSTS.frontend}`,
    resolvers: model.resolvers.map((_, index) => `${network}.${HOSTS.resolvers + index}`),
    control: moved(model.control, HOSTS.control),
    client: moved(model.client, HOSTS.client),
    vms: model.vms.map((vm, index) => moved(vm, FIRST_VM + index * SUBNET)),
  };
}

/** Where the virtual IP is reached: the router. */
export function routerAddress(topology: Topology): string {
  return topology.control.gateway;
}

/** What a machine's own processes bind to. */
export function guestAddress(vm: Place): string {
  const last = vm.address.lastIndexOf(".");
  return `${vm.address.slice(0, last)}.${Number(vm.address.slice(last + 1)) + 1}`;
}

/** 127.64.0 to 127.127.255, so that no common use of 127.0.0.0/24 is near. */
function networkOf(id: string): string {
  const [a, b] = [id.slice(0, 2), id.slice(2, 4)].map((hex) => Number.parseInt(hex, 16));
  return `127.${64 + ((a ?? 0) % 64)}.${b ?? 0}`;
}
