/** What every `AzureDnsPort` does, whoever answers it. */
import { describe, expect, it } from "vitest";
import type { AzureDnsPort, RecordRef, ZoneRef, ZoneVisibility } from "../../../src/cloud/azure/dns-ports.ts";
import { CloudError } from "../../../src/cloud/errors.ts";

export interface AzureDnsContractWorld {
  readonly dns: AzureDnsPort;
  /** Exists and is empty; a private one is linked to one network. */
  readonly zone: ZoneRef;
}

const CALL = { timeoutMs: 5_000 };

export async function cloudErrorOf(call: Promise<unknown>): Promise<CloudError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof CloudError) return thrown;
  throw new Error(`not a CloudError: ${String(thrown)}`);
}

export function azureDnsContract(
  what: string,
  visibility: ZoneVisibility,
  make: (visibility: ZoneVisibility) => Promise<AzureDnsContractWorld>,
): void {
  describe(`AzureDnsPort, ${visibility.toLowerCase()} zones: ${what}`, () => {
    const open = async (record = "test-record1"): Promise<AzureDnsContractWorld & { ref: RecordRef }> => {
      const world = await make(visibility);
      return { ...world, ref: { ...world.zone, record } };
    };

    it("says that there is no record, which is no error", async () => {
      const { dns, ref } = await open();
      expect(await dns.recordSet(ref, CALL)).toBeUndefined();
      expect([...(await dns.recordSets(ref, CALL)).keys()]).toEqual([]);
    });

    it.each(["test-record1", "@", "a.b"])("creates %s and reads it back", async (record) => {
      const { dns, ref } = await open(record);
      const written = await dns.put(ref, { addresses: ["10.5.0.110"], ttlSeconds: 3_600 }, "absent", CALL);
      expect(written).toEqual({ addresses: ["10.5.0.110"], ttlSeconds: 3_600, etag: expect.any(String) });
      expect(await dns.recordSet(ref, CALL)).toEqual(written);
      expect(await dns.recordSets(ref, CALL)).toEqual(new Map([[record, written]]));
    });

    it("creates only what is absent, and replaces only the version that was seen", async () => {
      const { dns, ref } = await open();
      const first = await dns.put(ref, { addresses: ["10.5.0.110"], ttlSeconds: 10 }, "absent", CALL);
      const refused = await cloudErrorOf(dns.put(ref, { addresses: ["10.5.0.111"], ttlSeconds: 10 }, "absent", CALL));
      expect([refused.code, refused.detail.providerCode]).toEqual(["CallFailed", "PreconditionFailed"]);
      const second = await dns.put(ref, { addresses: ["10.5.0.111"], ttlSeconds: 20 }, first, CALL);
      expect(second.etag).not.toBe(first.etag);
      const late = await cloudErrorOf(dns.put(ref, { addresses: ["10.5.0.110"], ttlSeconds: 10 }, first, CALL));
      expect(late.detail.providerCode).toBe("PreconditionFailed");
      expect(await dns.recordSet(ref, CALL)).toMatchObject({ addresses: ["10.5.0.111"], ttlSeconds: 20 });
    });

    it("keeps somebody's notes that are written with it", async () => {
      const { dns, ref } = await open();
      const content = { addresses: ["10.5.0.110"], ttlSeconds: 10, metadata: { owner: "team-a" } };
      const { etag } = await dns.put(ref, content, "absent", CALL);
      expect(await dns.recordSet(ref, CALL)).toEqual({ ...content, etag });
    });

    it("deletes only the version that was seen, and takes what is gone for deleted", async () => {
      const { dns, ref } = await open();
      const first = await dns.put(ref, { addresses: ["10.5.0.110"], ttlSeconds: 10 }, "absent", CALL);
      const second = await dns.put(ref, { addresses: ["10.5.0.111"], ttlSeconds: 10 }, first, CALL);
      expect((await cloudErrorOf(dns.remove(ref, first.etag, CALL))).detail.providerCode).toBe("PreconditionFailed");
      await dns.remove(ref, second.etag, CALL);
      expect(await dns.recordSet(ref, CALL)).toBeUndefined();
      await dns.remove(ref, second.etag, CALL);
    });

    it("says NotFound of a zone that does not exist, whatever is asked", async () => {
      const { dns, ref } = await open();
      const missing = { ...ref, zone: "nowhere.zone" };
      const content = { addresses: ["10.5.0.110"], ttlSeconds: 10 };
      const calls = [
        dns.recordSet(missing, CALL),
        dns.recordSets(missing, CALL),
        dns.put(missing, content, "absent", CALL),
        dns.remove(missing, "etag", CALL),
      ];
      const errors = await Promise.all(calls.map(cloudErrorOf));
      expect(errors.map(({ code }) => code)).toEqual(Array(4).fill("NotFound"));
    });

    it("tells what the identity may do with the zone", async () => {
      const { dns, zone } = await open();
      expect(await dns.permissions(zone, CALL)).toMatchObject([{ actions: ["*"] }]);
    });

    if (visibility === "Private") {
      it("lists the networks that resolve names of a private zone", async () => {
        const { dns, zone } = await open();
        expect(await dns.networkLinks(zone, CALL)).toMatchObject([
          { virtualNetworkId: expect.stringMatching(/virtualNetworks\/vnet1$/), isReady: true },
        ]);
      });
    }
  });
}
