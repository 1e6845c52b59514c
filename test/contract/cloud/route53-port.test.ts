import { afterEach, describe, expect, it } from "vitest";
import { createRoute53Client, ROUTE53_CALL_LIMITS } from "../../../src/cloud/aws/route53-client.ts";
import type { Route53SdkClient } from "../../../src/cloud/aws/route53-client.ts";
import type { AwsClientOptions } from "../../../src/cloud/aws/sdk-caller.ts";
import { CloudError } from "../../../src/cloud/errors.ts";
import { CallLimiter, type CallLimits } from "../../../src/cloud/rate-limit.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { startRoute53Endpoint } from "../../../src/sandbox/route53/endpoint.ts";
import type { Route53Endpoint, Route53EndpointOptions } from "../../../src/sandbox/route53/endpoint.ts";
import type { VirtualRoute53 } from "../../../src/sandbox/route53/virtual-route53.ts";
import { smallZone, ZONE_ID, ZONE_VPC } from "../../builders/route53-zone.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { FakeRoute53 } from "../../fakes/fake-route53.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { makeMotoZone } from "./route53-moto.ts";
import { route53Contract, type Route53World } from "./route53.suite.ts";

const CREDENTIALS = { accessKeyId: "AKIATEST", secretAccessKey: "secret-of-test" };
/** The contract is about answers; how calls are spaced has tests of its own. */
const NO_LIMITS: CallLimits = {
  read: { capacity: 1_000, refillPerSecond: 1_000 },
  write: { capacity: 1_000, refillPerSecond: 1_000 },
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function worldOf(route53: Route53World["route53"]): Route53World {
  const names = { aliasName: "alias.hz1.local.", weightedName: "weighted.hz1.local." };
  return { route53, zoneId: ZONE_ID, vpcId: ZONE_VPC, ...names };
}

async function client(options: Partial<AwsClientOptions>, limits = NO_LIMITS): Promise<Route53SdkClient> {
  const modules = { clock: systemClock, random: seededRandom() };
  const limiter = new CallLimiter(limits, modules);
  const made = await createRoute53Client(
    { region: "us-east-1", credentials: CREDENTIALS, ...options },
    { clock: systemClock, metrics: noMetrics, limiter },
  );
  cleanups.push(() => made.close());
  return made;
}

async function emulator(
  options: Partial<Route53EndpointOptions> = {},
): Promise<{ endpoint: Route53Endpoint; route53: VirtualRoute53 }> {
  const route53 = smallZone(systemClock);
  const modules = { route53, clock: systemClock, random: seededRandom() };
  const endpoint = await startRoute53Endpoint(
    { accessKeys: [CREDENTIALS], requestsPerSecond: 1_000, ...options },
    modules,
  );
  cleanups.push(() => endpoint.close());
  return { endpoint, route53 };
}

route53Contract("the fake", () => Promise.resolve(worldOf(new FakeRoute53(smallZone(new FakeClock())))));

route53Contract("the SDK adapter on the emulator", async () => {
  const { endpoint } = await emulator();
  return worldOf(await client({ endpoint: endpoint.url }));
});

const motoUrl = process.env["UNDERSTUDY_TEST_MOTO_URL"];
if (motoUrl === undefined) {
  describe("a Route53Port: the SDK adapter on moto", () => {
    it.skip("skipped: UNDERSTUDY_TEST_MOTO_URL names no running moto server", () => undefined);
  });
} else {
  route53Contract("the SDK adapter on moto", () => makeMotoZone(motoUrl, (options) => client(options)), {
    deletion: "moto 5.2 answers InvalidInput to a DELETE that does not fit",
    permission: "moto 5.2 answers InvalidInput to a DELETE that does not fit, so the check takes it for a refusal",
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

describe("the SDK adapter of Route 53 when things go wrong", () => {
  const CALL = { timeoutMs: 2_000 };
  const wanted = { name: "srv.hz1.local.", ttlSeconds: 10, values: ["10.0.1.10"] };

  it("tells rejected credentials from missing permissions, also of a change that is only checked [REQ 5.2 AWS DNS start 5]", async () => {
    const readOnly = [{ ...CREDENTIALS, allowedActions: ["ListResourceRecordSets"] }];
    const { endpoint } = await emulator({ accessKeys: readOnly });
    const known = await client({ endpoint: endpoint.url });
    const unknown = { accessKeyId: "AKIANOBODY", secretAccessKey: "x" };
    const stranger = await client({ endpoint: endpoint.url, credentials: unknown });
    const forger = await client({ endpoint: endpoint.url, credentials: { ...CREDENTIALS, secretAccessKey: "x" } });
    expect(await failure(known.mayChange(ZONE_ID, wanted.name, CALL))).toBe("NotAuthorized AccessDenied");
    expect(await failure(known.hostedZone(ZONE_ID, CALL))).toBe("NotAuthorized AccessDenied");
    expect(await failure(stranger.hostedZone(ZONE_ID, CALL))).toBe("CredentialsRejected InvalidClientTokenId");
    expect(await failure(forger.hostedZone(ZONE_ID, CALL))).toBe("CredentialsRejected SignatureDoesNotMatch");
    expect(endpoint.refused).toEqual(["ChangeResourceRecordSets", "GetHostedZone"]);
  });

  it("walks a zone page by page", async () => {
    const { endpoint, route53 } = await emulator();
    const names = Array.from({ length: 700 }, (_, index) => `n${index}.hz1.local.`);
    const records = names.map((name) => ({ name, type: "A", ttl: 10, values: ["10.0.0.1"] }));
    route53.changeRecords(
      ZONE_ID,
      records.map((record) => ({ action: "CREATE", record })),
    );
    const found = await (await client({ endpoint: endpoint.url })).recordsOfZone(ZONE_ID, CALL);
    expect(new Set(found.map(({ name }) => name))).toEqual(
      new Set([...names, "alias.hz1.local.", "weighted.hz1.local."]),
    );
    expect(endpoint.calls.get("ListResourceRecordSets")).toBe(3);
  });

  it("ends in time when nobody answers, and says when nobody listens [REQ 5.2 AWS DNS start 6]", async () => {
    const { endpoint } = await emulator();
    const port = await client({ endpoint: endpoint.url });
    endpoint.faults.inject({ outcome: { type: "hang" } });
    expect(await failure(port.hostedZone(ZONE_ID, { timeoutMs: 50 }))).toBe("CallTimeout -");
    await endpoint.close();
    expect(await failure(port.hostedZone(ZONE_ID, CALL))).toMatch(/^EndpointUnreachable/);
  });

  it("never sends a change twice, and asks its sender again when its turn has come", async () => {
    const { endpoint, route53 } = await emulator();
    const port = await client({ endpoint: endpoint.url });
    endpoint.faults.inject({ outcome: { type: "loseReply" }, actions: ["ChangeResourceRecordSets"], times: 1 });
    expect(await failure(port.changeRecords(ZONE_ID, [{ action: "CREATE", record: wanted }], CALL))).toMatch(
      /^CallFailed/,
    );
    expect(route53.zone(ZONE_ID).records.filter((record) => record.name === wanted.name).length).toBe(1);
    const beforeSend = (): never => {
      throw new Error("no longer leading");
    };
    const change = port.changeRecords(ZONE_ID, [{ action: "DELETE", record: wanted }], { ...CALL, beforeSend });
    expect(await failure(change)).toBe("Error: no longer leading");
    expect(endpoint.calls.get("ChangeResourceRecordSets")).toBe(1);
  });

  it("stays within its budget when connections are cut and reads are sent again", async () => {
    const { endpoint } = await emulator({ requestsPerSecond: 5 });
    const port = await client({ endpoint: endpoint.url }, ROUTE53_CALL_LIMITS);
    endpoint.faults.inject({ outcome: { type: "unreachable" } });
    const reads = Array.from({ length: 5 }, () => failure(port.hostedZone(ZONE_ID, CALL)));
    const change = failure(port.changeRecords(ZONE_ID, [{ action: "CREATE", record: wanted }], CALL));
    await Promise.all([...reads, change]);
    expect(endpoint.calls.get("GetHostedZone")).toBeGreaterThan(5);
    expect(endpoint.busiestSecond()).toBeLessThanOrEqual(5);
  });

  it("is told of a sixth request within a second as of throttling", async () => {
    const { endpoint } = await emulator({ requestsPerSecond: 5 });
    const greedy = await client({ endpoint: endpoint.url });
    const answers = await Promise.all(Array.from({ length: 6 }, () => failure(greedy.hostedZone(ZONE_ID, CALL))));
    expect(answers.filter((answer) => answer === "Throttled Throttling").length).toBe(1);
  });
});
