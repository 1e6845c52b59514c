/** What `AzureNetworkPort` promises; run on the fake and on the SDK's client before the emulated Azure. */
import { describe, expect, it } from "vitest";
import type { AzureNetworkPort } from "../../../src/cloud/azure/network-ports.ts";
import type { VirtualNetworks } from "../../../src/sandbox/arm/network-state.ts";
import { RESOURCE_GROUP, SUBSCRIPTION, TEST_LOAD_BALANCER } from "../../fakes/fake-azure-networks.ts";

export interface NetworkWorld {
  readonly networks: VirtualNetworks;
  readonly port: AzureNetworkPort;
}

const CALL = { timeoutMs: 5_000 };
const LB = { subscriptionId: SUBSCRIPTION, resourceGroup: RESOURCE_GROUP, name: "TestLoadBalancer" };
const BASE = `/subscriptions/${SUBSCRIPTION}/resourcegroups/testgroup1/providers`;
const LB_ID = `${BASE}/microsoft.network/loadbalancers/testloadbalancer`;

export function azureNetworkContract(
  name: string,
  makeWorld: (options?: { allowedActions?: readonly string[] }) => Promise<NetworkWorld>,
): void {
  describe(`Azure networks through ${name}`, () => {
    it("reads a load balancer with its frontends, probes, rules and pool", async () => {
      const { port } = await makeWorld();
      expect(await port.loadBalancer(LB, CALL)).toEqual({
        id: LB_ID,
        name: "TestLoadBalancer",
        frontends: [
          { id: `${LB_ID}/frontendipconfigurations/testfrontend`, name: "TestFrontend", privateAddress: "10.5.0.200" },
        ],
        probes: [{ id: `${LB_ID}/probes/testhealthprobe`, name: "TestHealthProbe", protocol: "Tcp", port: 26_001 }],
        rules: [
          {
            name: "TestLoadBalancingRule",
            protocol: "Tcp",
            frontendId: `${LB_ID}/frontendipconfigurations/testfrontend`,
            frontendPort: 80,
            backendPort: 8080,
            isFloatingIp: false,
            probeId: `${LB_ID}/probes/testhealthprobe`,
            poolIds: [`${LB_ID}/backendaddresspools/testbackendpool`],
          },
        ],
        pools: [
          {
            id: `${LB_ID}/backendaddresspools/testbackendpool`,
            name: "TestBackendPool",
            interfaceIds: ["node1-nic", "node2-nic"].map((nic) => `${BASE}/microsoft.network/networkinterfaces/${nic}`),
            addresses: [],
          },
        ],
      });
    });

    it("reads a pool by address, which names no interfaces", async () => {
      const { port, networks } = await makeWorld();
      const pools = [{ name: "TestBackendPool", addresses: ["10.5.0.110", "10.5.0.111"] }];
      networks.putLoadBalancer({ ...TEST_LOAD_BALANCER, pools });
      const [pool] = (await port.loadBalancer(LB, CALL)).pools;
      expect(pool).toMatchObject({ interfaceIds: [], addresses: ["10.5.0.110", "10.5.0.111"] });
    });

    it("reads the address of a public frontend, and whose an interface is", async () => {
      const { port, networks } = await makeWorld();
      const frontends = [{ name: "TestFrontend", address: "203.0.113.10", publicIp: "TestPublicIp" }];
      networks.putLoadBalancer({ ...TEST_LOAD_BALANCER, frontends });
      const { frontends: found, pools } = await port.loadBalancer(LB, CALL);
      const publicIpId = `${BASE}/microsoft.network/publicipaddresses/testpublicip`;
      expect(found).toEqual([
        { id: `${LB_ID}/frontendipconfigurations/testfrontend`, name: "TestFrontend", publicIpId },
      ]);
      expect(await port.publicAddress(publicIpId, CALL)).toBe("203.0.113.10");
      expect(await port.networkInterface(pools[0]?.interfaceIds[0] ?? "", CALL)).toEqual({
        id: `${BASE}/microsoft.network/networkinterfaces/node1-nic`,
        virtualMachineId: `${BASE}/microsoft.compute/virtualmachines/node1`,
        addresses: ["10.5.0.110"],
      });
    });

    it("says which of its resources is not there", async () => {
      const { port } = await makeWorld();
      const missing = port.loadBalancer({ ...LB, name: "Other" }, CALL);
      await expect(missing).rejects.toMatchObject({ code: "NotFound", message: expect.stringContaining("Other") });
    });

    it.each([
      { right: "Microsoft.Network/loadBalancers/read", call: (port: AzureNetworkPort) => port.loadBalancer(LB, CALL) },
      {
        right: "Microsoft.Network/networkInterfaces/read",
        call: (port: AzureNetworkPort) => port.networkInterface(`${BASE}/Microsoft.Network/networkInterfaces/n`, CALL),
      },
      {
        right: "Microsoft.Network/publicIPAddresses/read",
        call: (port: AzureNetworkPort) => port.publicAddress(`${BASE}/Microsoft.Network/publicIPAddresses/p`, CALL),
      },
    ])("names the action $right that the role lacks", async ({ right, call }) => {
      const { port } = await makeWorld({ allowedActions: ["Microsoft.Compute/virtualMachines/read"] });
      await expect(call(port)).rejects.toMatchObject({
        code: "NotAuthorized",
        message: expect.stringContaining(right),
      });
    });
  });
}
