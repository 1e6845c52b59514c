import { describe, expect, it } from "vitest";
import type { FailoverGroup } from "../../api/generated/types.ts";
import { type Claimable, claimedElsewhere, claimingGroup } from "./claims.ts";

function group(name: string, createdAt: string, objects: readonly string[], kind = "AwsVirtualIP"): FailoverGroup {
  const metadata = { namespace: "ha", name, uid: `uid-${name}`, creationTimestamp: createdAt };
  return {
    metadata,
    spec: { resources: objects.map((object) => ({ kind, name: object })) },
  } as unknown as FailoverGroup;
}

function vip(name: string, address: string, createdAt: string, heldBy?: string): Claimable {
  const metadata = { namespace: "ha", name, creationTimestamp: createdAt };
  const claim = heldBy === undefined ? {} : { status: { group: { name: heldBy, uid: `uid-${heldBy}` } } };
  return { metadata, spec: { address }, ...claim };
}

const OLD = group("old", "2026-05-01T10:00:00Z", ["vip1"]);
const NEW = group("new", "2026-05-02T10:00:00Z", ["vip1", "vip2"]);

describe("claimingGroup", () => {
  it.each([
    { what: "the oldest that lists it", object: vip("vip1", "10.1.0.20", "t"), holder: "old" },
    { what: "whoever has it recorded, while it lists it", object: vip("vip1", "10.1.0.20", "t", "new"), holder: "new" },
    { what: "nobody who no longer lists it", object: vip("vip2", "10.1.0.20", "t", "old"), holder: "new" },
    { what: "nobody", object: vip("vip3", "10.1.0.20", "t"), holder: undefined },
  ])("is $what", ({ object, holder }) => {
    expect(claimingGroup("AwsVirtualIP", object, [NEW, OLD])?.metadata.name).toBe(holder);
  });
});

describe("claimedElsewhere", () => {
  const first = vip("vip1", "10.1.0.20", "2026-05-01T10:00:00Z", "old");
  const second = vip("vip2", "10.1.0.20", "2026-05-03T10:00:00Z", "new");

  it("names the object, the group and the time when an older object has the address", () => {
    const message = claimedElsewhere("AwsVirtualIP", second, NEW, [first, second], [OLD, NEW]);
    expect(message).toBe(
      "10.1.0.20 is already held by AwsVirtualIP ha/vip1 of group ha/old (since 2026-05-01T10:00:00Z); this object stays inactive",
    );
    expect(claimedElsewhere("AwsVirtualIP", first, OLD, [first, second], [OLD, NEW])).toBeUndefined();
  });

  it("lets only one of two groups have an object", () => {
    expect(claimedElsewhere("AwsVirtualIP", first, NEW, [first], [OLD, NEW])).toContain("group ha/old");
  });

  it("does not count an object that no group lists", () => {
    const stray = vip("stray", "10.1.0.20", "2026-01-01T00:00:00Z");
    expect(claimedElsewhere("AwsVirtualIP", second, NEW, [stray, second], [NEW])).toBeUndefined();
  });
});
