import { afterEach, describe, expect, it } from "vitest";
import { AzureConnections } from "../../../src/cloud/azure/connections.ts";
import { AzureNetworkClients, AzureNetworks } from "../../../src/cloud/azure/network-knowledge.ts";
import type { AzureNetworkPort } from "../../../src/cloud/azure/network-ports.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { type ArmEndpoint, startArmEndpoint } from "../../../src/sandbox/arm/endpoint.ts";
import { NetworkProvider } from "../../../src/sandbox/arm/network.ts";
import { VirtualMachines } from "../../../src/sandbox/arm/virtual-machines.ts";
import { FakeAzureNetworks, RESOURCE_GROUP, smallNetworks, SUBSCRIPTION } from "../../fakes/fake-azure-networks.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { azureNetworkContract, type NetworkWorld } from "./azure-network.suite.ts";

const KEYS = {
  tenantId: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
  clientId: "99999999-8888-7777-6666-555555555555",
  clientSecret: "secret-of-test",
};
const LB = { subscriptionId: SUBSCRIPTION, resourceGroup: RESOURCE_GROUP, name: "TestLoadBalancer" };

const endpoints: ArmEndpoint[] = [];
afterEach(async () => {
  for (const endpoint of endpoints.splice(0)) await endpoint.close();
});

async function emulated({ allowedActions }: { allowedActions?: readonly string[] } = {}): Promise<
  NetworkWorld & { endpoint: ArmEndpoint }
> {
  const networks = smallNetworks();
  const modules = { clock: systemClock, random: seededRandom() };
  const machines = new VirtualMachines({ subscriptionId: SUBSCRIPTION }, modules);
  const identity = { ...KEYS, ...(allowedActions === undefined ? {} : { allowedActions }) };
  const endpoint = await startArmEndpoint(
    { identities: [identity] },
    { machines, providers: [new NetworkProvider(networks)], ...modules },
  );
  endpoints.push(endpoint);
  const { url, certificate } = endpoint;
  const connections = new AzureConnections(
    { resourceManager: url, authority: url, certificateAuthority: certificate },
    { ...modules, metrics: noMetrics },
  );
  const known = await new AzureNetworkClients(connections, modules).networksOf(SUBSCRIPTION, KEYS);
  return { networks, port: uncached(known), endpoint };
}

/** Every read a call of its own. */
function uncached(known: AzureNetworks): AzureNetworkPort {
  const fresh = (timeoutMs: number) => ({ timeoutMs, sentSinceMs: Number.POSITIVE_INFINITY });
  return {
    loadBalancer: async (id, { timeoutMs }) => (await known.loadBalancer(id, fresh(timeoutMs))).value,
    networkInterface: async (id, { timeoutMs }) => (await known.networkInterface(id, fresh(timeoutMs))).value,
    publicAddress: async (id, { timeoutMs }) => (await known.publicAddress(id, fresh(timeoutMs))).value,
  };
}

azureNetworkContract("the SDK and the emulated Azure", emulated);
azureNetworkContract("the fake", ({ allowedActions } = {}) => {
  const networks = smallNetworks();
  return Promise.resolve({ networks, port: new FakeAzureNetworks(networks, allowedActions) });
});

describe("the SDK and the emulated Azure", () => {
  it("ends a call that hangs at its deadline, and says when it was throttled", async () => {
    const { port, endpoint } = await emulated();
    await port.loadBalancer(LB, { timeoutMs: 5_000 });
    endpoint.faults.inject({ actions: ["LoadBalancer"], outcome: { type: "hang" }, times: 1 });
    await expect(port.loadBalancer(LB, { timeoutMs: 50 })).rejects.toMatchObject({ code: "CallTimeout" });
    endpoint.faults.inject({ actions: ["LoadBalancer"], outcome: { type: "throttle" }, times: 1 });
    await expect(port.loadBalancer(LB, { timeoutMs: 5_000 })).rejects.toMatchObject({ code: "Throttled" });
  });
});

describe("what is known about networks", () => {
  it("costs one read per load balancer and interval, however many ask", async () => {
    const clock = new FakeClock();
    const fake = new FakeAzureNetworks(smallNetworks());
    const known = new AzureNetworks(fake, clock);
    const wish = { timeoutMs: 1_000, sentSinceMs: clock.monotonicMs() };
    const different = { ...LB, resourceGroup: "TESTGROUP1" };
    await Promise.all([LB, different, LB].map((id) => known.loadBalancer(id, wish)));
    await known.loadBalancer(LB, wish);
    expect(fake.calls).toEqual(["Microsoft.Network/loadBalancers/read"]);
    await clock.advance(5_000);
    await known.loadBalancer(LB, { ...wish, sentSinceMs: clock.monotonicMs() });
    expect(fake.calls).toHaveLength(2);
  });
});
