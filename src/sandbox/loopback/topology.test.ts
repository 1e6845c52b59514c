import { describe, expect, it } from "vitest";
import { cidrContains } from "../../lib/ipv4.ts";
import { placesOf } from "../network/topology.ts";
import { guestAddress, loopbackTopology, routerAddress } from "./topology.ts";

describe("loopback topology", () => {
  it("gives every address once, inside 127.0.0.0/8 and its own subnet, apart from other sandboxes", () => {
    const topology = loopbackTopology("a1b2c3");
    const addresses = [
      routerAddress(topology),
      ...placesOf(topology).map((place) => place.address),
      ...topology.vms.map((vm) => guestAddress(vm)),
    ];
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const address of addresses) expect(cidrContains("127.0.0.0/8", address)).toBe(true);
    for (const place of placesOf(topology)) expect(cidrContains(place.subnetCidr, place.address)).toBe(true);
    expect(loopbackTopology("a1b3c3").vpcCidr).not.toBe(topology.vpcCidr);
    expect(cidrContains(topology.vpcCidr, topology.virtualIp)).toBe(false);
  });
});
