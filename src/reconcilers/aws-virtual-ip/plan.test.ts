import { describe, expect, it } from "vitest";
import {
  aGrantedGroup,
  aGroup,
  aMember,
  anEni,
  aSeen,
  aVip,
  aVpc,
  ENI1,
  ENI2,
  GRANT,
  TABLES,
  tablesTo,
} from "../../../test/builders/vip-seen.ts";
import type { AwsVirtualIPStatus } from "../../api/generated/types.ts";
import type { Plan } from "../../controller/contract.ts";
import type { Instant } from "../../lib/clock.ts";
import { activationOf } from "../pointer/activation.ts";
import { claimOf } from "../pointer/claims.ts";
import { planPointer } from "../pointer/plan.ts";
import { NOTHING_REMEMBERED } from "../pointer/seen.ts";
import type { Memory } from "../pointer/seen.ts";
import type { Step as PointerStep } from "../pointer/steps.ts";
import { awsVirtualIpKind } from "./kind.ts";
import type { VipSeen as Seen, VipWrite } from "./seen.ts";

type Step = PointerStep<VipWrite, AwsVirtualIPStatus>;
type Overrides = NonNullable<Parameters<typeof aSeen>[0]>;

const KIND = awsVirtualIpKind({ ec2: { knowledgeOf: () => Promise.reject(new Error("a plan asks nobody")) } });

function plan(seen: Seen, now: Instant): Plan<Step> {
  return planPointer(KIND, seen, now);
}

const NOW = { monotonicMs: 1_500, wallMs: Date.UTC(2026, 4, 1, 10, 0, 1) };
const FAILURE = { code: "EndpointUnreachable", message: "EC2 DescribeRouteTables failed: nobody answers" } as const;

function doing(steps: readonly Step[]): string[] {
  return steps.map((step) =>
    step.do === "Write"
      ? `ReplaceRoutes ${step.writes.map((write) => (write.do === "ReplaceRoute" ? `${write.routeTableId}>${write.networkInterfaceId}` : write.do)).join(" ")}`
      : step.do,
  );
}

function statusIn(steps: readonly Step[]): AwsVirtualIPStatus {
  const write = steps.find((step) => step.do === "WriteStatus");
  if (write === undefined) throw new Error("no status is written");
  return write.status;
}

function verdict(seen: Seen, type: string, now = NOW): string {
  const condition = statusIn(plan(seen, now).steps).conditions?.find((candidate) => candidate.type === type);
  return condition === undefined ? "-" : `${condition.status} ${condition.reason}`;
}

/** A status as it is while the routes are applied for the grant. */
const APPLIED: AwsVirtualIPStatus = {
  group: { name: "failover1", uid: "group-uid" },
  active: { node: "node2", epoch: 7 },
  conditions: [
    {
      type: "Ready",
      status: "True",
      reason: "Active",
      message: "leads to eni-2",
      lastTransitionTime: "2026-05-01T10:00:00Z",
    },
  ],
};

describe("the plan of a virtual IP writes", () => {
  it("every wrong table at once and nothing else first", () => {
    const { steps, requeueAfterMs } = plan(aSeen(), NOW);
    expect(doing(steps)).toEqual(["ReplaceRoutes rtb-a>eni-2 rtb-b>eni-2 rtb-c>eni-2"]);
    expect(requeueAfterMs).toBe(0);
    expect(steps[0]).toMatchObject({
      groupUid: "group-uid",
      grant: GRANT,
      group: { namespace: "ha", name: "failover1" },
    });
  });

  it("only the tables that are wrong", () => {
    expect(doing(plan(aSeen({ vpcs: [aVpc([ENI2, ENI1, ENI2])] }), NOW).steps)).toEqual(["ReplaceRoutes rtb-b>eni-2"]);
  });

  it("only the tables that the spec names", () => {
    const vip = aVip({ group: { name: "failover1", uid: "group-uid" } });
    const named = { ...vip, spec: { ...vip.spec, routeTableIds: ["rtb-c"] } };
    expect(doing(plan(aSeen({ object: named }), NOW).steps)).toEqual(["ReplaceRoutes rtb-c>eni-2"]);
  });

  const quiet: readonly (readonly [string, Overrides])[] = [
    ["while nobody is granted", { activation: { state: "Stopped" } }],
    [
      "while a dependency is not active",
      { activation: { state: "Waiting", grant: GRANT, blockers: ["app/local"], message: "waits" } },
    ],
    ["while the group is taken down", { activation: { state: "Deactivating", grant: GRANT } }],
    ["before the claim is recorded", { object: aVip(), status: {} }],
    [
      "for an address that another object holds",
      { claim: { type: "HeldElsewhere", group: aGrantedGroup(), message: "held" } },
    ],
    [
      "because the tables could not be read",
      { vpcs: [{ ...aVpc([]), routeTables: { ok: false, failure: FAILURE, known: tablesTo([ENI1, ENI1, ENI1]) } }] },
    ],
    ["for a member whose interface is not known", { enis: [aMember("node1", ENI1)] }],
    ["repairs while recovery is paused", { object: aVip(APPLIED), status: APPLIED, isPaused: true }],
  ];
  it.each(quiet)("nothing %s", (_when, overrides) => {
    expect(doing(plan(aSeen(overrides), NOW).steps).filter((step) => step.startsWith("Replace"))).toEqual([]);
  });

  it("the routes of a new grant also while recovery is paused", () => {
    expect(doing(plan(aSeen({ isPaused: true }), NOW).steps).length).toBe(1);
  });

  it("again after a pause that doubles up to the retry interval", () => {
    const after = (count: number, passedMs: number): string[] => {
      const memory: Memory = {
        ...NOTHING_REMEMBERED,
        due: { epoch: 7, sinceMs: 0 },
        writes: { epoch: 7, count, endedAtMs: 1_500 - passedMs, failures: [] },
      };
      return doing(plan(aSeen({ memory }), NOW).steps).filter((step) => step.startsWith("Replace"));
    };
    expect([after(1, 199).length, after(1, 200).length]).toEqual([0, 1]);
    expect([after(3, 799).length, after(3, 800).length]).toEqual([0, 1]);
    expect([after(9, 1_999).length, after(9, 2_000).length]).toEqual([0, 1]);
  });

  it("at once under a new epoch, whatever failed under the old one", () => {
    const memory: Memory = {
      ...NOTHING_REMEMBERED,
      due: { epoch: 7, sinceMs: 0 },
      writes: { epoch: 6, count: 9, endedAtMs: 1_499, failures: [] },
    };
    expect(doing(plan(aSeen({ memory }), NOW).steps).length).toBe(1);
  });

  it("tells of a drift that it repairs", () => {
    const seen = aSeen({ object: aVip(APPLIED), status: APPLIED, vpcs: [aVpc([ENI2, ENI1, ENI2])] });
    const { steps } = plan(seen, NOW);
    expect(doing(steps)).toEqual(["ReplaceRoutes rtb-b>eni-2", "Tell"]);
    expect(steps[1]).toMatchObject({ type: "Warning", reason: "RouteWrong" });
  });
});

describe("Ready", () => {
  const right = { vpcs: [aVpc([ENI2, ENI2, ENI2], 1_200)] };
  const unreadable = {
    vpcs: [{ ...aVpc([]), routeTables: { ok: false, failure: FAILURE, known: undefined } as const }],
  };
  const applied = { object: aVip(APPLIED), status: APPLIED };
  const failed = (code: "NotAuthorized" | "Throttled"): Memory => ({
    ...NOTHING_REMEMBERED,
    due: { epoch: 7, sinceMs: 1_000 },
    writes: { epoch: 7, count: 1, endedAtMs: 1_450, failures: [{ target: "rtb-a", code, message: "refused" }] },
  });
  const badReads = (bad: number, unreadable: number): Memory => ({
    ...NOTHING_REMEMBERED,
    counted: { sentAtMs: 1_200, bad, unreadable },
    writes: { epoch: 7, count: 1, endedAtMs: 1_450, failures: [] },
  });
  const table: readonly (readonly [string, string, Overrides])[] = [
    ["NotInGroup without a group", "False NotInGroup", { claim: { type: "None" }, activation: { state: "Stopped" } }],
    ["Inactive while nobody is granted", "False Inactive", { activation: { state: "Stopped" } }],
    [
      "Activating while it waits",
      "False Activating",
      { activation: { state: "Waiting", grant: GRANT, blockers: [], message: "waits" } },
    ],
    ["Deactivating while it goes down", "False Deactivating", { activation: { state: "Deactivating", grant: GRANT } }],
    ["Active once a reading from after the grant shows it", "True Active", right],
    ["not Active by a reading from before the grant", "False Activating", { vpcs: [aVpc([ENI2, ENI2, ENI2], 999)] }],
    ["Activating after a failure that may pass", "False Activating", { memory: failed("Throttled") }],
    ["ActivationFailed after a refusal", "False ActivationFailed", { memory: failed("NotAuthorized") }],
    ["ActivationFailed without any route entry", "False ActivationFailed", { vpcs: [aVpc([])] }],
    ["kept while applied and unreadable", "True Active", { ...applied, ...unreadable, memory: badReads(0, 9) }],
    ["kept for the first bad readings", "True Active", { ...applied, memory: badReads(2, 0) }],
    ["RouteWrong after the retries", "False RouteWrong", { ...applied, memory: badReads(3, 0) }],
    [
      "RoutesPartlyWritten when some tables are right",
      "False RoutesPartlyWritten",
      { ...applied, vpcs: [aVpc([ENI2, ENI1, ENI2])], memory: badReads(3, 0) },
    ],
  ];
  it.each(table)("is %s", (_when, expected, overrides) => {
    expect(verdict(aSeen(overrides), "Ready")).toBe(expected);
  });

  it("is ActivationTimeout after spec.timeouts.activate", () => {
    const seen = aSeen({
      memory: { ...failed("Throttled"), writes: { epoch: 7, count: 9, endedAtMs: 30_900, failures: [] } },
    });
    expect(verdict(seen, "Ready", { ...NOW, monotonicMs: 30_999 })).toBe("False Activating");
    expect(verdict(seen, "Ready", { ...NOW, monotonicMs: 31_000 })).toBe("False ActivationTimeout");
  });

  it("records what was applied only when it is True", () => {
    expect(statusIn(plan(aSeen(right), NOW).steps).active).toEqual({ node: "node2", epoch: 7 });
    expect(statusIn(plan(aSeen({ memory: failed("Throttled") }), NOW).steps).active).toBeUndefined();
  });

  it("keeps its time while its status stays", () => {
    const conditions = statusIn(plan(aSeen({ ...applied, ...right }), NOW).steps).conditions;
    expect(conditions?.find((condition) => condition.type === "Ready")?.lastTransitionTime).toBe(
      "2026-05-01T10:00:00Z",
    );
  });
});

describe("the plan looks again", () => {
  const settled = (overrides: Overrides): number | undefined => {
    const seen = aSeen({ vpcs: [aVpc([ENI2, ENI2, ENI2], 1_200)], ...overrides });
    const status = statusIn(plan(seen, NOW).steps);
    return plan({ ...seen, object: aVip(status), status }, NOW).requeueAfterMs;
  };

  it("one interval after the reading was sent, not after it was looked at", () => {
    expect(settled({})).toBe(1_200 + 10_000 - 1_500);
  });

  it("when the longest possible call would have landed", () => {
    expect(settled({ memory: { ...NOTHING_REMEMBERED, lateVerifyAtMs: 6_000 } })).toBe(4_500);
  });

  it("does nothing at all once everything is as it should be", () => {
    const seen = aSeen({ vpcs: [aVpc([ENI2, ENI2, ENI2], 1_200)] });
    const status = statusIn(plan(seen, NOW).steps);
    expect(plan({ ...seen, object: aVip(status), status }, NOW).steps).toEqual([]);
  });
});

describe("a status whose tables cannot be read by a fresh process", () => {
  it("keeps them as Unknown", () => {
    const routeTables = [{ id: "rtb-a", vpcId: "vpc-1", target: ENI2, state: "Right" as const }];
    const status = { ...APPLIED, routeTables };
    const unreadable = { ok: false, failure: FAILURE, known: undefined } as const;
    for (const overrides of [
      { vpcs: [{ ...aVpc([]), routeTables: unreadable }] },
      { vpcs: [], enis: [{ ...aMember("node2", ENI2), networkInterface: unreadable }] },
    ]) {
      const { steps } = plan(aSeen({ object: aVip(status), status, ...overrides }), NOW);
      expect(statusIn(steps).routeTables).toEqual([{ ...routeTables[0], state: "Unknown" }]);
      expect(steps.some((step) => step.do === "Tell" && step.reason === "NoRouteEntry")).toBe(false);
    }
  });
});

describe("a deleted object", () => {
  const deleted = (): Seen["object"] => {
    const vip = aVip();
    return { ...vip, metadata: { ...vip.metadata, deletionTimestamp: "2026-05-01T10:00:00Z" } };
  };

  it("goes when no group lists it", () => {
    expect(
      doing(plan(aSeen({ object: deleted(), claim: { type: "None" }, activation: { state: "Stopped" } }), NOW).steps),
    ).toEqual(["RemoveFinalizer"]);
  });

  it("serves on while a group lists it", () => {
    const object = { ...deleted(), status: { group: { name: "failover1", uid: "group-uid" } } };
    expect(doing(plan(aSeen({ object, status: object.status }), NOW).steps)).toEqual([
      "ReplaceRoutes rtb-a>eni-2 rtb-b>eni-2 rtb-c>eni-2",
    ]);
  });
});

/** A world of plain data: what steps do to it, and what is seen of it. No cloud, no cluster. */
class Model {
  status: AwsVirtualIPStatus | undefined;
  finalizers: string[] = [];
  targets = new Map<string, string>(TABLES.map((table) => [table, ENI1]));
  isCheckOn = true;
  memory: Memory = NOTHING_REMEMBERED;
  nowMs = 1_000;
  readonly group = aGrantedGroup();

  see(): Seen {
    this.nowMs += 10;
    const vip = aVip(this.status, this.finalizers);
    const repairing = { ...vip, spec: { ...vip.spec, sourceDestCheck: "Repair" as const } };
    const eni2 = {
      ...aMember("node2", ENI2),
      networkInterface: { ok: true as const, value: anEni(ENI2, "node2", this.isCheckOn), sentAtMs: this.nowMs },
    };
    const due = { epoch: 7, sinceMs: this.memory.due?.sinceMs ?? this.nowMs };
    this.memory = { ...this.memory, due };
    return aSeen({
      object: repairing,
      status: this.status ?? {},
      claim: claimOf("AwsVirtualIP", vip, [vip], [this.group]),
      activation: activationOf(this.group, "awsvip1"),
      enis: [aMember("node1", ENI1), eni2],
      vpcs: [
        aVpc(
          TABLES.map((table) => this.targets.get(table) ?? ""),
          this.nowMs,
        ),
      ],
      memory: this.memory,
    });
  }

  /** One step, or only the first `tables` routes of it: the process may die between two writes. */
  apply(step: Step, tables = Number.POSITIVE_INFINITY): void {
    switch (step.do) {
      case "AddFinalizer":
        this.finalizers.push("understudy.dev/in-use");
        return;
      case "RemoveFinalizer":
        this.finalizers.length = 0;
        return;
      case "Write":
      case "WriteStopped":
        for (const write of step.writes.slice(0, tables))
          if (write.do === "ReplaceRoute") this.targets.set(write.routeTableId, write.networkInterfaceId);
        return;
      case "Upkeep":
        this.isCheckOn = false;
        return;
      case "WriteStatus":
        this.status = step.status;
        return;
      case "Tell":
    }
  }

  /** To the end, as a process that is never interrupted again. */
  settle(): void {
    for (let rounds = 0; rounds < 20; rounds++) {
      const { steps } = plan(this.see(), { monotonicMs: this.nowMs, wallMs: 0 });
      if (steps.length === 0) return;
      for (const step of steps) this.apply(step);
    }
    throw new Error("the plan does not come to rest");
  }

  /** Everything but the times. */
  result(): object {
    const conditions = (this.status?.conditions ?? []).map(({ lastTransitionTime: _time, ...condition }) => condition);
    return {
      ...this.status,
      conditions,
      finalizers: this.finalizers,
      targets: [...this.targets],
      isCheckOn: this.isCheckOn,
    };
  }
}

describe("a process that dies after any step", () => {
  const whole = new Model();
  whole.settle();

  it("ends where an uninterrupted one ends", () => {
    expect(whole.result()).toMatchObject({
      active: { node: "node2", epoch: 7 },
      targets: TABLES.map((table) => [table, ENI2]),
      isCheckOn: false,
    });
    for (let rounds = 0; rounds < 6; rounds++) {
      for (let k = 0; k < 6; k++) {
        for (let tables = 0; tables < TABLES.length; tables++) {
          const model = new Model();
          for (let round = 0; round < rounds; round++)
            for (const step of plan(model.see(), { monotonicMs: model.nowMs, wallMs: 0 }).steps) model.apply(step);
          const { steps } = plan(model.see(), { monotonicMs: model.nowMs, wallMs: 0 });
          for (const [index, step] of steps.slice(0, k).entries())
            model.apply(step, index === k - 1 ? tables : undefined);
          model.memory = NOTHING_REMEMBERED;
          model.settle();
          expect(model.result()).toEqual(whole.result());
        }
      }
    }
  });

  it("never writes a route for a group that nobody holds", () => {
    const model = new Model();
    const stopped = { ...model.see(), activation: activationOf(aGroup({ epoch: 7 }), "awsvip1") };
    expect(doing(plan(stopped, NOW).steps).some((step) => step.startsWith("Replace"))).toBe(false);
  });
});
