import { afterEach, describe, expect, it } from "vitest";
import { AzureDnsWorld, KEYS, SUBSCRIPTION } from "../../../test/builders/azure-dns-world.ts";
import { selfSigned } from "../../sandbox/arm/certificate.ts";

const worlds: AzureDnsWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(options?: Parameters<typeof AzureDnsWorld.create>[0]): Promise<AzureDnsWorld> {
  const world = await AzureDnsWorld.create(options);
  worlds.push(world);
  await world.clock.advance(100);
  return world;
}

describe("the credentials of an AzureDns", () => {
  const DAY_MS = 86_400_000;

  it("are absent from the conditions with an ambient identity or a secret", async () => {
    expect(await (await start()).verdict("CredentialValid")).toBe("-");
    const world = await start({
      spec: { credentials: { secretRef: { name: "azure-test" } } },
      secrets: { "azure-test": KEYS },
    });
    expect(await world.verdict("CredentialValid")).toBe("-");
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });

  it("warn 30, 7 and 1 days before the certificate ends, by Event and metric, and need no restart when renewed [REQ 5.1 Azure DNS certificate]", async () => {
    const pem = (nowMs: number): string => {
      const { cert, key } = selfSigned("client", nowMs);
      return `${key}${cert}`;
    };
    const { clientSecret: _none, ...keys } = KEYS;
    const spec = { credentials: { secretRef: { name: "azure-test" } } };
    const atMs = Date.UTC(2026, 0, 1);
    const secrets = { "azure-test": { ...keys, clientCertificate: pem(atMs - 334 * DAY_MS) } };
    const world = await start({ spec, secrets, wallMs: atMs });
    expect(await world.verdict("CredentialValid")).toBe("True Valid");
    world.told.length = 0;
    const told = (): string[] =>
      world.told.filter(({ reason }) => reason === "ExpiresSoon" || reason === "Expired").map(({ message }) => message);
    const later = async (days: number): Promise<void> => {
      world.clock.stepWall(days * DAY_MS);
      await world.clock.advance(60_000);
    };
    await later(1.5);
    expect(await world.verdict("CredentialValid")).toBe("False ExpiresSoon");
    await later(23);
    await later(6);
    expect(told().map((text) => text.replace(/.*, in/, "in"))).toEqual([
      "in less than 30 days",
      "in less than 7 days",
      "in less than a day",
    ]);
    await later(1);
    expect(await world.verdict("CredentialValid")).toBe("False Expired");
    expect(told()).toHaveLength(4);
    await world.putSecret("azure-test", { ...keys, clientCertificate: pem(world.clock.wallMs()) });
    await world.clock.advance(60_000);
    expect(await world.verdict("CredentialValid")).toBe("True Valid");
    expect(world.gauges.get("understudy_certificate_expiry_timestamp_seconds")).toBeGreaterThan(atMs / 1_000);
  });
});
describe("ten bad configurations of an AzureDns end in the documented reason with its remedy [REQ 5.2 Azure DNS]", () => {
  type Options = NonNullable<Parameters<typeof AzureDnsWorld.create>[0]>;
  const other = (subscriptionId: string): string =>
    `azure:///subscriptions/${subscriptionId}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/node2`;
  const alias = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/ip1`;
  const rows: [what: string, options: Options, reason: string, text: string][] = [
    [
      "a zone that does not exist",
      { spec: { zone: "cluster2.zone" } },
      "NotFound",
      "cluster2.zone is not in resource group TestGroup1",
    ],
    [
      "a wrong resource group",
      { spec: { resourceGroup: "TestGroup9" } },
      "NotFound",
      "Correct zone, zoneType, resourceGroup",
    ],
    ["a private zone named as public", { spec: { zone: "private.zone" } }, "NotFound", "public zone private.zone"],
    ["machines outside Azure", { providerIds: [undefined, undefined] }, "NotFound", "Set spec.subscriptionId"],
    [
      "machines in two subscriptions",
      { providerIds: [undefined, other("22222222-2222-3333-4444-555555555555")], firstProviderId: other(SUBSCRIPTION) },
      "NotFound",
      "lie in 11111111",
    ],
    [
      "a Secret that does not exist",
      { spec: { credentials: { secretRef: { name: "nobody" } } } },
      "CredentialsMissing",
      "Secret ha/nobody",
    ],
    [
      "a Secret without a certificate or secret",
      { spec: { credentials: { secretRef: { name: "s" } } }, secrets: { s: { tenantId: "t", clientId: "c" } } },
      "CredentialsMissing",
      "clientCertificate or clientSecret",
    ],
    [
      "a namespace without the ambient identity",
      { settings: { ambientNamespaces: ["other"] } },
      "AmbientNotAllowed",
      "set spec.credentials",
    ],
    [
      "an identity that Azure refuses",
      { failures: { "RecordSets.Get": "CredentialsRejected" } },
      "CredentialsRejected",
      "Check spec.credentials",
    ],
    [
      "a role without A/write",
      { actions: ["Microsoft.Network/dnsZones/A/read"] },
      "NotAuthorized",
      "Microsoft.Network/dnsZones/A/write",
    ],
    [
      "a role without A/delete for whenStopped: Delete",
      {
        spec: { whenStopped: "Delete" },
        actions: ["Microsoft.Network/dnsZones/A/read", "Microsoft.Network/dnsZones/A/write"],
      },
      "NotAuthorized",
      "Microsoft.Network/dnsZones/A/delete",
    ],
    [
      "a role that may not list what it allows",
      { failures: { "Permissions.List": "NotAuthorized" } },
      "NotAuthorized",
      "Microsoft.Authorization/permissions/read",
    ],
    [
      "an alias record",
      { record: { addresses: [], ttlSeconds: 60, aliasOf: alias } },
      "RecordNotSimple",
      "Use another name",
    ],
    [
      "a record set of several addresses",
      { record: { addresses: ["192.0.2.1", "192.0.2.2"], ttlSeconds: 60 } },
      "RecordNotSimple",
      "192.0.2.1, 192.0.2.2",
    ],
    [
      "a private zone without a network",
      { spec: { zoneType: "Private", zone: "lonely.zone" } },
      "VpcNotAssociated",
      "Add a virtual network link",
    ],
    [
      "a member that is none",
      { spec: { members: [{ node: "node9", address: "10.5.0.9" }] } },
      "UnknownMember",
      "node9",
    ],
    [
      "a Node without an external address",
      { spec: { addressType: "ExternalIP" } },
      "NotFound",
      "spec.members[].address",
    ],
  ];

  it.each(rows)("%s", async (_what, options, reason, text) => {
    const world = await start(options);
    expect(await world.verdict("PreflightOK")).toBe(`False ${reason}`);
    expect((await world.condition("PreflightOK"))?.message).toContain(text);
    await world.activate("node2", 1);
    await world.clock.advance(60_000);
    if (reason === "RecordNotSimple") expect(world.record()).toMatchObject(options.record ?? {});
  });

  it("two objects with the same record: the older one keeps it", async () => {
    const world = await start();
    await world.addRival();
    await world.clock.advance(1_000);
    expect(await world.verdict("PreflightOK", "azuredns2")).toBe("False ClaimedElsewhere");
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
  });
});
