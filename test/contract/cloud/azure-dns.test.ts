import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AzureConnections } from "../../../src/cloud/azure/connections.ts";
import { AzureDnsClient } from "../../../src/cloud/azure/dns-client.ts";
import type { AzureDnsPort, RecordRef, ZoneVisibility } from "../../../src/cloud/azure/dns-ports.ts";
import type { SecretKeys } from "../../../src/cloud/fencing-ports.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { principalCertificate } from "../../../src/sandbox/arm/certificate.ts";
import { DnsProvider } from "../../../src/sandbox/arm/dns.ts";
import { VirtualDnsZones } from "../../../src/sandbox/arm/dns-zones.ts";
import { type ArmEndpoint, type ArmIdentity, startArmEndpoint } from "../../../src/sandbox/arm/endpoint.ts";
import { VirtualMachines } from "../../../src/sandbox/arm/virtual-machines.ts";
import { FakeAzureDns } from "../../fakes/fake-azure-dns.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { azureDnsContract, type AzureDnsContractWorld, cloudErrorOf } from "./azure-dns.suite.ts";

const SUBSCRIPTION = "11111111-2222-3333-4444-555555555555";
const TENANT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const CLIENT = "99999999-8888-7777-6666-555555555555";
const KEYS = { tenantId: TENANT, clientId: CLIENT, clientSecret: "secret-of-test" };
const VNET = `/subscriptions/${SUBSCRIPTION}/resourceGroups/TestGroup1/providers/Microsoft.Network/virtualNetworks/vnet1`;
const CALL = { timeoutMs: 5_000 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface World extends AzureDnsContractWorld {
  readonly endpoint: ArmEndpoint;
  readonly zones: VirtualDnsZones;
  readonly ref: RecordRef;
  readonly clientWith: (keys: SecretKeys | undefined) => Promise<AzureDnsPort>;
}

async function armWorld(visibility: ZoneVisibility = "Public", identity: ArmIdentity = KEYS): Promise<World> {
  const modules = { clock: systemClock, random: seededRandom() };
  const machines = new VirtualMachines({ subscriptionId: SUBSCRIPTION }, modules);
  const zones = new VirtualDnsZones({ subscriptionId: SUBSCRIPTION }, modules);
  const links = [{ name: "link1", virtualNetworkId: VNET, state: "Completed" }] as const;
  for (const type of ["dnsZones", "privateDnsZones"] as const)
    zones.createZone({
      resourceGroup: "TestGroup1",
      name: "cluster1.zone",
      type,
      ...(type === "dnsZones" ? {} : { links }),
    });
  const providers = [new DnsProvider(zones)];
  const endpoint = await startArmEndpoint({ identities: [identity] }, { machines, providers, ...modules });
  cleanups.push(() => endpoint.close());
  const { url, certificate } = endpoint;
  const connections = new AzureConnections(
    { resourceManager: url, authority: url, certificateAuthority: certificate },
    { ...modules, metrics: noMetrics },
  );
  const sdk = await import("../../../src/cloud/azure/dns-sdk.ts");
  const clientWith = async (keys: SecretKeys | undefined): Promise<AzureDnsPort> =>
    new AzureDnsClient(sdk, await connections.of(SUBSCRIPTION, keys));
  const zone = { resourceGroup: "TestGroup1", zone: "cluster1.zone", visibility };
  return { dns: await clientWith(KEYS), zone, ref: { ...zone, record: "test-record1" }, endpoint, zones, clientWith };
}

function fakeWorld(visibility: ZoneVisibility): Promise<AzureDnsContractWorld> {
  const dns = new FakeAzureDns(systemClock);
  dns.callMs = 0;
  const zone = { resourceGroup: "TestGroup1", zone: "cluster1.zone", visibility };
  dns.addZone(zone, [{ name: "link1", virtualNetworkId: VNET, isReady: true }]);
  return Promise.resolve({ dns, zone });
}

for (const visibility of ["Public", "Private"] as const) {
  azureDnsContract("the fake", visibility, fakeWorld);
  azureDnsContract("the SDK on the emulator", visibility, armWorld);
}

describe("Azure DNS through the SDK", () => {
  it("tells an alias record from one with addresses", async () => {
    const { dns, ref, zones } = await armWorld();
    const zone = zones.zone({ resourceGroup: "testgroup1", name: "CLUSTER1.zone", type: "dnsZones" });
    const aliasOf = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/ip1`;
    if (zone !== undefined) zones.put(zone, { name: ref.record, ttlSeconds: 60, addresses: [], aliasOf });
    expect(await dns.recordSet(ref, CALL)).toMatchObject({ addresses: [], aliasOf });
  });

  it("walks a zone of many pages", async () => {
    const { dns, ref, zones } = await armWorld("Private");
    for (let index = 0; index < 250; index++) {
      const zone = zones.zone({ resourceGroup: "TestGroup1", name: "cluster1.zone", type: "privateDnsZones" });
      if (zone !== undefined) zones.put(zone, { name: `r${index}`, ttlSeconds: 10, addresses: ["10.5.0.110"] });
    }
    expect((await dns.recordSets(ref, CALL)).size).toBe(250);
  });

  it.each(["Public", "Private"] as const)(
    "knows a record by its name whatever its case, in a %s zone",
    async (visibility) => {
      const { dns, ref } = await armWorld(visibility);
      const content = { addresses: ["10.5.0.110"], ttlSeconds: 10 };
      await dns.put({ ...ref, record: "Test-Record1" }, content, "absent", CALL);
      expect(await dns.recordSet(ref, CALL)).toMatchObject(content);
      expect([...(await dns.recordSets(ref, CALL)).keys()]).toEqual(["test-record1"]);
    },
  );

  it("finds what a write with a lost reply has done", async () => {
    const { dns, ref, endpoint } = await armWorld();
    endpoint.faults.inject({ actions: ["RecordSets.CreateOrUpdate"], outcome: { type: "loseReply" }, times: 1 });
    const content = { addresses: ["10.5.0.110"], ttlSeconds: 10 };
    expect((await cloudErrorOf(dns.put(ref, content, "absent", CALL))).code).toBe("CallFailed");
    expect(await dns.recordSet(ref, CALL)).toMatchObject(content);
    expect(endpoint.calls.get("RecordSets.CreateOrUpdate")).toBe(1);
  });

  it.each([
    [{ type: "throttle" }, "Throttled"],
    [{ type: "unreachable" }, "CallFailed"],
    [{ type: "error", code: "InternalServerError", status: 500 }, "CallFailed"],
    [{ type: "error", code: "ResourceNotFound", status: 404 }, "NotFound"],
  ] as const)("does not take %o for a missing record", async (outcome, code) => {
    const { dns, ref, endpoint } = await armWorld();
    await dns.recordSet(ref, CALL);
    endpoint.faults.inject({ outcome });
    expect((await cloudErrorOf(dns.recordSet(ref, CALL))).code).toBe(code);
  });

  it.each([
    ["read", "recordSet"],
    ["write", "put"],
    ["delete", "remove"],
  ] as const)("names the action A/%s when the role lacks it", async (verb, method) => {
    const own = ["read", "write", "delete"].filter((other) => other !== verb);
    const actions = own.map((other) => `Microsoft.Network/dnsZones/A/${other}`);
    const allowedActions = ["Microsoft.Authorization/permissions/read", ...actions];
    const { dns, ref } = await armWorld("Public", { ...KEYS, allowedActions });
    const content = { addresses: ["10.5.0.110"], ttlSeconds: 10 };
    const calls = {
      recordSet: () => dns.recordSet(ref, CALL),
      put: () => dns.put(ref, content, "absent", CALL),
      remove: () => dns.remove(ref, "etag", CALL),
    };
    const error = await cloudErrorOf(calls[method]());
    expect(error.code).toBe("NotAuthorized");
    expect(error.message).toContain(`Microsoft.Network/dnsZones/A/${verb}`);
    expect(await dns.permissions(ref, CALL)).toMatchObject([{ actions: allowedActions }]);
  });

  it("ends within its deadline when nobody answers", async () => {
    const { dns, ref, endpoint } = await armWorld();
    endpoint.faults.inject({ outcome: { type: "hang" } });
    expect((await cloudErrorOf(dns.recordSet(ref, { timeoutMs: 100 }))).code).toBe("CallTimeout");
  });
});

describe("identities of Azure", () => {
  const rsaCertificate = (): { pem: string; cert: string; key: string } => {
    const { cert, key } = principalCertificate("understudy", systemClock.wallMs());
    return { cert, key, pem: `${key}${cert}` };
  };

  it("are service principals with a certificate, whose signature is checked [REQ 5.1 Azure DNS certificate]", async () => {
    const { pem, cert: certificate } = rsaCertificate();
    const world = await armWorld("Public", { tenantId: TENANT, clientId: CLIENT, certificate });
    const keys = { tenantId: TENANT, clientId: CLIENT };
    const dns = await world.clientWith({ ...keys, clientCertificate: pem });
    expect(await dns.recordSet(world.ref, CALL)).toBeUndefined();
    const other = await world.clientWith({ ...keys, clientCertificate: rsaCertificate().pem });
    expect((await cloudErrorOf(other.recordSet(world.ref, CALL))).code).toBe("CredentialsRejected");
  });

  it.each([
    ["is not one", () => "rubbish"],
    ["has no key", () => rsaCertificate().cert],
    ["has no certificate", () => rsaCertificate().key],
  ])("are refused before anything is sent when the certificate %s", async (_what, pemOf) => {
    const world = await armWorld("Public", { tenantId: TENANT, clientId: CLIENT });
    const call = world.clientWith({ tenantId: TENANT, clientId: CLIENT, clientCertificate: pemOf() });
    expect(await cloudErrorOf(call)).toMatchObject({ code: "CredentialsRejected" });
    expect(world.endpoint.calls.size).toBe(0);
  });

  it("are service principals with a secret; a wrong one is refused", async () => {
    const world = await armWorld();
    const dns = await world.clientWith({ ...KEYS, clientSecret: "wrong" });
    expect((await cloudErrorOf(dns.recordSet(world.ref, CALL))).code).toBe("CredentialsRejected");
  });

  it("are workload identities of the pod, by the federated token in its file", async () => {
    const world = await armWorld("Public", { tenantId: TENANT, clientId: CLIENT, federatedToken: "token-of-pod" });
    const directory = mkdtempSync(join(tmpdir(), "understudy-token-"));
    cleanups.push(() => rmSync(directory, { recursive: true }));
    const file = join(directory, "token");
    writeFileSync(file, "token-of-pod");
    vi.stubEnv("AZURE_FEDERATED_TOKEN_FILE", file);
    vi.stubEnv("AZURE_TENANT_ID", TENANT);
    vi.stubEnv("AZURE_CLIENT_ID", CLIENT);
    const dns = await world.clientWith(undefined);
    expect(await dns.recordSet(world.ref, CALL)).toBeUndefined();
  });

  it("are managed identities of the machine, by its metadata service", async () => {
    const world = await armWorld("Public", { tenantId: TENANT, clientId: CLIENT });
    const metadata = await startMetadata(world.endpoint, { tenantId: TENANT, clientId: CLIENT });
    vi.stubEnv("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata);
    const dns = await world.clientWith(undefined);
    expect(await dns.recordSet(world.ref, CALL)).toBeUndefined();
  });

  it("need a new token when theirs is worth nothing any more", async () => {
    const { dns, ref, endpoint } = await armWorld();
    await dns.recordSet(ref, CALL);
    endpoint.tokens.revokeAll();
    expect((await cloudErrorOf(dns.recordSet(ref, CALL))).code).toBe("CredentialsRejected");
  });
});

async function startMetadata(endpoint: ArmEndpoint, identity: ArmIdentity): Promise<string> {
  const { startManagedIdentityService } = await import("../../../src/sandbox/arm/managed-identity.ts");
  const service = await startManagedIdentityService({ identity }, { tokens: endpoint.tokens });
  cleanups.push(() => service.close());
  return service.url;
}
