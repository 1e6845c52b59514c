import { describe, expect, it } from "vitest";
import { fqdnOf, isInZone } from "./checks.ts";
import type { DnsObject, RecordSeen } from "./seen.ts";
import { memberStatuses, recordStatus } from "./status.ts";
import { targetOf } from "./target.ts";
import { viewRecord, viewStopped, type RecordChange, type RecordView } from "./view.ts";
import type { MemberFacts } from "../pointer/members.ts";
import type { Reading } from "../pointer/reading.ts";

const NAME = "srv.hz1.local.";

function member(node: string, internal: string[], external: string[] = [], isNodeKnown = true): MemberFacts {
  const addresses = { InternalIP: internal, ExternalIP: external };
  return { node, isNodeKnown, providerId: undefined, region: undefined, addresses, interfacesByMac: new Map() };
}

const MEMBERS = [member("n1", ["10.0.1.10"], ["198.51.100.1"]), member("n2", ["10.0.2.10"])];

function object(spec: Partial<DnsObject["spec"]> = {}, status: DnsObject["status"] = {}): DnsObject {
  return {
    metadata: { name: "srv", namespace: "apps" },
    spec: {
      addressType: "InternalIP",
      ttl: "10s",
      whenStopped: "Keep",
      write: { retryInterval: "2s", attempts: 3 },
      monitor: {
        interval: "30s",
        timeout: "5s",
        retries: 3,
        retryInterval: "2s",
        startDelay: "30s",
        whenUnreadable: "Warn",
        resolution: "Node",
      },
      timeouts: { call: "5s", activate: "30s", deactivate: "30s" },
      ...spec,
    },
    status,
  } as DnsObject;
}

const plain = (...addresses: string[]): RecordSeen => ({ addresses, ttlSeconds: 300, oddity: undefined });
const read = (value: RecordSeen | undefined): Reading<RecordSeen | undefined> => ({ ok: true, value, sentAtMs: 7 });
const unread: Reading<RecordSeen | undefined> = {
  ok: false,
  failure: { code: "CallTimeout", message: "no answer" },
  known: undefined,
};
const change = (asked: RecordChange): RecordChange => asked;

function viewed(record: RecordView["record"], spec: Partial<DnsObject["spec"]> = {}, members = MEMBERS): string {
  const view = viewRecord({ object: object(spec), members, name: NAME, record }, "n1", change);
  if (view.state === "Unreadable") return `Unreadable ${view.failure.code}`;
  if (view.state === "Right") return `Right: ${view.message}`;
  if (view.state === "NothingToWrite") return `NothingToWrite ${view.reason}: ${view.message}`;
  const [write] = view.writes;
  const from = write?.expected === undefined ? "nothing" : write.expected.addresses.join("+");
  return `${view.reason}: ${from} -> ${write?.wanted?.address} ttl ${write?.wanted?.ttlSeconds}`;
}

describe("where a record leads", () => {
  it("is right whatever its TTL, wrong with another address, missing without one", () => {
    expect(viewed(read(plain("10.0.1.10")))).toBe("Right: srv.hz1.local. is 10.0.1.10 (n1)");
    expect(viewed(read(plain("10.0.2.10")))).toBe("RecordWrong: 10.0.2.10 -> 10.0.1.10 ttl 10");
    expect(viewed(read(plain("10.0.1.10", "10.0.2.10")))).toBe("RecordWrong: 10.0.1.10+10.0.2.10 -> 10.0.1.10 ttl 10");
    expect(viewed(read(undefined))).toBe("RecordMissing: nothing -> 10.0.1.10 ttl 10");
  });

  it("is never wrong because it cannot be read [REQ 5.3.9]", () => {
    expect(viewed(unread)).toBe("Unreadable CallTimeout");
    expect(viewed(undefined)).toBe("Unreadable CredentialsMissing");
  });

  it("is left alone when it is not a plain A record", () => {
    const alias: RecordSeen = { addresses: [], ttlSeconds: undefined, oddity: "an alias of lb-1.example.com." };
    expect(viewed(read(alias))).toMatch(
      /^NothingToWrite RecordWrong: srv\.hz1\.local\. is an alias of lb-1\.example\.com\.; only/,
    );
  });

  it("gives the fixed address, the member's own, or its Node's of the wanted type, with a TTL of the user's choice [REQ 5.1 AWS DNS IP]", () => {
    const address = (spec: Partial<DnsObject["spec"]>): unknown => targetOf(object(spec), MEMBERS[0], "n1");
    expect(address({ address: "10.1.0.20" })).toEqual({ ok: true, address: "10.1.0.20" });
    expect(address({ members: [{ node: "n1", address: "10.9.9.9" }] })).toEqual({ ok: true, address: "10.9.9.9" });
    expect(address({ members: [{ node: "n2", address: "10.9.9.9" }] })).toEqual({ ok: true, address: "10.0.1.10" });
    expect(address({ addressType: "ExternalIP" })).toEqual({ ok: true, address: "198.51.100.1" });
    expect(targetOf(object({ addressType: "ExternalIP" }), MEMBERS[1], "n2")).toMatchObject({ reason: "NotFound" });
    expect(targetOf(object(), member("n3", [], [], false), "n3")).toMatchObject({ reason: "UnknownMember" });
    expect(viewed(read(undefined), { ttl: "1h" })).toBe("RecordMissing: nothing -> 10.0.1.10 ttl 3600");
  });
});

describe("the record of a stopped group", () => {
  const active = { node: "n1", epoch: 3 };
  const stopped = (
    record: RecordView["record"],
    whenStopped: "Keep" | "Delete",
    status: DnsObject["status"],
  ): string => {
    const view = { object: object({ whenStopped }, status), members: MEMBERS, name: NAME, record };
    return viewStopped(view, change)?.state ?? "left alone";
  };

  it("stays, or goes when it still holds exactly what was written", () => {
    expect(stopped(read(plain("10.0.1.10")), "Keep", { active })).toBe("left alone");
    expect(stopped(read(plain("10.0.1.10")), "Delete", { active })).toBe("Write");
    expect(stopped(read(plain("10.0.7.7")), "Delete", { active })).toBe("Done");
    expect(stopped(read(plain("10.0.1.10", "10.0.7.7")), "Delete", { active })).toBe("Done");
    expect(stopped(read(undefined), "Delete", { active })).toBe("Done");
  });

  it("is not deleted on an unreadable answer, nor when the product never wrote it", () => {
    expect(stopped(unread, "Delete", { active })).toBe("Unreadable");
    expect(stopped(read(plain("10.0.1.10")), "Delete", {})).toBe("Done");
  });

  it("goes as well when the Node of the member that had it is gone", () => {
    const status = { active: { node: "n9", epoch: 3 }, members: [{ node: "n9", address: "10.0.9.9" }] };
    expect(stopped(read(plain("10.0.9.9")), "Delete", status)).toBe("Write");
  });
});

describe("what the status tells", () => {
  const now = { monotonicMs: 1_007, wallMs: Date.UTC(2026, 0, 1, 12, 0, 1) };

  it("keeps the time of the first reading while the record does not change, and the last value while it is unread", () => {
    const first = recordStatus({ record: read(plain("10.0.1.10")) }, {}, now);
    expect(first).toEqual({ address: "10.0.1.10", ttl: 300, observedAt: "2026-01-01T12:00:00Z" });
    const later = { monotonicMs: 60_007, wallMs: now.wallMs + 59_000 };
    expect(recordStatus({ record: read(plain("10.0.1.10")) }, { record: first }, later)).toBe(first);
    expect(recordStatus({ record: unread }, { record: first }, later)).toBe(first);
    expect(recordStatus({ record: read(undefined) }, { record: first }, later)).toBeUndefined();
  });

  it("remembers the address of a member whose Node is gone", () => {
    const last = { members: [{ node: "n3", address: "10.0.3.10" }] };
    expect(memberStatuses(object({}, last), [MEMBERS[0] ?? member("n1", []), member("n3", [], [], false)])).toEqual([
      { node: "n1", address: "10.0.1.10" },
      { node: "n3", address: "10.0.3.10" },
    ]);
  });
});

describe("names", () => {
  it("are the same with and without the last dot, and lie in a zone by whole labels", () => {
    expect(fqdnOf("srv.hz1.local")).toBe(NAME);
    expect(fqdnOf(NAME)).toBe(NAME);
    expect(isInZone(NAME, "hz1.local")).toBe(true);
    expect(isInZone("hz1.local", "hz1.local.")).toBe(true);
    expect(isInZone("srv.xhz1.local", "hz1.local")).toBe(false);
  });
});
