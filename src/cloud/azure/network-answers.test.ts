import { describe, expect, it } from "vitest";
import { interfaceOf, loadBalancerOf, machineOfInterfaceId, publicAddressOf } from "./network-answers.ts";

const SET = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachineScaleSets/web";

describe("answers of Microsoft.Network", () => {
  it("are read as absent where fields are missing, but never without an id", () => {
    expect(loadBalancerOf({ id: "/LB", name: "lb" })).toEqual({
      id: "/lb",
      name: "lb",
      frontends: [],
      probes: [],
      rules: [],
      pools: [],
    });
    expect(interfaceOf({ id: "/NIC" })).toEqual({ id: "/nic", addresses: [] });
    expect(publicAddressOf({})).toBeUndefined();
    for (const wrong of [undefined, null, "", [], {}])
      expect(() => loadBalancerOf(wrong)).toThrow(expect.objectContaining({ code: "CallFailed" }) as Error);
  });

  it("name the interfaces of a scale set with the machines that they belong to", () => {
    const configuration = `${SET}/virtualMachines/0/networkInterfaces/nic/ipConfigurations/ip`;
    const pool = { id: "/LB/pools/p", name: "p", properties: { backendIPConfigurations: [{ id: configuration }] } };
    const { pools } = loadBalancerOf({ id: "/LB", name: "lb", properties: { backendAddressPools: [pool] } });
    const [id = ""] = pools[0]?.interfaceIds ?? [];
    expect(machineOfInterfaceId(id)).toBe(`${SET}/virtualMachines/0`.toLowerCase());
    expect(machineOfInterfaceId("/subscriptions/s/providers/microsoft.network/networkinterfaces/n")).toBeUndefined();
  });

  it("keep a rule for every port, one without a backend port, and all pools of a rule", () => {
    const rule = (name: string, properties: object) => ({ name, properties });
    const rules = [
      rule("ha", { protocol: "All", frontendPort: 0, backendPort: 0, enableFloatingIP: true }),
      rule("plain", { protocol: "Tcp", frontendPort: 80, backendAddressPools: [{ id: "/P/A" }, { id: "/P/B" }] }),
    ];
    const { rules: found } = loadBalancerOf({ id: "/LB", properties: { loadBalancingRules: rules } });
    expect(found).toMatchObject([
      { name: "ha", frontendPort: 0, backendPort: 0, isFloatingIp: true },
      { name: "plain", backendPort: 80, isFloatingIp: false, poolIds: ["/p/a", "/p/b"] },
    ]);
  });

  it("leave out what is no IPv4 address", () => {
    const frontend = { id: "/LB/f", name: "f", properties: { privateIPAddress: "fd00::1" } };
    const { frontends } = loadBalancerOf({ id: "/LB", properties: { frontendIPConfigurations: [frontend] } });
    expect(frontends).toEqual([{ id: "/lb/f", name: "f" }]);
  });
});
