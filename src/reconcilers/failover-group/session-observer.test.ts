import { describe, expect, it } from "vitest";
import { LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { deriveTimings, presetTimings, revokeWaitMs, type Timings } from "../../api/timings.ts";
import type { Instant } from "../../lib/clock.ts";
import { SessionObserver, timingsOf } from "./session-observer.ts";

const FAST = presetTimings("fast");
const WAIT_MS = revokeWaitMs(FAST);

function lease(
  version: number,
  change: { session?: string; timings?: Timings; ended?: string; node?: string } = {},
): Lease {
  return {
    metadata: {
      name: change.node ?? "node1",
      namespace: "understudy-system",
      resourceVersion: String(version),
      annotations: {
        [LEASE_ANNOTATIONS.timings]: JSON.stringify(change.timings ?? FAST),
        ...(change.ended === undefined ? {} : { [LEASE_ANNOTATIONS.ended]: change.ended }),
      },
    },
    spec: { holderIdentity: change.session ?? "node1_a" },
  };
}

/** A list that was answered at once. */
function read(observer: SessionObserver, leases: readonly Lease[], arrival: Instant): void {
  observer.read(leases, arrival, arrival.monotonicMs);
}

const at = (ms: number, wallOffsetMs = 0): Instant => ({ monotonicMs: ms, wallMs: 1_000_000 + ms + wallOffsetMs });

/** Reads `leases` every 300 ms from `fromMs` until `toMs`, both included when they fall on a read. */
function readEvery(observer: SessionObserver, fromMs: number, toMs: number, leases: (ms: number) => Lease[]): void {
  for (let ms = fromMs; ms <= toMs; ms += FAST.renewIntervalMs) read(observer, leases(ms), at(ms));
}

function verdictAt(observer: SessionObserver, ms: number): string {
  const { verdict } = observer.view("node1", at(ms));
  return "reason" in verdict ? `${verdict.state}:${verdict.reason}` : verdict.state;
}

describe("SessionObserver", () => {
  it("knows nothing before the first read", () => {
    expect(verdictAt(new SessionObserver({ timings: FAST }), 0)).toBe("Unknown:NotRead");
  });

  it("calls a session live only after it has seen it change", () => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(0));
    expect(verdictAt(observer, 0)).toBe("Unknown:FirstSeen");
    read(observer, [lease(2)], at(300));
    expect(verdictAt(observer, 300)).toBe("Live");
  });

  it("calls a session quiet after the renew deadline and revocable exactly after rho*L+M of unbroken reads", () => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(0));
    readEvery(observer, 300, 300 + 6_000, () => [lease(2)]);
    const last = new SessionObserver({ timings: FAST });
    read(last, [lease(1)], at(0));
    readEvery(last, 300, 300 + WAIT_MS, () => [lease(2)]);
    expect(verdictAt(last, 300 + WAIT_MS - 1)).toBe("Unknown:Quiet");
    expect(last.nextChangeAtMs(at(300 + WAIT_MS - 1))).toBe(300 + WAIT_MS);
    expect(verdictAt(last, 300 + WAIT_MS)).toBe("Revocable");
    expect(verdictAt(observer, 6_300)).toBe("Revocable");
  });

  it("counts a session it sees for the first time from the arrival of that read, whatever its renewTime says", () => {
    const observer = new SessionObserver({ timings: FAST });
    const old = { ...lease(1), spec: { holderIdentity: "node1_a", renewTime: "2000-01-01T00:00:00.000000Z" } };
    read(observer, [old], at(0));
    expect(verdictAt(observer, 500)).toBe("Unknown:FirstSeen");
  });

  it.each([
    { why: "a gap between reads longer than the limit", brokenAt: 3_000 + FAST.readGapMs + 1, wallOffsetMs: 0 },
    { why: "a pause that only the wall clock counted", brokenAt: 3_300, wallOffsetMs: FAST.marginMs + 1 },
    { why: "a wall clock that stepped back", brokenAt: 3_300, wallOffsetMs: -FAST.marginMs - 1 },
  ])("starts the count again after $why", ({ brokenAt, wallOffsetMs }) => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(-300));
    readEvery(observer, 0, 3_000, () => [lease(2)]);
    const stateAt = (ms: number): string => observer.view("node1", at(ms, wallOffsetMs)).verdict.state;
    let ms = brokenAt;
    for (; ms < brokenAt + WAIT_MS; ms += FAST.renewIntervalMs) {
      read(observer, [lease(2)], at(ms, wallOffsetMs));
      expect(stateAt(ms)).toBe("Unknown");
    }
    expect(stateAt(brokenAt + WAIT_MS - 1)).toBe("Unknown");
    expect(stateAt(brokenAt + WAIT_MS)).toBe("Revocable");
  });

  it("is not fooled by a timer that fires long after the last read", () => {
    const observer = new SessionObserver({ timings: FAST });
    readEvery(observer, 0, 3_000, () => [lease(2)]);
    expect(verdictAt(observer, 60_000)).toBe("Unknown:NotRead");
  });

  it.each(["Expired", "Fenced", "Released"])("reports a session that ended as %s", (ended) => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(3, { ended })], at(0));
    expect(observer.view("node1", at(0)).verdict).toEqual({ state: "Ended", session: "node1_a", end: ended });
  });

  it("takes the answer to its own write at once", () => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(0));
    observer.answered(lease(2, { ended: "Expired" }), at(10));
    expect(verdictAt(observer, 10)).toBe("Ended");
  });

  it("ignores a list about a Lease when the list was sent before its own write was answered", () => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(0));
    observer.answered(lease(2, { ended: "Expired" }), at(310));
    observer.read([lease(1)], at(320), 300);
    expect(verdictAt(observer, 320)).toBe("Ended");
    observer.read([], at(330), 305);
    expect(verdictAt(observer, 330)).toBe("Ended");
  });

  it("shows the new life of a guard as another session", () => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(0));
    read(observer, [lease(2, { session: "node1_b" })], at(300));
    expect(observer.view("node1", at(300)).verdict).toEqual({ state: "Live", session: "node1_b" });
  });

  it("waits as long as the holder publishes, and for one old wait after it publishes less", () => {
    const long = deriveTimings("fast", 9_000);
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1, { timings: long })], at(0));
    readEvery(observer, 300, 300 + WAIT_MS + 300, () => [lease(2)]);
    expect(verdictAt(observer, 300 + WAIT_MS + 300)).toBe("Unknown:Quiet");
    readEvery(observer, 300 + WAIT_MS + 600, 300 + revokeWaitMs(long), () => [lease(2)]);
    expect(verdictAt(observer, 300 + revokeWaitMs(long))).toBe("Revocable");
  });

  it("takes unreadable timings for the longest there are", () => {
    expect(timingsOf({ metadata: { name: "node1" } })).toEqual(presetTimings("azure-freeze-tolerant"));
    expect(
      timingsOf({ metadata: { name: "node1", annotations: { [LEASE_ANNOTATIONS.timings]: "{" } } }).sessionDurationMs,
    ).toBe(90_000);
  });

  it("calls the session of a Lease that disappeared revocable only after the same wait", () => {
    const observer = new SessionObserver({ timings: FAST });
    read(observer, [lease(1)], at(0));
    readEvery(observer, 300, 300 + WAIT_MS, () => []);
    expect(verdictAt(observer, 300 + WAIT_MS - 1)).toBe("Unknown:NoLease");
    expect(verdictAt(observer, 300 + WAIT_MS)).toBe("Revocable");
  });

  it("waits the longest of all waits for a node whose Lease it never saw", () => {
    const observer = new SessionObserver({ timings: FAST });
    readEvery(observer, 0, 12_000, () => []);
    expect(verdictAt(observer, 12_000)).toBe("Unknown:NoLease");
  });
});
