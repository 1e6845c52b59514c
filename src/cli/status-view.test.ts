import { expect, test } from "vitest";
import type { FailoverGroup } from "../api/generated/types.ts";
import { renderGroup } from "./status-view.ts";

const group = {
  metadata: { name: "failover1", namespace: "ha" },
  spec: {
    members: [{ node: "node1" }, { node: "node2" }],
    resources: [
      { name: "app", exec: {} },
      { name: "awsvip1", kind: "AwsVirtualIP" },
    ],
  },
  status: {
    phase: "Active",
    active: { node: "node2", epoch: 3, session: "s", since: "2026-01-01T00:00:00Z" },
    members: [
      {
        node: "node1",
        session: "Expired",
        state: "NotPromotable",
        reason: "SessionMissing",
        message: "no session since 5s",
      },
      { node: "node2", session: "Live", state: "Active" },
    ],
    resources: [{ name: "app", kind: "exec", state: "Active", reactivations: 1 }],
    conditions: [
      { type: "Ready", status: "True", reason: "Active", message: "", lastTransitionTime: "" },
      {
        type: "StandbyReady",
        status: "False",
        reason: "NoStandby",
        message: "node1: SessionMissing",
        lastTransitionTime: "",
      },
    ],
    history: [
      {
        epoch: 3,
        cause: "SessionExpired",
        from: "node1",
        to: "node2",
        startedAt: "2026-01-01T00:00:00Z",
        finishedAt: "2026-01-01T00:00:05.100Z",
        result: "Succeeded",
        steps: { detect: "4830ms", grant: "9ms", activate: "140ms" },
      },
    ],
  },
} as unknown as FailoverGroup;

test("a group reads from the headline to where the seconds of the last move went", () => {
  expect(renderGroup(group, Date.parse("2026-01-01T00:01:05Z"))).toMatchInlineSnapshot(`
    [
      "ha/failover1  Active on node2, epoch 3, for 1m5s  Ready=True (Active)",
      "  ! StandbyReady: NoStandby. node1: SessionMissing",
      "",
      "  MEMBER  STATE          SESSION  WHY",
      "  node1   NotPromotable  Expired  SessionMissing: no session since 5s",
      "  node2   Active         Live",
      "",
      "  RESOURCE  KIND          STATE    REASON  REPAIRS",
      "  app       exec          Active           1",
      "  awsvip1   AwsVirtualIP  Unknown          0",
      "",
      "  last move  node1 -> node2 (SessionExpired), Succeeded 59s ago in 5s100ms",
      "             detect 4830ms, grant 9ms, activate 140ms",
    ]
  `);
});

test("reasons carry the numbers of people's guides, objects their own words, call times their limit [REQ 5.3.10]", () => {
  const conditions = [
    { type: "Ready", status: "False", reason: "RouteWrong", message: "rtb-1 leads to eni-2", lastTransitionTime: "" },
    { type: "Observed", status: "False", reason: "CallTimeout", message: "no answer in 5s", lastTransitionTime: "" },
    { type: "PreflightOK", status: "True", reason: "Passed", message: "", lastTransitionTime: "" },
  ] as const;
  const vip = {
    kind: "AwsVirtualIP",
    metadata: { name: "awsvip1" },
    spec: { timeouts: { call: "5s" } },
    status: { conditions, callTime: { p99: "180ms" } },
  } as const;
  const failed = [{ name: "awsvip1", kind: "AwsVirtualIP", state: "Failed", reason: "RouteWrong" }];
  const zone = { type: "ZoneAvailable", reason: "CallTimeout", message: "no answer", lastTransitionTime: "" };
  const shown = (status: "Unknown" | "False") => {
    const own = { ...group.status, resources: failed, conditions: [{ ...zone, status }] };
    return renderGroup({ ...group, status: own } as unknown as FailoverGroup, 0, [vip]);
  };
  expect(shown("Unknown").slice(1, 4)).toEqual([
    "  ! ZoneAvailable: CallTimeout (106). no answer",
    "  ! awsvip1: Ready: RouteWrong (56). rtb-1 leads to eni-2",
    "  ! awsvip1: Observed: CallTimeout (106). no answer in 5s",
  ]);
  expect(shown("False")[1]).toBe("  ! ZoneAvailable: CallTimeout (6). no answer");
  expect(shown("False").find((line) => line.startsWith("  awsvip1"))).toMatch(
    /awsvip1 +AwsVirtualIP +Failed +RouteWrong \(56\) +0 +180ms of 5s/,
  );
});

test("a group that nobody reconciled yet says so", () => {
  const { status: _status, ...fresh } = group;
  expect(renderGroup(fresh, 0)[0]).toBe("ha/failover1  Unknown on no member  not yet reconciled");
});

test("a request that moved nothing does not hide the last move", () => {
  const refused = {
    epoch: 3,
    cause: "Requested",
    startedAt: "2026-01-01T00:00:59Z",
    finishedAt: "2026-01-01T00:01:00Z",
    result: "Refused",
    message: "move-to: node1: node1 is not promotable: SessionMissing",
    requestedBy: "understudy-cli",
  };
  const history = [refused, ...(group.status?.history ?? [])];
  const asked = { ...group, status: { ...group.status, history } } as unknown as FailoverGroup;
  expect(renderGroup(asked, Date.parse("2026-01-01T00:01:05Z")).slice(-4)).toEqual([
    "",
    "  last request  move-to: node1: node1 is not promotable: SessionMissing (Refused 5s ago, asked by understudy-cli)",
    "  last move  node1 -> node2 (SessionExpired), Succeeded 59s ago in 5s100ms",
    "             detect 4830ms, grant 9ms, activate 140ms",
  ]);
});
