import { describe, expect, it } from "vitest";
import { providerIdOf, ProbePortWorld, type ProbePortWorldOptions } from "../../../test/builders/probe-port-world.ts";
import { monitor } from "../../../test/builders/worker-group.ts";
import { smallNetworks, TEST_LOAD_BALANCER } from "../../../test/fakes/fake-azure-networks.ts";
import { remedyOf } from "../../api/reasons.ts";
import type { PreflightReason } from "./checks.ts";
import type { ArmLoadBalancer, ArmRule, VirtualNetworks } from "../../sandbox/arm/network-state.ts";

const DSR = { dsr: { frontendAddress: "10.5.0.200" } };

function withRule(change: Partial<ArmRule>): VirtualNetworks {
  return smallNetworks({ rules: TEST_LOAD_BALANCER.rules.map((rule) => ({ ...rule, ...change })) });
}

function withLb(change: Partial<ArmLoadBalancer>): VirtualNetworks {
  return smallNetworks(change);
}

const FLOATING = { isFloatingIp: true, frontendPort: 80, backendPort: 80 };

interface Bad {
  readonly what: string;
  readonly world: ProbePortWorldOptions;
  readonly reason: PreflightReason;
  readonly found: RegExp;
}

const BAD: readonly Bad[] = [
  {
    what: "the load balancer probes another port",
    world: { networks: withLb({ probes: [{ ...probe(), port: 26_002 }] }) },
    reason: "ProbePortDiffers",
    found:
      /^TestLoadBalancer probes port 26002 \(TestHealthProbe\), spec.port is 26001: no member would receive traffic/,
  },
  {
    what: "the probe is not TCP",
    world: { networks: withLb({ probes: [{ ...probe(), protocol: "Http" }] }) },
    reason: "ProbePortDiffers",
    found: /TestHealthProbe of TestLoadBalancer is an Http probe/,
  },
  {
    what: "no rule uses the probe",
    world: { networks: withLb({ rules: [] }) },
    reason: "ProbePortDiffers",
    found: /no load balancing rule of TestLoadBalancer uses TestHealthProbe/,
  },
  {
    what: "there is no probe at all",
    world: { networks: withLb({ probes: [] }) },
    reason: "ProbePortDiffers",
    found: /TestLoadBalancer has no health probe/,
  },
  {
    what: "a member is not in the backend pool",
    world: { networks: withLb({ pools: [{ name: "TestBackendPool", interfaces: ["node1-nic"] }] }) },
    reason: "MemberNotInBackendPool",
    found: /backend pool TestBackendPool of TestLoadBalancer lacks node2 \(machine node2 in TestGroup1, 10.5.0.111\)/,
  },
  {
    what: "a pool by address lacks a member",
    world: { networks: withLb({ pools: [{ name: "TestBackendPool", addresses: ["10.5.0.110"] }] }) },
    reason: "MemberNotInBackendPool",
    found: /lacks node2/,
  },
  {
    what: "floating IP is on without spec.dsr",
    world: { networks: withRule(FLOATING) },
    reason: "FloatingIpDisagrees",
    found: /rule TestLoadBalancingRule has floating IP on/,
  },
  {
    what: "spec.dsr is set without floating IP",
    world: { spec: DSR },
    reason: "FloatingIpDisagrees",
    found: /rule TestLoadBalancingRule has floating IP off, but spec.dsr puts 10.5.0.200/,
  },
  {
    what: "spec.dsr names another frontend",
    world: { networks: withRule(FLOATING), spec: { dsr: { frontendAddress: "10.5.0.201" } } },
    reason: "FloatingIpDisagrees",
    found: /the frontend of rule TestLoadBalancingRule is 10.5.0.200, spec.dsr.frontendAddress is 10.5.0.201/,
  },
  {
    what: "a rule with floating IP maps ports",
    world: { networks: withRule({ isFloatingIp: true }), spec: DSR },
    reason: "DsrPortsDiffer",
    found: /rule TestLoadBalancingRule maps port 80 to 8080/,
  },
  {
    what: "the load balancer does not exist",
    world: { spec: { azureLoadBalancer: { name: "Misspelt" } } },
    reason: "NotFound",
    found: /load balancer Misspelt does not exist in resource group TestGroup1 of subscription 11111111/,
  },
  {
    what: "members lie in different resource groups and the object does not say which",
    world: { providerIds: { node2: providerIdOf("node2", "OtherGroup") } },
    reason: "NotFound",
    found: /the members' machines differ in it. Set spec.azureLoadBalancer.resourceGroup/,
  },
  {
    what: "a member is no Azure machine",
    world: { providerIds: { node2: "aws:///eu-central-1a/i-1" } },
    reason: "NotFound",
    found: /the Azure machine of node2 is not known: its provider id aws/,
  },
  {
    what: "the Secret of the credentials is missing",
    world: { spec: { credentials: { secretRef: { name: "azure-test" } } } },
    reason: "CredentialsMissing",
    found: /Secret ha\/azure-test of spec.credentials does not exist/,
  },
  {
    what: "the namespace may not use the controller's identity",
    world: { ambientNamespaces: ["prod"] },
    reason: "AmbientNotAllowed",
    found: /namespace ha may not use/,
  },
  {
    what: "the identity may not read load balancers",
    world: { allowedActions: [] },
    reason: "NotAuthorized",
    found: /Microsoft.Network\/loadBalancers\/read/,
  },
  {
    what: "the identity may not read interfaces",
    world: { allowedActions: ["Microsoft.Network/loadBalancers/read"] },
    reason: "NotAuthorized",
    found: /Microsoft.Network\/networkInterfaces\/read/,
  },
  {
    what: "the identity may not read public addresses",
    world: {
      networks: withLb({ frontends: [{ name: "TestFrontend", address: "203.0.113.10", publicIp: "TestPublicIp" }] }),
      allowedActions: ["Microsoft.Network/loadBalancers/read", "Microsoft.Network/networkInterfaces/read"],
    },
    reason: "NotAuthorized",
    found: /Microsoft.Network\/publicIPAddresses\/read/,
  },
];

function probe(): ArmLoadBalancer["probes"][number] {
  return { name: "TestHealthProbe", protocol: "Tcp", port: 26_001, intervalSeconds: 5, threshold: 2 };
}

describe("preflight of a load balancer", () => {
  it.each(BAD)("says $reason with its remedy when $what [REQ 5.2 LB probe]", async ({ world, reason, found }) => {
    const condition = await new ProbePortWorld(world).condition("PreflightOK");
    expect(condition).toMatchObject({ status: "False", reason });
    expect(condition.message).toMatch(found);
    expect(condition.message).toContain(remedyOf("LbProbePort", "PreflightOK", reason));
  });

  it.each<{ readonly what: string; readonly world: ProbePortWorldOptions }>([
    { what: "by interface", world: {} },
    {
      what: "by address",
      world: {
        networks: withLb({ pools: [{ name: "TestBackendPool", addresses: ["10.5.0.110", "10.5.0.111"] }] }),
      },
    },
    { what: "with Direct Server Return", world: { networks: withRule(FLOATING), spec: DSR } },
    {
      what: "in another resource group than the machines",
      world: {
        providerIds: { node2: providerIdOf("node2", "testgroup1") },
        spec: { azureLoadBalancer: { name: "testloadbalancer", resourceGroup: "TESTGROUP1" } },
      },
    },
  ])("passes with a pool $what, and shows frontend and members", async ({ world }) => {
    const { status } = await new ProbePortWorld(world).look();
    const preflight = status.conditions?.find(({ type }) => type === "PreflightOK");
    expect(preflight).toMatchObject({ status: "True", reason: "Passed" });
    expect(status.frontends).toEqual(["10.5.0.200"]);
    expect(status.members).toMatchObject([
      { node: "node1", listening: true, inBackendPool: "Yes" },
      { node: "node2", inBackendPool: "Yes" },
    ]);
  });

  it("shows the address of a public frontend", async () => {
    const frontends = [{ name: "TestFrontend", address: "203.0.113.10", publicIp: "TestPublicIp" }];
    const { status } = await new ProbePortWorld({ networks: withLb({ frontends }) }).look();
    expect(status.frontends).toEqual(["203.0.113.10"]);
  });
});

describe("a load balancer that cannot be read", () => {
  it.each(["CallTimeout", "EndpointUnreachable", "Throttled", "CallFailed"] as const)(
    "with %s keeps Ready, what was found and its members [REQ 5.3.9]",
    async (failure) => {
      const world = new ProbePortWorld();
      await world.look();
      world.cloud.failure = failure;
      await world.clock.advance(61_000);
      const { status } = await world.look();
      const reasons = Object.fromEntries((status.conditions ?? []).map(({ type, reason }) => [type, reason]));
      expect(reasons).toEqual({ Ready: "Active", PreflightOK: "Unreadable", Observed: failure });
      expect(status.frontends).toEqual(["10.5.0.200"]);
      expect(status.members?.map(({ inBackendPool }) => inBackendPool)).toEqual(["Yes", "Yes"]);
    },
  );

  it("is only a metric with whenUnreadable: Ignore", async () => {
    const world = new ProbePortWorld({ spec: { monitor: { ...monitor, whenUnreadable: "Ignore" } } });
    await world.look();
    world.cloud.failure = "CallTimeout";
    await world.clock.advance(61_000);
    expect(await world.condition("Observed")).toMatchObject({ status: "True", reason: "Read" });
  });

  it("never delays a group that is on its way: what is known will do", async () => {
    const world = new ProbePortWorld();
    await world.look();
    const sent = world.cloud.calls.length;
    await world.clock.advance(600_000);
    world.group = { ...world.group, status: { ...world.group.status, target: { node: "node2", cause: "Requested" } } };
    await world.look();
    expect(world.cloud.calls).toHaveLength(sent);
  });
});

it("reads the load balancer once in twelve intervals while all is in order, and every interval else", async () => {
  const world = new ProbePortWorld({ networks: withLb({ probes: [] }) });
  expect((await world.look()).requeueAfterMs).toBe(5_000);
  const good = new ProbePortWorld();
  expect((await good.look()).requeueAfterMs).toBe(60_000);
  await good.clock.advance(30_000);
  await good.look();
  expect(good.cloud.calls.filter((call) => call.includes("loadBalancers"))).toHaveLength(1);
  await good.clock.advance(30_000);
  await good.look();
  expect(good.cloud.calls.filter((call) => call.includes("loadBalancers"))).toHaveLength(2);
});
