/**
 * What every `Ec2Port` must do, whether it is the fake, the SDK adapter on the emulator, or the adapter on somebody
 * else's emulator. The world under test is one VPC with two route tables that carry the VIP and two interfaces.
 */
import { describe, expect, it } from "vitest";
import type { Ec2Port } from "../../../src/cloud/aws/ports.ts";
import { CloudError } from "../../../src/cloud/errors.ts";

export interface Ec2World {
  readonly ec2: Ec2Port;
  readonly vpcId: string;
  readonly cidrBlock: string;
  /** Tables with a route for `vipCidr` to the first interface. */
  readonly tableIds: readonly string[];
  readonly vipCidr: string;
  /** Attached as device 0 of `instanceId`. */
  readonly eni1: string;
  readonly eni2: string;
  readonly instanceId: string;
  /** An Elastic IP that is associated with nothing; undefined where `KnownDeviations` says so. */
  readonly elasticIp?: { readonly allocationId: string; readonly publicIp: string };
}

const CALL = { timeoutMs: 5_000 };

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (thrown) {
    return thrown instanceof CloudError
      ? `${thrown.code} ${thrown.detail.action} ${thrown.detail.providerCode ?? ""}`
      : String(thrown);
  }
  return "no error";
}

/** Where somebody else's emulator is known to differ from AWS: the sentence that the skipped test carries. */
export interface KnownDeviations {
  readonly dryRun?: string;
  /** Elastic IPs altogether. */
  readonly elasticIp?: string;
  /** The interface that an Elastic IP was taken from. */
  readonly lostElasticIp?: string;
}

export function ec2Contract(name: string, makeWorld: () => Promise<Ec2World>, deviations: KnownDeviations = {}): void {
  describe(`an Ec2Port: ${name}`, () => {
    it("tells the CIDR blocks of a VPC", async () => {
      const { ec2, vpcId, cidrBlock } = await makeWorld();
      expect(await ec2.describeVpcs([vpcId], CALL)).toEqual([{ vpcId, cidrBlocks: [cidrBlock] }]);
    });

    it("tells whether a VPC resolves names", async () => {
      const { ec2, vpcId } = await makeWorld();
      const dns = await ec2.describeVpcDns(vpcId, CALL);
      expect(dns.hasDnsSupport).toBe(true);
      expect(typeof dns.hasDnsHostnames).toBe("boolean");
    });

    it("finds every table of a VPC, and tables by id, with where their routes lead", async () => {
      const { ec2, vpcId, tableIds, vipCidr, eni1 } = await makeWorld();
      const all = await ec2.describeRouteTables({ vpcId }, CALL);
      expect(all.map((table) => table.routeTableId)).toEqual(expect.arrayContaining([...tableIds]));
      const byId = await ec2.describeRouteTables({ routeTableIds: tableIds }, CALL);
      expect(byId.map((table) => table.routeTableId).sort()).toEqual([...tableIds].sort());
      for (const table of byId) {
        expect(table.vpcId).toBe(vpcId);
        expect(table.routes.find((route) => route.destinationCidr === vipCidr)?.networkInterfaceId).toBe(eni1);
      }
    });

    it("finds the interfaces of an instance and interfaces by id", async () => {
      const { ec2, vpcId, eni1, eni2, instanceId } = await makeWorld();
      const ofInstance = await ec2.describeNetworkInterfaces({ instanceIds: [instanceId] }, CALL);
      const primary = ofInstance.find((eni) => eni.networkInterfaceId === eni1);
      expect(primary).toMatchObject({ vpcId, attachedInstanceId: instanceId, deviceIndex: 0 });
      expect(primary?.macAddress).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      const byId = await ec2.describeNetworkInterfaces({ ids: [eni1, eni2] }, CALL);
      expect(byId.map((eni) => eni.networkInterfaceId).sort()).toEqual([eni1, eni2].sort());
      const there = await ec2.describeNetworkInterfaces({ anyOfIds: [eni1, "eni-0123456789abcdef0"] }, CALL);
      expect(there.map((eni) => eni.networkInterfaceId)).toEqual([eni1]);
    });

    it("tells an instance's state, zone and interfaces", async () => {
      const { ec2, instanceId, eni1, vpcId } = await makeWorld();
      const [instance] = await ec2.describeInstances([instanceId], CALL);
      expect(instance).toMatchObject({ instanceId, state: "running", vpcId });
      expect(instance?.networkInterfaceIds).toContain(eni1);
      expect(instance?.availabilityZone).not.toBe("");
    });

    it("replaces a route so that the next read shows it, and again without harm", async () => {
      const { ec2, tableIds, vipCidr, eni2 } = await makeWorld();
      const [routeTableId = ""] = tableIds;
      const route = { routeTableId, destinationCidr: vipCidr, networkInterfaceId: eni2 };
      await ec2.replaceRoute(route, CALL);
      await ec2.replaceRoute(route, CALL);
      const [table] = await ec2.describeRouteTables({ routeTableIds: [routeTableId] }, CALL);
      expect(table?.routes.find((found) => found.destinationCidr === vipCidr)?.networkInterfaceId).toBe(eni2);
    });

    const dryRun = deviations.dryRun === undefined ? "" : ` (skipped: ${deviations.dryRun})`;
    it.skipIf(dryRun !== "")(`changes nothing in a dry run that is allowed${dryRun}`, async () => {
      const { ec2, tableIds, vipCidr, eni1, eni2 } = await makeWorld();
      const [routeTableId = ""] = tableIds;
      const route = { routeTableId, destinationCidr: vipCidr, networkInterfaceId: eni2 };
      await ec2.replaceRoute(route, { ...CALL, dryRun: true });
      const [table] = await ec2.describeRouteTables({ routeTableIds: [routeTableId] }, CALL);
      expect(table?.routes.find((found) => found.destinationCidr === vipCidr)?.networkInterfaceId).toBe(eni1);
    });

    it("switches the source/destination check", async () => {
      const { ec2, eni2 } = await makeWorld();
      for (const enabled of [true, false]) {
        await ec2.setSourceDestCheck(eni2, enabled, CALL);
        const [eni] = await ec2.describeNetworkInterfaces({ ids: [eni2] }, CALL);
        expect(eni?.sourceDestCheck).toBe(enabled);
      }
    });

    it("says NotFound for unknown ids and InvalidRequest for a route that is not there", async () => {
      const { ec2, tableIds, vipCidr, eni2 } = await makeWorld();
      const [routeTableId = ""] = tableIds;
      const missing = "0123456789abcdef0";
      expect(await codeOf(ec2.describeVpcs([`vpc-${missing}`], CALL))).toBe(
        "NotFound DescribeVpcs InvalidVpcID.NotFound",
      );
      expect(await codeOf(ec2.describeRouteTables({ routeTableIds: [`rtb-${missing}`] }, CALL))).toBe(
        "NotFound DescribeRouteTables InvalidRouteTableID.NotFound",
      );
      expect(await codeOf(ec2.describeNetworkInterfaces({ ids: [`eni-${missing}`] }, CALL))).toBe(
        "NotFound DescribeNetworkInterfaces InvalidNetworkInterfaceID.NotFound",
      );
      expect(await codeOf(ec2.describeInstances([`i-${missing}`], CALL))).toBe(
        "NotFound DescribeInstances InvalidInstanceID.NotFound",
      );
      expect(
        await codeOf(
          ec2.replaceRoute(
            { routeTableId: `rtb-${missing}`, destinationCidr: vipCidr, networkInterfaceId: eni2 },
            CALL,
          ),
        ),
      ).toBe("NotFound ReplaceRoute InvalidRouteTableID.NotFound");
      expect(
        await codeOf(
          ec2.replaceRoute({ routeTableId, destinationCidr: vipCidr, networkInterfaceId: `eni-${missing}` }, CALL),
        ),
      ).toBe("NotFound ReplaceRoute InvalidNetworkInterfaceID.NotFound");
      expect(
        await codeOf(
          ec2.replaceRoute({ routeTableId, destinationCidr: "10.99.99.99/32", networkInterfaceId: eni2 }, CALL),
        ),
      ).toBe("InvalidRequest ReplaceRoute InvalidParameterValue");
    });

    const noElasticIp = deviations.elasticIp === undefined ? "" : ` (skipped: ${deviations.elasticIp})`;
    const elastic = async (): Promise<Required<Ec2World>> => {
      const { elasticIp, ...world } = await makeWorld();
      if (elasticIp === undefined) throw new Error("this world has no Elastic IP");
      return { ...world, elasticIp };
    };

    it.skipIf(noElasticIp !== "")(`associates an Elastic IP, and again without harm${noElasticIp}`, async () => {
      const { ec2, elasticIp, eni1 } = await elastic();
      const { allocationId, publicIp } = elasticIp;
      expect(await ec2.describeAddresses([allocationId], CALL)).toEqual([elasticIp]);
      const association = { allocationId, networkInterfaceId: eni1 };
      await ec2.associateAddress(association, CALL);
      await ec2.associateAddress(association, CALL);
      const [found] = await ec2.describeAddresses([allocationId], CALL);
      expect(found).toMatchObject({ allocationId, publicIp, networkInterfaceId: eni1 });
      expect(found?.associationId).toMatch(/^eipassoc-/);
      const all = await ec2.describeAddresses([], CALL);
      expect(all).toContainEqual(found);
      const [eni] = await ec2.describeNetworkInterfaces({ ids: [eni1] }, CALL);
      expect(eni?.publicIp).toEqual({ address: publicIp, allocationId });
    });

    it.skipIf(noElasticIp !== "")(`takes an Elastic IP from another interface in one call${noElasticIp}`, async () => {
      const { ec2, elasticIp, eni1, eni2 } = await elastic();
      const { allocationId } = elasticIp;
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni1 }, CALL);
      const [before] = await ec2.describeAddresses([allocationId], CALL);
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni2 }, CALL);
      const [after] = await ec2.describeAddresses([allocationId], CALL);
      expect(after?.networkInterfaceId).toBe(eni2);
      expect(after?.associationId).not.toBe(before?.associationId);
    });

    const stale =
      noElasticIp === "" && deviations.lostElasticIp !== undefined
        ? ` (skipped: ${deviations.lostElasticIp})`
        : noElasticIp;
    it.skipIf(stale !== "")(`shows no Elastic IP on the interface that lost it${stale}`, async () => {
      const { ec2, elasticIp, eni1, eni2 } = await elastic();
      const { allocationId } = elasticIp;
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni1 }, CALL);
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni2 }, CALL);
      const [eni] = await ec2.describeNetworkInterfaces({ ids: [eni1] }, CALL);
      expect(eni?.publicIp).toBeUndefined();
    });

    it.skipIf(noElasticIp !== "")(`undoes exactly the association that is named${noElasticIp}`, async () => {
      const { ec2, elasticIp, eni1, eni2 } = await elastic();
      const { allocationId } = elasticIp;
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni1 }, CALL);
      const [first] = await ec2.describeAddresses([allocationId], CALL);
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni2 }, CALL);
      const [second] = await ec2.describeAddresses([allocationId], CALL);
      expect(await codeOf(ec2.disassociateAddress(first?.associationId ?? "", CALL))).toBe(
        "NotFound DisassociateAddress InvalidAssociationID.NotFound",
      );
      expect(await ec2.describeAddresses([allocationId], CALL)).toEqual([second]);
      await ec2.disassociateAddress(second?.associationId ?? "", CALL);
      expect(await ec2.describeAddresses([allocationId], CALL)).toEqual([elasticIp]);
    });

    const dryElastic = noElasticIp === "" ? dryRun : noElasticIp;
    it.skipIf(dryElastic !== "")(`changes no association in a dry run${dryElastic}`, async () => {
      const { ec2, elasticIp, eni1 } = await elastic();
      const { allocationId } = elasticIp;
      await ec2.associateAddress({ allocationId, networkInterfaceId: eni1 }, { ...CALL, dryRun: true });
      expect(await ec2.describeAddresses([allocationId], CALL)).toEqual([elasticIp]);
    });

    it.skipIf(noElasticIp !== "")(`says NotFound for an unknown allocation or interface${noElasticIp}`, async () => {
      const { ec2, elasticIp, eni1 } = await elastic();
      const missing = "0123456789abcdef0";
      const { allocationId } = elasticIp;
      expect(await codeOf(ec2.describeAddresses([`eipalloc-${missing}`], CALL))).toBe(
        "NotFound DescribeAddresses InvalidAllocationID.NotFound",
      );
      expect(
        await codeOf(ec2.associateAddress({ allocationId: `eipalloc-${missing}`, networkInterfaceId: eni1 }, CALL)),
      ).toBe("NotFound AssociateAddress InvalidAllocationID.NotFound");
      expect(await codeOf(ec2.associateAddress({ allocationId, networkInterfaceId: `eni-${missing}` }, CALL))).toBe(
        "NotFound AssociateAddress InvalidNetworkInterfaceID.NotFound",
      );
    });
  });
}
