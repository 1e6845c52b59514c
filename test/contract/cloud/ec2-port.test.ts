import { afterEach, describe, expect, it } from "vitest";
import { createEc2Client } from "../../../src/cloud/aws/ec2-client.ts";
import type { Ec2ClientOptions, Ec2SdkClient } from "../../../src/cloud/aws/ec2-client.ts";
import { CloudError } from "../../../src/cloud/errors.ts";
import { CallLimiter, EC2_CALL_LIMITS } from "../../../src/cloud/rate-limit.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import type { MetricName } from "../../../src/lib/metric-catalogue.ts";
import type { Labels, Metrics } from "../../../src/lib/metrics.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { startEc2Endpoint } from "../../../src/sandbox/ec2/endpoint.ts";
import type { Ec2Endpoint, Ec2EndpointOptions } from "../../../src/sandbox/ec2/endpoint.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { FakeEc2, smallVpc, VIP_CIDR } from "../../fakes/fake-ec2.ts";
import type { SmallVpc } from "../../fakes/fake-ec2.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { ec2Contract } from "./ec2.suite.ts";
import type { Ec2World } from "./ec2.suite.ts";
import { makeMotoWorld } from "./moto-world.ts";

const CREDENTIALS = { accessKeyId: "AKIATEST", secretAccessKey: "secret-of-test" };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function worldOf(ec2: Ec2World["ec2"], world: SmallVpc): Ec2World {
  const { vpcId, table1, table2, eni1, eni2, instance1 } = world;
  return {
    ec2,
    vpcId,
    cidrBlock: "10.0.0.0/16",
    tableIds: [table1, table2],
    vipCidr: VIP_CIDR,
    eni1,
    eni2,
    instanceId: instance1,
  };
}

async function client(options: Partial<Ec2ClientOptions>, metrics: Metrics = noMetrics): Promise<Ec2SdkClient> {
  const modules = { clock: systemClock, random: seededRandom() };
  const limiter = new CallLimiter(EC2_CALL_LIMITS, modules);
  const made = await createEc2Client(
    { region: "eu-central-1", credentials: CREDENTIALS, ...options },
    { clock: systemClock, metrics, limiter },
  );
  cleanups.push(() => made.close());
  return made;
}

async function emulator(
  options: Partial<Ec2EndpointOptions> = {},
): Promise<{ endpoint: Ec2Endpoint; world: SmallVpc }> {
  const world = smallVpc(systemClock);
  const modules = { regions: [world.ec2], clock: systemClock, random: seededRandom() };
  const endpoint = await startEc2Endpoint({ accessKeys: [CREDENTIALS], ...options }, modules);
  cleanups.push(() => endpoint.close());
  return { endpoint, world };
}

const ELASTIC_IP = { allocationId: "eipalloc-00000000000000aa1", publicIp: "198.51.100.7" };

ec2Contract("the fake", () => {
  const world = smallVpc(new FakeClock());
  const ec2 = new FakeEc2(world.ec2);
  world.ec2.allocateAddress(ELASTIC_IP.publicIp, ELASTIC_IP.allocationId);
  return Promise.resolve({ ...worldOf(ec2, world), elasticIp: ELASTIC_IP });
});

ec2Contract("the SDK adapter on the emulator, paged", async () => {
  const { endpoint, world } = await emulator({ pageSize: 1 });
  world.ec2.allocateAddress(ELASTIC_IP.publicIp, ELASTIC_IP.allocationId);
  return { ...worldOf(await client({ endpoint: endpoint.url }), world), elasticIp: ELASTIC_IP };
});

const motoUrl = process.env["UNDERSTUDY_TEST_MOTO_URL"];
if (motoUrl === undefined) {
  describe("an Ec2Port: the SDK adapter on moto", () => {
    it.skip("skipped: UNDERSTUDY_TEST_MOTO_URL names no running moto server", () => undefined);
  });
} else {
  ec2Contract("the SDK adapter on moto", () => makeMotoWorld(motoUrl, (options) => client(options)), {
    dryRun: "moto 5.2 carries out dry runs of ReplaceRoute",
    lostElasticIp: "moto 5.2 goes on showing it there",
  });
}

async function failure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (thrown) {
    return thrown instanceof CloudError ? `${thrown.code} ${thrown.detail.providerCode ?? "-"}` : String(thrown);
  }
  return "no error";
}

describe("the SDK adapter when things go wrong", () => {
  const CALL = { timeoutMs: 2_000 };

  it("tells rejected credentials from missing permissions, in a dry run as well", async () => {
    const { endpoint, world } = await emulator({ accessKeys: [{ ...CREDENTIALS, allowedActions: ["DescribeVpcs"] }] });
    const known = await client({ endpoint: endpoint.url });
    const unknown = await client({
      endpoint: endpoint.url,
      credentials: { accessKeyId: "AKIANOBODY", secretAccessKey: "x" },
    });
    const route = { routeTableId: world.table1, destinationCidr: VIP_CIDR, networkInterfaceId: world.eni2 };
    expect(await failure(known.replaceRoute(route, { ...CALL, dryRun: true }))).toBe(
      "NotAuthorized UnauthorizedOperation",
    );
    expect(await failure(unknown.describeVpcs([], CALL))).toBe("CredentialsRejected AuthFailure");
  });

  it("names service, region, call and AWS's own code in its message [REQ 5.2 AWS VIP start 50]", async () => {
    const { endpoint } = await emulator();
    const port = await client({ endpoint: endpoint.url });
    await expect(port.describeVpcs(["vpc-0fff"], CALL)).rejects.toThrow(
      "EC2 (eu-central-1) DescribeVpcs failed: InvalidVpcID.NotFound: The vpc ID 'vpc-0fff' does not exist",
    );
  });

  it("says EndpointUnreachable when nobody listens", async () => {
    const { endpoint } = await emulator();
    const port = await client({ endpoint: endpoint.url });
    await endpoint.close();
    expect(await failure(port.describeVpcs([], CALL))).toMatch(/^EndpointUnreachable/);
  });

  it("ends with CallTimeout at its deadline when nobody answers", async () => {
    const { endpoint } = await emulator();
    endpoint.faults.inject({ outcome: { type: "hang" } });
    const port = await client({ endpoint: endpoint.url });
    expect(await failure(port.describeVpcs([], { timeoutMs: 50 }))).toBe("CallTimeout -");
  });

  it("sends a read again when its connection was cut, but never a write", async () => {
    const { endpoint, world } = await emulator();
    const port = await client({ endpoint: endpoint.url });
    endpoint.faults.inject({ outcome: { type: "unreachable" }, actions: ["DescribeVpcs", "ReplaceRoute"], times: 1 });
    expect((await port.describeVpcs([], CALL)).length).toBe(1);
    endpoint.faults.inject({ outcome: { type: "loseReply" }, actions: ["ReplaceRoute"], times: 1 });
    const route = { routeTableId: world.table1, destinationCidr: VIP_CIDR, networkInterfaceId: world.eni2 };
    expect(await failure(port.replaceRoute(route, CALL))).toMatch(/^CallFailed/);
    expect(endpoint.calls.get("DescribeVpcs")).toBe(2);
    expect(endpoint.calls.get("ReplaceRoute")).toBe(1);
  });

  it("backs off together after a throttled call, and measures every call", async () => {
    const { endpoint } = await emulator();
    const observed: string[] = [];
    const metrics: Metrics = {
      ...noMetrics,
      observe: (name: MetricName, _value: number, labels?: Labels) =>
        void observed.push(`${name} ${labels?.["action"]} ${labels?.["outcome"]}`),
    };
    const port = await client({ endpoint: endpoint.url }, metrics);
    endpoint.faults.inject({ outcome: { type: "throttle" }, times: 1 });
    expect(await failure(port.describeVpcs([], CALL))).toBe("Throttled RequestLimitExceeded");
    expect(await failure(port.describeVpcs([], { timeoutMs: 20 }))).toBe("Throttled -");
    expect(endpoint.calls.get("DescribeVpcs")).toBe(1);
    expect(observed).toEqual(["understudy_cloud_call_duration_seconds DescribeVpcs Throttled"]);
    expect(port.callTimes()?.maxMs).toBeGreaterThan(0);
  });
});
