import { describe, expect, it } from "vitest";
import { LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { presetTimings, revokeWaitMs, silenceMs } from "../../api/timings.ts";
import { SessionObserver } from "./session-observer.ts";

const TIMINGS = presetTimings("fast");
const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 1_000_000 + monotonicMs });

function lease(version: number, annotations: Record<string, string> = {}): Lease {
  return {
    metadata: {
      name: "node1",
      resourceVersion: String(version),
      annotations: { [LEASE_ANNOTATIONS.timings]: JSON.stringify(TIMINGS), ...annotations },
    },
    spec: { holderIdentity: "node1_1" },
  };
}

/** Reads every 300 ms from `fromMs` on; the version changes with every read until `quietMs`. */
function reads(observer: SessionObserver, fromMs: number, untilMs: number, quietMs: number): void {
  for (let ms = fromMs; ms <= untilMs; ms += 300) observer.read([lease(Math.min(ms, quietMs))], at(ms), ms);
}

describe("from when a holder is silent", () => {
  it("is rho*(R+S)+M after its last change", () => {
    const observer = new SessionObserver({ timings: TIMINGS });
    reads(observer, 0, 12_000, 9_000);
    expect(observer.view("node1", at(12_000)).silentAtMs).toBeCloseTo(9_000 + silenceMs(TIMINGS));
  });

  it("is not before the reads themselves have lasted rho*L+M", () => {
    const observer = new SessionObserver({ timings: TIMINGS });
    reads(observer, 0, 3_000, 300);
    expect(observer.view("node1", at(3_000)).silentAtMs).toBeCloseTo(revokeWaitMs(TIMINGS));
  });

  it("is unknown while the reads are broken, and counts anew when they go on", () => {
    const observer = new SessionObserver({ timings: TIMINGS });
    reads(observer, 0, 12_000, 9_000);
    expect(observer.view("node1", at(12_000 + TIMINGS.readGapMs + 1)).silentAtMs).toBeUndefined();
    reads(observer, 20_100, 21_000, 9_000);
    expect(observer.view("node1", at(21_000)).silentAtMs).toBeCloseTo(20_100 + revokeWaitMs(TIMINGS));
  });

  it("is counted for an ended session as well", () => {
    const observer = new SessionObserver({ timings: TIMINGS });
    reads(observer, 0, 9_000, 9_000);
    for (let ms = 9_300; ms <= 12_000; ms += 300)
      observer.read([lease(9_001, { [LEASE_ANNOTATIONS.ended]: "Expired" })], at(ms), ms);
    const view = observer.view("node1", at(12_000));
    expect(view.verdict.state).toBe("Ended");
    expect(view.silentAtMs).toBeCloseTo(9_300 + silenceMs(TIMINGS));
  });

  it("uses what the holder publishes, and the longest there is when that cannot be read", () => {
    const observer = new SessionObserver({ timings: TIMINGS });
    for (let ms = 0; ms <= 3_000; ms += 300)
      observer.read([lease(1, { [LEASE_ANNOTATIONS.timings]: "?" })], at(ms), ms);
    const longest = revokeWaitMs(presetTimings("azure-freeze-tolerant"));
    expect(observer.view("node1", at(3_000)).silentAtMs).toBeCloseTo(longest);
  });

  it("is the whole wait for a node whose Lease is gone", () => {
    const observer = new SessionObserver({ timings: TIMINGS });
    reads(observer, 0, 3_000, 3_000);
    for (let ms = 3_300; ms <= 9_000; ms += 300) observer.read([], at(ms), ms);
    expect(observer.view("node1", at(7_000)).silentAtMs).toBeUndefined();
    expect(observer.view("node1", at(9_000)).silentAtMs).toBeCloseTo(3_300 + revokeWaitMs(TIMINGS));
  });
});
