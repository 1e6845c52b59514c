import { describe, expect, test } from "vitest";
import { holdingGuard as holding } from "../../../test/builders/session-guard.ts";
import type { LeaseFault } from "../../../test/fakes/fake-lease-api.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import { deriveTimings, presetTimings } from "../../api/timings.ts";

const timings = presetTimings("default");
const { renewDeadlineMs: R } = timings;

describe("longer timings that come while a renewal is on its way", () => {
  const longer = deriveTimings("default", 120_000);

  test("count only from a renewal that published them: what had lapsed is not revived after one old duration", async () => {
    const guard = await holding(false);
    // Stored, known by the read that follows it, with the old timings; then nothing any more.
    guard.api.faults.push("lostReply", "ok", ...Array<LeaseFault>(200).fill("unreachable"));
    while (guard.api.faults[0] === "lostReply") await guard.clock.advance(10);
    guard.driver.dispatch({ type: "timingsChanged", timings: longer });
    await guard.clock.advance(timings.requestTimeoutMs + 20);
    expect(guard.lease().metadata.annotations?.[LEASE_ANNOTATIONS.timings]).toBe(JSON.stringify(timings));
    await guard.clock.advance(R);
    expect(guard.session()).toBeUndefined();
    await guard.clock.advance(timings.sessionDurationMs);
    expect(guard.lease().metadata.annotations?.[LEASE_ANNOTATIONS.timings]).toBe(JSON.stringify(timings));
    expect([guard.right(), guard.session()]).toEqual([0, undefined]);
  });

  test("are in force one old duration after they were published", async () => {
    const guard = await holding(false);
    guard.driver.dispatch({ type: "timingsChanged", timings: longer });
    await guard.clock.advance(timings.sessionDurationMs - 500);
    expect(guard.right()).toBeLessThanOrEqual(R);
    await guard.clock.advance(1_500);
    expect(guard.right()).toBeGreaterThan(R);
  });
});
