/**
 * What every `Route53Port` must do, whether it is the fake, the SDK adapter on the emulator, or the adapter on somebody
 * else's emulator. The world under test is one private zone `hz1.local.` with an alias and two weighted records.
 */
import { describe, expect, it } from "vitest";
import { CloudError } from "../../../src/cloud/errors.ts";
import type { ARecord, RecordChange, Route53Port } from "../../../src/cloud/aws/route53-ports.ts";

export interface Route53World {
  readonly route53: Route53Port;
  readonly zoneId: string;
  readonly vpcId: string;
  /** An alias A record in the zone. */
  readonly aliasName: string;
  /** Two weighted A records of one name. */
  readonly weightedName: string;
}

/** Where somebody else's emulator is known to differ from AWS: the sentence that the skipped test carries. */
export interface KnownDeviations {
  readonly deletion?: string;
  readonly permission?: string;
}

const CALL = { timeoutMs: 5_000 };
const NAME = "srv.hz1.local.";

const record = (address: string, ttlSeconds = 10): ARecord => ({ name: NAME, ttlSeconds, values: [address] });
const create = (wanted: ARecord): RecordChange => ({ action: "CREATE", record: wanted });
const remove = (wanted: ARecord): RecordChange => ({ action: "DELETE", record: wanted });

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

export function route53Contract(
  name: string,
  makeWorld: () => Promise<Route53World>,
  deviations: KnownDeviations = {},
): void {
  const unless = (deviation: string | undefined, title: string): string =>
    deviation === undefined ? title : `${title} (skipped: ${deviation})`;
  const { deletion, permission } = deviations;
  const CONFLICT = "InvalidRequest ChangeResourceRecordSets InvalidChangeBatch";

  describe(`a Route53Port: ${name}`, () => {
    it("tells a zone's name, visibility, networks and size", async () => {
      const { route53, zoneId, vpcId } = await makeWorld();
      const zone = await route53.hostedZone(zoneId, CALL);
      expect(zone).toMatchObject({ zoneId, name: "hz1.local.", isPrivate: true, vpcIds: [vpcId] });
      expect(zone.recordCount).toBeGreaterThanOrEqual(3);
    });

    it("creates a record, lists it by name and in the zone, and tells when all servers have it", async () => {
      const { route53, zoneId } = await makeWorld();
      expect(await route53.recordsOf(zoneId, NAME, CALL)).toEqual([]);
      const change = await route53.changeRecords(zoneId, [create(record("10.0.1.10"))], CALL);
      const expected = { name: NAME, type: "A", ttlSeconds: 10, values: ["10.0.1.10"] };
      expect(await route53.recordsOf(zoneId, NAME, CALL)).toEqual([expected]);
      expect(await route53.recordsOfZone(zoneId, CALL)).toContainEqual(expected);
      expect(["Pending", "InSync"]).toContain((await route53.change(change.id, CALL)).state);
      expect(change.submittedAt).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
    });

    it("replaces exactly what was read in one batch", async () => {
      const { route53, zoneId } = await makeWorld();
      await route53.changeRecords(zoneId, [create(record("10.0.1.10", 60))], CALL);
      await route53.changeRecords(zoneId, [remove(record("10.0.1.10", 60)), create(record("10.0.2.10"))], CALL);
      expect((await route53.recordsOf(zoneId, NAME, CALL)).map(({ values }) => values)).toEqual([["10.0.2.10"]]);
    });

    it("refuses to create what is there, and names it", async () => {
      const { route53, zoneId } = await makeWorld();
      await route53.changeRecords(zoneId, [create(record("10.0.1.10"))], CALL);
      expect(await codeOf(route53.changeRecords(zoneId, [create(record("10.0.1.10"))], CALL))).toBe(CONFLICT);
      await expect(route53.changeRecords(zoneId, [create(record("10.0.1.10"))], CALL)).rejects.toThrow(`'${NAME}'`);
    });

    it.skipIf(deletion !== undefined)(
      unless(deletion, "refuses to delete what is not there, or has another address or TTL"),
      async () => {
        const { route53, zoneId } = await makeWorld();
        expect(await codeOf(route53.changeRecords(zoneId, [remove(record("10.0.1.10"))], CALL))).toBe(CONFLICT);
        await route53.changeRecords(zoneId, [create(record("10.0.1.10"))], CALL);
        for (const other of [record("10.0.9.9"), record("10.0.1.10", 11)])
          expect(await codeOf(route53.changeRecords(zoneId, [remove(other)], CALL))).toBe(CONFLICT);
        expect((await route53.recordsOf(zoneId, NAME, CALL)).length).toBe(1);
      },
    );

    it.skipIf(deletion !== undefined)(unless(deletion, "carries a batch out as a whole or not at all"), async () => {
      const { route53, zoneId } = await makeWorld();
      const other = { name: "other.hz1.local.", ttlSeconds: 10, values: ["10.0.2.10"] };
      const batch = [create(record("10.0.1.10")), remove(other)];
      expect(await codeOf(route53.changeRecords(zoneId, batch, CALL))).toBe(CONFLICT);
      expect(await route53.recordsOf(zoneId, NAME, CALL)).toEqual([]);
    });

    it("tells aliases and routed records from plain ones", async () => {
      const { route53, zoneId, aliasName, weightedName } = await makeWorld();
      const [alias] = await route53.recordsOf(zoneId, aliasName, CALL);
      expect(alias).toMatchObject({ type: "A", values: [] });
      expect(alias?.aliasTarget).toMatch(/./);
      const weighted = await route53.recordsOf(zoneId, weightedName, CALL);
      expect(weighted.map(({ setIdentifier }) => setIdentifier).sort()).toEqual(["one", "two"]);
    });

    it.skipIf(permission !== undefined)(
      unless(permission, "knows whether it may change a record without changing anything"),
      async () => {
        const { route53, zoneId } = await makeWorld();
        await route53.mayChange(zoneId, NAME, CALL);
        expect(await route53.recordsOf(zoneId, NAME, CALL)).toEqual([]);
        await route53.changeRecords(zoneId, [create(record("10.0.1.10"))], CALL);
        await route53.mayChange(zoneId, NAME, CALL);
        expect((await route53.recordsOf(zoneId, NAME, CALL)).map(({ values }) => values)).toEqual([["10.0.1.10"]]);
      },
    );

    it("knows whether it may read changes", async () => {
      const { route53 } = await makeWorld();
      await route53.mayReadChanges(CALL);
    });

    it("says NotFound for unknown zones and changes", async () => {
      const { route53 } = await makeWorld();
      const missing = "Z0123456789NOWHERE";
      expect(await codeOf(route53.hostedZone(missing, CALL))).toBe("NotFound GetHostedZone NoSuchHostedZone");
      expect(await codeOf(route53.recordsOf(missing, NAME, CALL))).toBe(
        "NotFound ListResourceRecordSets NoSuchHostedZone",
      );
      expect(await codeOf(route53.changeRecords(missing, [create(record("10.0.1.10"))], CALL))).toBe(
        "NotFound ChangeResourceRecordSets NoSuchHostedZone",
      );
    });
  });
}
