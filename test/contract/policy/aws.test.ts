/** Every AWS kind does its work with exactly the policy that `preflight --policy aws` prints, and needs all of it. */
import { afterAll, afterEach, beforeAll, describe, it, vi } from "vitest";
import { AMBIENT } from "../../../src/cli/preflight-needs.ts";
import { Ec2Clients } from "../../../src/cloud/aws/ec2-access.ts";
import { Route53Clients } from "../../../src/cloud/aws/route53-access.ts";
import { AzureConnections } from "../../../src/cloud/azure/connections.ts";
import { AzureFencers } from "../../../src/cloud/azure/fencers.ts";
import { CloudFencers } from "../../../src/cloud/fencers.ts";
import type { IamPolicy } from "../../../src/cloud/permissions/aws-policy.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { systemRandom } from "../../../src/host/system-random.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { startEc2Endpoint } from "../../../src/sandbox/ec2/endpoint.ts";
import { startRoute53Endpoint } from "../../../src/sandbox/route53/endpoint.ts";
import { VirtualRoute53 } from "../../../src/sandbox/route53/virtual-route53.ts";
import {
  closePolicyWorlds,
  IDENTITY,
  move,
  moveAndStop,
  type PolicyCase,
  type PolicyCloud,
  PolicyWorld,
  SECRET,
} from "../../builders/policy-world.ts";
import { type SmallVpc, smallVpc } from "../../fakes/fake-ec2.ts";
import { neededBy, policySuite } from "./policy.suite.ts";

const KEY = { accessKeyId: "AKIAPOLICYTEST000000", secretAccessKey: "secret-of-policy-test" };

const NO_AZURE = new AzureConnections({}, { clock: systemClock, random: systemRandom, metrics: noMetrics });
const credentials = { secretRef: { name: SECRET } };

beforeAll(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", KEY.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", KEY.secretAccessKey);
});
afterAll(() => vi.unstubAllEnvs());
afterEach(closePolicyWorlds);

interface AwsCase extends PolicyCase {
  /** Changes the account before the controller sees it. */
  readonly prepare?: (account: SmallVpc, route53: VirtualRoute53) => unknown;
  /** Whose policy is meant; `IDENTITY` when omitted. */
  readonly identity?: string;
}

async function awsCloud({ prepare }: AwsCase, policy: IamPolicy | undefined): Promise<PolicyCloud> {
  const account = smallVpc(systemClock);
  const modules = { clock: systemClock, random: systemRandom };
  const zones = new VirtualRoute53({}, modules);
  prepare?.(account, zones);
  const { ec2, instance1, instance2 } = account;
  const key = policy === undefined ? KEY : { ...KEY, policy };
  const endpoint = await startEc2Endpoint({ accessKeys: [key] }, { ...modules, regions: [ec2] });
  const names = await startRoute53Endpoint({ accessKeys: [key] }, { ...modules, route53: zones });
  const endpoints = { ec2: endpoint.url, route53: names.url };
  const clients = new Ec2Clients({ endpoints }, { ...modules, metrics: noMetrics });
  const route53 = new Route53Clients({ endpoints }, { ...modules, metrics: noMetrics });
  const fencers = new CloudFencers(clients, new AzureFencers(NO_AZURE));
  return {
    machines: [`aws:///eu-central-1a/${instance1}`, `aws:///eu-central-1b/${instance2}`],
    secret: KEY,
    ports: { ec2: clients, zones: clients, route53, fencers },
    refused: () => [...endpoint.refused, ...names.refused],
    close: async () => {
      clients.close();
      route53.close();
      await Promise.all([endpoint.close(), names.close()]);
    },
  };
}

const ALLOCATION = "eipalloc-0123456789abcdef0";
const ZONE = "Z0123456789ABCDEFGHIJ";
const NAME = { hostedZoneId: ZONE, name: "srv.hz1.local." };
const MONITOR = { interval: "1s", timeout: "1s" };
const CASES: Readonly<Record<string, AwsCase>> = {
  AwsVirtualIP: {
    objects: [{ kind: "AwsVirtualIP", spec: { address: "10.1.0.20", monitor: MONITOR } }],
    exercise: move,
  },
  "AwsVirtualIP that repairs the source/destination check": {
    objects: [{ kind: "AwsVirtualIP", spec: { address: "10.1.0.20", monitor: MONITOR, sourceDestCheck: "Repair" } }],
    // As AWS creates interfaces.
    prepare: ({ ec2, eni2 }) => ec2.setSourceDestCheck(eni2, true),
    exercise: move,
  },
  AwsElasticIP: {
    objects: [{ kind: "AwsElasticIP", spec: { allocationId: ALLOCATION, monitor: MONITOR } }],
    prepare: ({ ec2 }) => ec2.allocateAddress("198.51.100.7", ALLOCATION),
    exercise: move,
  },
  "AwsElasticIP that is given up when the group stops": {
    objects: [
      { kind: "AwsElasticIP", spec: { allocationId: ALLOCATION, monitor: MONITOR, whenStopped: "Disassociate" } },
    ],
    prepare: ({ ec2 }) => ec2.allocateAddress("198.51.100.7", ALLOCATION),
    exercise: async (world) => {
      await move(world);
      await world.annotate("stop", "policy test");
      await world.until(async () => (await world.words()).some((text) => text.includes("198.51.100.7 was taken from")));
    },
  },
  "AwsDns in a public zone": {
    objects: [{ kind: "AwsDns", spec: { ...NAME, sync: { interval: "1s" } } }],
    prepare: (_account, route53) => route53.createHostedZone({ zoneId: ZONE, name: "hz1.local." }),
    exercise: move,
  },
  "AwsDns in a private zone, deleted when the group stops": {
    objects: [{ kind: "AwsDns", spec: { ...NAME, whenStopped: "Delete" } }],
    prepare: ({ vpcId }, route53) =>
      route53.createHostedZone({ zoneId: ZONE, name: "hz1.local.", vpcs: [{ vpcId, region: "eu-central-1" }] }),
    exercise: moveAndStop,
  },
  "the zone monitor": {
    objects: [{ kind: "LbProbePort", spec: { port: 26_001 } }],
    group: { monitors: { availabilityZone: { interval: "1s", timeout: "1s" } } },
    identity: AMBIENT,
    exercise: async (world) => await world.untilGoodOn("node1"),
  },
  "fencing by awsStopInstance": {
    objects: [{ kind: "LbProbePort", spec: { port: 26_001 } }],
    group: { fencing: { policy: "Required", awsStopInstance: {}, afterwards: "Start", credentials } },
    exercise: async (world) => {
      await world.untilGoodOn("node1");
      world.agents.get("node1")?.crash();
      await world.until(async () => (await world.group()).status?.active?.node === "node2");
      await world.until(async () => (await world.words()).some((text) => text.startsWith("FencedStarted")));
    },
  },
};

/** What the group needs, as a person would ask for it: once everything is found. */
async function policyOf(wanted: AwsCase): Promise<IamPolicy> {
  return await neededBy(await awsCloud(wanted, undefined), wanted, ({ aws }) => aws[wanted.identity ?? IDENTITY]);
}

function without(policy: IamPolicy, action: string): IamPolicy {
  const Statement = policy.Statement.map((statement) => ({
    ...statement,
    Action: statement.Action.filter((name) => name !== action),
  }));
  return { ...policy, Statement };
}

policySuite(CASES, {
  policyOf,
  cloudWith: awsCloud,
  actionsOf: (policy) => policy.Statement.flatMap(({ Action }) => Action),
  without,
});

describe("a policy that allows only some of the route tables", () => {
  it("is told beforehand, with the tables that are missing [REQ 5.2 AWS VIP start 50 not authorised]", async () => {
    const wanted: AwsCase = { objects: [{ kind: "AwsVirtualIP", spec: { address: "10.1.0.20" } }], exercise: move };
    const policy = await policyOf(wanted);
    const Statement = policy.Statement.map((statement) => ({
      ...statement,
      Resource: statement.Resource.filter((arn) => !arn.endsWith("rtb-0000000b")),
    }));
    const world = await PolicyWorld.create(await awsCloud(wanted, { ...policy, Statement }), wanted);
    await world.until((conditions) =>
      conditions.some(
        (text) =>
          text.startsWith("AwsVirtualIP PreflightOK False NotAuthorized") &&
          text.includes("Allow ec2:ReplaceRoute on rtb-0000000b") &&
          !text.includes("rtb-0000000a"),
      ),
    );
  });
});
