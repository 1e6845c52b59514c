import { describe, expect, it } from "vitest";
import type { FailoverGroup } from "../api/generated/types.ts";
import type { KubeObject } from "../kube/ports.ts";
import type { PreflightInput } from "./preflight-input.ts";
import { preflightOf } from "./preflight-report.ts";
import { renderPreflight } from "./preflight-view.ts";

const NAMESPACE = "ha";

interface Said {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
  readonly observedGeneration?: number;
}

const said = (type: string, status: string, reason: string, message = ""): Said => ({ type, status, reason, message });
const GOOD_GROUP = [
  said("PreflightOK", "True", "Passed"),
  said("StandbyReady", "True", "Promotable"),
  said("WatchdogReady", "True", "Available"),
];

function inputWith(
  vip: readonly Said[],
  { group = GOOD_GROUP, p99 }: { readonly group?: readonly Said[]; readonly p99?: string } = {},
): PreflightInput {
  const metadata = { namespace: NAMESPACE, generation: 2 };
  const object: KubeObject & { spec: object; status: object } = {
    metadata: { ...metadata, name: "awsvip1" },
    spec: { address: "10.1.0.20", timeouts: { call: "5s" } },
    status: { conditions: vip, ...(p99 === undefined ? {} : { callTime: { p99 } }) },
  };
  const spec = { members: [{ node: "node1" }], resources: [{ kind: "AwsVirtualIP", name: "awsvip1" }] };
  const failover = { metadata: { ...metadata, name: "failover1" }, spec, status: { conditions: group } };
  return {
    groups: [failover as unknown as FailoverGroup],
    resources: { AwsVirtualIP: [object] },
    nodes: [],
    leases: [],
    hasStatus: true,
  };
}

function reportOf(input: PreflightInput): ReturnType<typeof preflightOf> {
  const [group] = input.groups;
  if (group === undefined) throw new Error("no group");
  return preflightOf(input, group);
}

const resultsOf = (input: PreflightInput): string[] =>
  reportOf(input)
    .findings.filter(({ result }) => result !== "pass")
    .map(({ object, check, result, reason }) => `${result} ${object} ${check} ${reason}`);

describe("a preflight report", () => {
  it("passes when every condition that a failover rests on holds", () => {
    const report = reportOf(inputWith([said("PreflightOK", "True", "Passed"), said("Observed", "True", "Read")]));
    expect(report.result).toBe("pass");
    expect(report.findings.map(({ check }) => check)).toEqual([
      "PreflightOK",
      "StandbyReady",
      "WatchdogReady",
      "PreflightOK",
      "Observed",
    ]);
  });

  it("fails what a failover would run into, with the guides' code and a remedy", () => {
    const vip = [said("PreflightOK", "False", "AddressInsideVpc", "10.0.1.1 lies inside 10.0.0.0/16 of vpc-1")];
    const [found] = reportOf(inputWith(vip)).findings.filter(({ result }) => result === "fail");
    expect(found).toMatchObject({ object: "AwsVirtualIP awsvip1", reason: "AddressInsideVpc", codes: ["53"] });
    expect(found?.remedy).not.toBe("");
    const printed = renderPreflight(reportOf(inputWith(vip))).join("\n");
    expect(printed).toContain("ha/failover1: fail");
    expect(printed).toContain("AddressInsideVpc (53)");
    expect(printed).toContain("lies inside 10.0.0.0/16");
  });

  it("fails without a standby, and warns without a watchdog", () => {
    const group = [
      said("PreflightOK", "True", "Passed"),
      said("StandbyReady", "False", "NoStandby"),
      said("WatchdogReady", "False", "NoWatchdog"),
    ];
    expect(resultsOf(inputWith([said("PreflightOK", "True", "Passed")], { group }))).toEqual([
      "fail FailoverGroup failover1 StandbyReady NoStandby",
      "warn FailoverGroup failover1 WatchdogReady NoWatchdog",
    ]);
  });

  it("only warns while the cloud cannot be asked, and while a certificate nears its end", () => {
    const vip = [
      said("PreflightOK", "Unknown", "Unreadable"),
      said("Observed", "Unknown", "CallTimeout"),
      said("CredentialValid", "False", "ExpiresSoon"),
    ];
    const report = reportOf(inputWith(vip));
    expect(report.result).toBe("warn");
    expect(report.findings.find(({ check }) => check === "Observed")?.codes).toEqual(["106"]);
  });

  it("does not take silence for consent: what nobody has looked at since it changed fails", () => {
    expect(resultsOf(inputWith([]))).toEqual(["fail AwsVirtualIP awsvip1 PreflightOK NotChecked"]);
    const stale = { ...said("PreflightOK", "True", "Passed"), observedGeneration: 1 };
    expect(resultsOf(inputWith([stale]))).toEqual(["fail AwsVirtualIP awsvip1 PreflightOK NotChecked"]);
  });

  it("names objects that a group lists and nobody has made", () => {
    const input = { ...inputWith([]), resources: {} };
    expect(resultsOf(input)).toEqual(["fail AwsVirtualIP awsvip1 Exists ResourceNotFound"]);
  });

  it("shows the p99 of the measured call time beside the timeout, and warns when it comes near [REQ 5.3.10] [REQ 5.2 AWS DNS start 6]", () => {
    const passed = [said("PreflightOK", "True", "Passed")];
    const wide = reportOf(inputWith(passed, { p99: "180ms" })).findings.find(({ check }) => check === "CallTime");
    expect(wide).toMatchObject({ result: "pass", message: "99 of 100 calls took at most 180ms; timeouts.call is 5s" });
    expect(resultsOf(inputWith(passed, { p99: "4s500ms" }))).toEqual([
      "warn AwsVirtualIP awsvip1 CallTime NarrowTimeout",
    ]);
  });
});
