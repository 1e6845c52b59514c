import { generateKeyPairSync } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createEc2Client, type Ec2SdkClient } from "../../../src/cloud/aws/ec2-client.ts";
import { AwsFencer } from "../../../src/cloud/aws/fencer.ts";
import { AzureConnections } from "../../../src/cloud/azure/connections.ts";
import { AzureFencers } from "../../../src/cloud/azure/fencers.ts";
import { CloudError } from "../../../src/cloud/errors.ts";
import type { AzureVm, Fencer, SecretKeys } from "../../../src/cloud/fencing-ports.ts";
import { CallLimiter, EC2_CALL_LIMITS } from "../../../src/cloud/rate-limit.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { type ArmEndpoint, type ArmIdentity, startArmEndpoint } from "../../../src/sandbox/arm/endpoint.ts";
import { selfSigned } from "../../../src/sandbox/arm/certificate.ts";
import { VirtualMachines } from "../../../src/sandbox/arm/virtual-machines.ts";
import { type Ec2Endpoint, startEc2Endpoint } from "../../../src/sandbox/ec2/endpoint.ts";
import type { StopOptions } from "../../../src/sandbox/ec2/ports.ts";
import { VirtualEc2 } from "../../../src/sandbox/ec2/virtual-ec2.ts";
import { FakeMachines } from "../../fakes/fake-machines.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { fencingContract, type FencingWorld, untilState } from "./fencing.suite.ts";
import { makeMotoWorld } from "./moto-world.ts";

const REGION = "eu-central-1";
const AWS_KEY = { accessKeyId: "AKIATEST", secretAccessKey: "secret-of-test" };
const SUBSCRIPTION = "11111111-2222-3333-4444-555555555555";
const TENANT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const CLIENT = "99999999-8888-7777-6666-555555555555";
const AZURE_KEYS = { tenantId: TENANT, clientId: CLIENT, clientSecret: "secret-of-test" };
const CALL = { timeoutMs: 5_000 };
const SKIP = { graceful: false, ...CALL };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const awsVm = (instanceId: string) => ({ provider: "aws", region: REGION, instanceId }) as const;
const azureVm = (name: string): AzureVm => ({
  provider: "azure",
  subscriptionId: SUBSCRIPTION,
  resourceGroup: "TestGroup1",
  name,
});

async function ec2Client(endpoint: string, credentials = AWS_KEY): Promise<Ec2SdkClient> {
  const modules = { clock: systemClock, random: seededRandom() };
  const limiter = new CallLimiter(EC2_CALL_LIMITS, modules);
  const client = await createEc2Client(
    { region: REGION, endpoint, credentials },
    { ...modules, metrics: noMetrics, limiter },
  );
  cleanups.push(() => client.close());
  return client;
}

interface AwsWorld extends FencingWorld {
  readonly ec2: VirtualEc2;
  readonly endpoint: Ec2Endpoint;
  readonly stops: StopOptions[];
}

async function awsWorld({
  stopMs = 60,
  allowedActions,
}: { stopMs?: number; allowedActions?: readonly string[] } = {}): Promise<AwsWorld> {
  const modules = { clock: systemClock, random: seededRandom() };
  const ec2 = new VirtualEc2({ region: REGION, stopMs, startMs: 30 }, modules);
  const { vpcId } = ec2.createVpc({ cidrBlocks: ["10.0.0.0/16"] });
  const { subnetId } = ec2.createSubnet({ vpcId, cidrBlock: "10.0.1.0/24", availabilityZone: `${REGION}a` });
  const { networkInterfaceId } = ec2.createNetworkInterface({ subnetId });
  const { instanceId } = ec2.createInstance({ name: "node1", networkInterfaceIds: [networkInterfaceId] });
  const stops: StopOptions[] = [];
  ec2.setHypervisor({
    start: () => Promise.resolve(),
    stop: (_id, how) => {
      stops.push(how);
      return Promise.resolve();
    },
  });
  const key = allowedActions === undefined ? AWS_KEY : { ...AWS_KEY, allowedActions };
  const endpoint = await startEc2Endpoint({ accessKeys: [key] }, { regions: [ec2], ...modules });
  cleanups.push(() => endpoint.close());
  const fencer = new AwsFencer(await ec2Client(endpoint.url));
  return { fencer, vm: awsVm(instanceId), missing: awsVm("i-00000000000000bad"), ec2, endpoint, stops };
}

interface AzureWorld extends FencingWorld {
  readonly machines: VirtualMachines;
  readonly endpoint: ArmEndpoint;
  readonly stops: { readonly skipShutdown: boolean }[];
  readonly fencerWith: (keys: SecretKeys) => Promise<Fencer>;
}

async function azureWorld({
  vm = azureVm("node1"),
  identity = AZURE_KEYS as ArmIdentity,
  stopMs = 60,
} = {}): Promise<AzureWorld> {
  const machines = new VirtualMachines({ subscriptionId: SUBSCRIPTION, stopMs, startMs: 30 }, { clock: systemClock });
  const { provider: _cloud, subscriptionId: _owner, ...machine } = vm;
  machines.put({ ...machine, power: "running" });
  const stops: { readonly skipShutdown: boolean }[] = [];
  machines.setHypervisor({
    start: () => Promise.resolve(),
    stop: (_machine, how) => {
      stops.push(how);
      return Promise.resolve();
    },
  });
  const modules = { clock: systemClock, random: seededRandom() };
  const endpoint = await startArmEndpoint({ identities: [identity] }, { machines, ...modules });
  cleanups.push(() => endpoint.close());
  const endpoints = {
    resourceManager: endpoint.url,
    authority: endpoint.url,
    certificateAuthority: endpoint.certificate,
  };
  const fencers = new AzureFencers(new AzureConnections(endpoints, { ...modules, metrics: noMetrics }));
  const fencerWith = (keys: SecretKeys): Promise<Fencer> => fencers.fencerOf(vm, keys);
  return {
    fencer: await fencerWith(AZURE_KEYS),
    vm,
    missing: { ...vm, name: "nobody" },
    machines,
    endpoint,
    stops,
    fencerWith,
  };
}

async function errorOf(call: Promise<unknown>): Promise<CloudError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof CloudError) return thrown;
  throw new Error(`not a CloudError: ${String(thrown)}`);
}

fencingContract("the fake", async () => {
  const machines = new FakeMachines(systemClock);
  machines.callMs = 0;
  machines.stopMs = 40;
  machines.add("i-1");
  const vm = awsVm("i-1");
  return { fencer: await machines.fencerFor(vm, undefined), vm, missing: awsVm("i-2") };
});
fencingContract("EC2, the SDK on the emulator", awsWorld);
fencingContract("Azure, the SDK on the emulator", azureWorld);
fencingContract("Azure, a machine of a scale set", () =>
  azureWorld({ vm: { ...azureVm("0"), scaleSet: "aks-pool1-12345678-vmss" } }),
);

const motoUrl = process.env["UNDERSTUDY_TEST_MOTO_URL"];
if (motoUrl === undefined) {
  describe("a Fencer: EC2, the SDK on moto", () => {
    it.skip("skipped: UNDERSTUDY_TEST_MOTO_URL names no running moto server", () => undefined);
  });
} else {
  fencingContract("EC2, the SDK on moto", async () => {
    const { instanceId } = await makeMotoWorld(motoUrl, (options) => ec2Client(motoUrl, options.credentials));
    const fencer = new AwsFencer(await ec2Client(motoUrl, { accessKeyId: "testing", secretAccessKey: "testing" }));
    return { fencer, vm: awsVm(instanceId), missing: awsVm("i-00000000000000bad") };
  });
}

describe("fencing on EC2", () => {
  it("pulls the plug with Force and SkipOsShutdown, or neither when graceful", async () => {
    const skip = await awsWorld();
    await skip.fencer.powerOff(skip.vm, SKIP);
    expect(skip.stops).toEqual([{ force: true, skipOsShutdown: true }]);
    const graceful = await awsWorld();
    await graceful.fencer.powerOff(graceful.vm, { ...SKIP, graceful: true });
    expect(graceful.stops).toEqual([{ force: false, skipOsShutdown: false }]);
  });

  it("does not take a hibernated instance for one that is off", async () => {
    const { fencer, vm, ec2 } = await awsWorld();
    ec2.setInstanceState(vm.provider === "aws" ? vm.instanceId : "", "stopped", "Client.UserInitiatedHibernate");
    expect(await fencer.state(vm, CALL)).toMatchObject({
      state: "unknown",
      detail: expect.stringContaining("hibernation"),
    });
  });

  it("takes a terminated instance for gone, and one on its way there for nothing", async () => {
    const { fencer, vm, ec2 } = await awsWorld();
    const id = vm.provider === "aws" ? vm.instanceId : "";
    ec2.setInstanceState(id, "shutting-down");
    expect((await fencer.state(vm, CALL)).state).toBe("stopping");
    ec2.setInstanceState(id, "terminated");
    expect((await fencer.state(vm, CALL)).state).toBe("gone");
    expect((await errorOf(fencer.check(vm, CALL))).code).toBe("NotFound");
  });

  it("finds what a call with a lost reply has done", async () => {
    const world = await awsWorld();
    world.endpoint.faults.inject({ actions: ["StopInstances"], outcome: { type: "loseReply" }, times: 1 });
    expect((await errorOf(world.fencer.powerOff(world.vm, SKIP))).code).toBe("CallFailed");
    await untilState(world, "off");
    expect(await world.fencer.powerOff(world.vm, SKIP)).toBe("off");
  });

  it("never says off while the instance is stopping", async () => {
    const { fencer, vm } = await awsWorld({ stopMs: 60_000 });
    await fencer.powerOff(vm, SKIP);
    expect(await fencer.powerOff(vm, SKIP)).toBe("stopping");
    expect((await fencer.state(vm, CALL)).state).toBe("stopping");
  });

  it("tells a missing permission beforehand, naming the action", async () => {
    const { fencer, vm } = await awsWorld({ allowedActions: ["DescribeInstances"] });
    const error = await errorOf(fencer.check(vm, CALL));
    expect([error.code, error.message]).toEqual(["NotAuthorized", expect.stringContaining("StopInstances")]);
  });

  it("ends within its deadline when nobody answers", async () => {
    const { fencer, vm, endpoint } = await awsWorld();
    endpoint.faults.inject({ outcome: { type: "hang" } });
    expect((await errorOf(fencer.state(vm, { timeoutMs: 100 }))).code).toBe("CallTimeout");
    expect((await errorOf(fencer.powerOff(vm, { graceful: false, timeoutMs: 100 }))).code).toBe("CallTimeout");
  });
});

describe("fencing on Azure", () => {
  it("skips the guest's shutdown unless it is graceful, and does not wait for the operation", async () => {
    const world = await azureWorld({ stopMs: 60_000 });
    expect(await world.fencer.powerOff(world.vm, SKIP)).toBe("stopping");
    await world.fencer.powerOff(world.vm, { ...SKIP, graceful: true });
    expect(world.stops).toEqual([{ skipShutdown: true }, { skipShutdown: false }]);
    expect((await world.fencer.state(world.vm, CALL)).state).toBe("stopping");
    expect(world.endpoint.calls.get("PowerOff")).toBe(2);
  });

  it.each([
    ["stopped", undefined, "off"],
    ["deallocated", undefined, "off"],
    ["deallocating", undefined, "stopping"],
    ["starting", undefined, "running"],
    ["deallocated", true, "unknown"],
  ] as const)("reads %s (hibernated: %s) as %s", async (power, isHibernated, state) => {
    const { fencer, vm, machines } = await azureWorld();
    machines.put({
      resourceGroup: "testgroup1",
      name: "NODE1",
      power,
      ...(isHibernated === undefined ? {} : { isHibernated }),
    });
    expect((await fencer.state(vm, CALL)).state).toBe(state);
  });

  it("finds what a call with a lost reply has done", async () => {
    const world = await azureWorld();
    await world.fencer.state(world.vm, CALL);
    world.endpoint.faults.inject({ actions: ["PowerOff"], outcome: { type: "loseReply" }, times: 1 });
    expect((await errorOf(world.fencer.powerOff(world.vm, SKIP))).code).toBe("CallFailed");
    await untilState(world, "off");
    expect(world.endpoint.calls.get("PowerOff")).toBe(1);
  });

  it("authenticates with a certificate", async () => {
    const { vm, fencerWith } = await azureWorld({ identity: { tenantId: TENANT, clientId: CLIENT } });
    const { cert } = selfSigned("localhost", systemClock.wallMs());
    const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
    const fencer = await fencerWith({
      tenantId: TENANT,
      clientId: CLIENT,
      clientCertificate: `${key.toString()}${cert}`,
    });
    expect((await fencer.state(vm, CALL)).state).toBe("running");
  });

  it.each([
    ["a wrong secret", { ...AZURE_KEYS, clientSecret: "wrong" }, "CredentialsRejected"],
    ["a Secret without the client's id", { tenantId: TENANT, clientSecret: "x" }, "CredentialsMissing"],
  ])("refuses %s", async (_what, keys, code) => {
    const { vm, fencerWith } = await azureWorld();
    const call = fencerWith(keys as unknown as SecretKeys).then((fencer) => fencer.state(vm, CALL));
    expect((await errorOf(call)).code).toBe(code);
  });

  it("tells a missing permission beforehand, and when it is used", async () => {
    const { fencer, vm } = await azureWorld({
      identity: { ...AZURE_KEYS, allowedActions: ["Microsoft.Authorization/*/read", "Microsoft.Compute/*/read"] },
    });
    expect((await errorOf(fencer.check(vm, CALL))).code).toBe("NotAuthorized");
    const error = await errorOf(fencer.powerOff(vm, SKIP));
    expect([error.code, error.detail.providerCode]).toEqual(["NotAuthorized", "AuthorizationFailed"]);
  });

  it.each([
    [{ type: "throttle" }, "Throttled"],
    [{ type: "unreachable" }, "CallFailed"],
    [{ type: "error", code: "OperationNotAllowed", status: 409 }, "CallFailed"],
    [{ type: "error", code: "InternalServerError", status: 500 }, "CallFailed"],
  ] as const)("does not take %o for an answer", async (outcome, code) => {
    const { fencer, vm, endpoint } = await azureWorld();
    await fencer.state(vm, CALL);
    endpoint.faults.inject({ actions: ["InstanceView", "PowerOff"], outcome });
    expect((await errorOf(fencer.state(vm, CALL))).code).toBe(code);
    expect((await errorOf(fencer.powerOff(vm, SKIP))).code).toBe(code);
    expect(endpoint.calls.get("PowerOff")).toBe(1);
  });

  it("ends within its deadline when nobody answers, be it the token's endpoint", async () => {
    const { fencer, vm, endpoint } = await azureWorld();
    endpoint.faults.inject({ outcome: { type: "hang" } });
    expect((await errorOf(fencer.state(vm, { timeoutMs: 100 }))).code).toBe("CallTimeout");
  });

  it("says that the endpoint is unreachable when nothing listens", async () => {
    const { fencer, vm, endpoint } = await azureWorld();
    await fencer.state(vm, CALL);
    await endpoint.close();
    expect((await errorOf(fencer.state(vm, CALL))).code).toBe("EndpointUnreachable");
  });
});

describe("the clients of Azure", () => {
  it("are shared by everybody with the same identity: one token for all", async () => {
    const { vm, endpoint, fencerWith } = await azureWorld();
    await Promise.all([1, 2, 3].map(async () => (await fencerWith({ ...AZURE_KEYS })).state(vm, CALL)));
    await vi.waitFor(() => expect(endpoint.calls.get("InstanceView")).toBe(3));
    expect(endpoint.calls.get("Token")).toBeLessThanOrEqual(6);
  });
});
