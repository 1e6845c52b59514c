import { describe, expect, it } from "vitest";
import { presetTimings } from "../../api/timings.ts";
import { boundMs, failoverMs, freePauseMs, NOISE_MS } from "./bounds.ts";
import { faultName } from "./faults.ts";
import type { FaultKind, PlannedFault, Victim } from "./faults.ts";
import { CARDS } from "./plan.ts";

const fast = presetTimings("fast");

const fault = (kind: FaultKind, victim: Victim, change: Partial<PlannedFault> = {}): PlannedFault => ({
  kind,
  victim,
  afterMs: 0,
  lengthMs: 2_000,
  ...change,
});
const alone = (kind: FaultKind, victim: Victim, lengthMs = 2_000): number =>
  boundMs({ faults: [fault(kind, victim, { lengthMs })] }, fast);
const both = (one: PlannedFault, other: PlannedFault): number => boundMs({ faults: [one, other] }, fast);

describe("the bounds of single faults", () => {
  it("follow the timings: rho*L + M + 0.7 s, and R - interval - request timeout", () => {
    expect(failoverMs(fast)).toBe(5_525);
    expect(failoverMs(presetTimings("default"))).toBe(16_700);
    expect(freePauseMs(fast)).toBe(600);
    expect(freePauseMs(presetTimings("default"))).toBe(2_000);
    expect(freePauseMs(presetTimings("azure-freeze-tolerant"))).toBe(31_000);
  });

  it("are those of a failover where the active member is lost", () => {
    for (const kind of ["vm-crash", "freeze", "cut-off", "cut-off-inbound", "cut-off-outbound"] as const)
      expect(alone(kind, "active")).toBe(5_525);
    for (const kind of ["guard-kill", "worker-kill"] as const) expect(alone(kind, "active", 0)).toBe(5_525);
  });

  it("are the length of a short pause of the active member, and noise", () => {
    expect(alone("pause-short", "active", 400)).toBe(400 + NOISE_MS);
    expect(alone("cut-off-short", "active", 100)).toBe(100 + NOISE_MS);
  });

  it("are nothing but noise where anything else is hit", () => {
    for (const { kind, victim } of CARDS.filter((card) => card.victim !== "active"))
      expect([faultName({ kind, victim }), alone(kind, victim)]).toEqual([faultName({ kind, victim }), NOISE_MS]);
  });
});

describe("the bounds of two faults that overlap", () => {
  it("are the sum: nothing and nothing is nothing", () => {
    expect(both(fault("api-kill", "api-server"), fault("leader-kill", "controllers"))).toBe(NOISE_MS);
    expect(both(fault("vm-crash", "standby"), fault("leader-freeze", "controllers"))).toBe(NOISE_MS);
    expect(both(fault("cloud-failing", "cloud"), fault("cut-off", "standby"))).toBe(NOISE_MS);
  });

  it("are the length of a pause where the second takes nothing away that prolongs a right", () => {
    const pause = fault("pause-short", "active", { lengthMs: 400 });
    expect(both(pause, fault("leader-kill", "controllers"))).toBe(400 + NOISE_MS);
    expect(both(pause, fault("cloud-slow", "cloud"))).toBe(400 + NOISE_MS);
  });

  it("are those of a failover where the second takes nothing away that it needs", () => {
    expect(both(fault("vm-crash", "active"), fault("controller-kill", "controllers"))).toBe(5_525);
  });

  it("add only what an election takes longer than the session, where the leader is lost", () => {
    expect(both(fault("vm-crash", "active"), fault("leader-kill", "controllers"))).toBe(5_525 + 125);
    expect(both(fault("vm-crash", "active"), fault("leader-kill", "controllers", { afterMs: 2_000 }))).toBe(7_650);
  });

  it("count for how long the API server is away from a failover, until there is a leader again", () => {
    const crash = fault("vm-crash", "active");
    const short = both(crash, fault("api-kill", "api-server", { afterMs: 100, lengthMs: 1_000 }));
    const long = both(crash, fault("api-kill", "api-server", { afterMs: 500, lengthMs: 4_000 }));
    expect(short).toBeGreaterThan(5_525 + 1_100);
    expect(long - short).toBe(3_400);
  });

  it("do not depend on which of the two comes first", () => {
    for (const one of CARDS)
      for (const other of CARDS.filter((card) => card.victim !== one.victim))
        expect(both(fault(one.kind, one.victim), fault(other.kind, other.victim))).toBe(
          both(fault(other.kind, other.victim), fault(one.kind, one.victim)),
        );
  });

  it("count the wait after a boot where both members are hit", () => {
    const bound = both(fault("vm-crash", "active"), fault("vm-crash", "standby", { afterMs: 1_000 }));
    expect(bound).toBe(5_525 + 1_000 + 2_000 + 3_000 + 4_825);
  });

  it("know that a member without API server and without standby gives up, even one that is well", () => {
    expect(both(fault("api-kill", "api-server"), fault("vm-crash", "standby"))).toBeGreaterThan(5_525);
    const pause = fault("pause-short", "active", { lengthMs: 200 });
    expect(both(pause, fault("api-freeze", "api-server"))).toBeGreaterThan(5_525);
  });

  it("are never less than that of one of the two", () => {
    for (const one of CARDS)
      for (const other of CARDS.filter((card) => card.victim !== one.victim)) {
        const bound = both(fault(one.kind, one.victim), fault(other.kind, other.victim));
        expect(bound).toBeGreaterThanOrEqual(Math.max(alone(one.kind, one.victim), alone(other.kind, other.victim)));
      }
  });
});
