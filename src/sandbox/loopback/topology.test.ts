import { describe, expect, it } from "vitest";
import { cidrContains } from "../../lib/ipv4.ts";
import { TOPOLOGIES, type TopologyName } from "../network/topologies.ts";
import { placesOf } from "../network/topology.ts";
import { guestAddress, loopbackTopology, routerAddress } from "./topology.ts";

describe("loopback topology", () => {
  const names = Object.keys(TOPOLOGIES) as TopologyName[];
  it.each(names)("%s: every address once, inside 127.0.0.0/8 and its own subnet, apart from others", (name) => {
    const topology = loopbackTopology("a1b2c3", name);
    const addresses = [
      routerAddress(topology),
      topology.publicIp,
      topology.frontendIp,
      ...placesOf(topology).map((place) => place.address),
      ...topology.vms.map((vm) => guestAddress(vm)),
    ];
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const address of addresses) expect(cidrContains("127.0.0.0/8", address)).toBe(true);
    for (const place of placesOf(topology)) expect(cidrContains(place.subnetCidr, place.address)).toBe(true);
    expect(loopbackTopology("a1b3c3").networks).not.toEqual(topology.networks);
    expect(cidrContains(topology.networks[0].cidr, topology.virtualIp)).toBe(false);
  });
});
