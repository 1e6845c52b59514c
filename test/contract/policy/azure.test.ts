/** Every Azure kind does its work with exactly the role that `preflight --policy azure` prints, and needs all of it. */
import { afterEach } from "vitest";
import { AzureConnections } from "../../../src/cloud/azure/connections.ts";
import { AzureDnsClients } from "../../../src/cloud/azure/dns-access.ts";
import { AzureFencers } from "../../../src/cloud/azure/fencers.ts";
import { AzureNetworkClients } from "../../../src/cloud/azure/network-knowledge.ts";
import { CloudFencers } from "../../../src/cloud/fencers.ts";
import { Ec2Clients } from "../../../src/cloud/aws/ec2-access.ts";
import type { AzureRole } from "../../../src/cloud/permissions/azure-role.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { systemRandom } from "../../../src/host/system-random.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { DnsProvider } from "../../../src/sandbox/arm/dns.ts";
import { VirtualDnsZones } from "../../../src/sandbox/arm/dns-zones.ts";
import { startArmEndpoint } from "../../../src/sandbox/arm/endpoint.ts";
import { NetworkProvider } from "../../../src/sandbox/arm/network.ts";
import type { ArmLoadBalancer } from "../../../src/sandbox/arm/network-state.ts";
import { VirtualMachines } from "../../../src/sandbox/arm/virtual-machines.ts";
import {
  closePolicyWorlds,
  IDENTITY,
  move,
  moveAndStop,
  type PolicyCase,
  type PolicyCloud,
  SECRET,
} from "../../builders/policy-world.ts";
import { RESOURCE_GROUP, smallNetworks, SUBSCRIPTION } from "../../fakes/fake-azure-networks.ts";
import { neededBy, policySuite } from "./policy.suite.ts";

const KEYS = {
  tenantId: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
  clientId: "99999999-8888-7777-6666-555555555555",
  clientSecret: "secret-of-policy-test",
};
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`;
const ZONE = "cluster1.zone";
const SHARED = { clock: systemClock, random: systemRandom, metrics: noMetrics };
const credentials = { secretRef: { name: SECRET } };

afterEach(closePolicyWorlds);

interface AzureCase extends PolicyCase {
  readonly loadBalancer?: Partial<ArmLoadBalancer>;
}

async function azureCloud({ loadBalancer }: AzureCase, role: AzureRole | undefined): Promise<PolicyCloud> {
  const machines = new VirtualMachines({ subscriptionId: SUBSCRIPTION, stopMs: 60, startMs: 30 }, SHARED);
  for (const name of ["node1", "node2"]) machines.put({ resourceGroup: RESOURCE_GROUP, name, power: "running" });
  const zones = new VirtualDnsZones({ subscriptionId: SUBSCRIPTION }, SHARED);
  const links = [
    {
      name: "link1",
      virtualNetworkId: `${GROUP}/providers/Microsoft.Network/virtualNetworks/vnet1`,
      state: "Completed",
    },
  ] as const;
  zones.createZone({ resourceGroup: RESOURCE_GROUP, name: ZONE, type: "dnsZones" });
  zones.createZone({ resourceGroup: RESOURCE_GROUP, name: ZONE, type: "privateDnsZones", links });
  const providers = [new DnsProvider(zones), new NetworkProvider(smallNetworks(loadBalancer))];
  const allowed = role === undefined ? {} : { allowedActions: role.Actions, scopes: role.AssignableScopes };
  const endpoint = await startArmEndpoint(
    { identities: [{ ...KEYS, ...allowed }] },
    { machines, providers, ...SHARED },
  );
  const { url, certificate } = endpoint;
  const connections = new AzureConnections(
    { resourceManager: url, authority: url, certificateAuthority: certificate },
    SHARED,
  );
  const ec2 = new Ec2Clients({}, SHARED);
  const vm = (name: string): string => `azure://${GROUP}/providers/Microsoft.Compute/virtualMachines/${name}`;
  return {
    machines: [vm("node1"), vm("node2")],
    secret: KEYS,
    ports: {
      ec2,
      azureDns: new AzureDnsClients(connections, SHARED),
      azureNetworks: new AzureNetworkClients(connections, SHARED),
      fencers: new CloudFencers(ec2, new AzureFencers(connections)),
    },
    refused: () => endpoint.refused,
    close: async () => {
      ec2.close();
      await endpoint.close();
    },
  };
}

const RECORD = { resourceGroup: RESOURCE_GROUP, zone: ZONE, record: "test-record1" };
const BALANCED = { port: 26_001, azureLoadBalancer: { name: "TestLoadBalancer" }, credentials };
const CASES: Readonly<Record<string, AzureCase>> = {
  "AzureDns in a public zone, deleted when the group stops": {
    objects: [{ kind: "AzureDns", spec: { ...RECORD, whenStopped: "Delete" } }],
    exercise: moveAndStop,
  },
  "AzureDns in a private zone": {
    objects: [{ kind: "AzureDns", spec: { ...RECORD, zoneType: "Private" } }],
    exercise: move,
  },
  "LbProbePort behind an internal load balancer": {
    objects: [{ kind: "LbProbePort", spec: BALANCED }],
    exercise: move,
  },
  "LbProbePort behind a public load balancer": {
    objects: [{ kind: "LbProbePort", spec: BALANCED }],
    loadBalancer: { frontends: [{ name: "TestFrontend", address: "203.0.113.10", publicIp: "TestPublicIp" }] },
    exercise: move,
  },
  "fencing by azurePowerOff": {
    objects: [{ kind: "LbProbePort", spec: { port: 26_001 } }],
    group: { fencing: { policy: "Required", azurePowerOff: {}, afterwards: "Start", credentials } },
    exercise: async (world) => {
      await world.untilGoodOn("node1");
      world.agents.get("node1")?.crash();
      await world.until(async () => (await world.group()).status?.active?.node === "node2");
      await world.until(async () => (await world.words()).some((text) => text.startsWith("FencedStarted")));
    },
  },
};

policySuite<AzureCase, AzureRole>(CASES, {
  policyOf: async (wanted) =>
    await neededBy(await azureCloud(wanted, undefined), wanted, ({ azure }) => azure[IDENTITY]),
  cloudWith: azureCloud,
  actionsOf: (role) => role.Actions,
  without: (role, action) => ({ ...role, Actions: role.Actions.filter((name) => name !== action) }),
});
