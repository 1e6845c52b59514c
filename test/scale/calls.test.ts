/** What watching costs: calls to the clouds do not grow with the number of resources. */
import { afterEach, describe, expect, it } from "vitest";
import { type CloudKind, Fleet } from "../builders/fleet.ts";

const opened: Fleet[] = [];
afterEach(async () => {
  for (const fleet of opened.splice(0)) await fleet.close();
});

async function callsPerMinute(kind: CloudKind, count: number): Promise<Record<string, number>> {
  const fleet = await Fleet.create(kind, count);
  opened.push(fleet);
  const calls = await fleet.callsPerMinute();
  expect(await fleet.verdicts(kind, "Ready")).toEqual(["True Active"]);
  expect(await fleet.verdicts(kind, "PreflightOK")).toEqual(["True Passed"]);
  return calls;
}

describe("a quiet installation", () => {
  it("asks for the route tables of a VPC once per interval, however many virtual IPs lead through it", async () => {
    const [few, many] = [await callsPerMinute("AwsVirtualIP", 2), await callsPerMinute("AwsVirtualIP", 40)];
    expect(many["DescribeRouteTables"]).toBe(6);
    expect(many).toEqual(few);
  });

  it("asks once per table whether its routes may be replaced, whatever the number of virtual IPs", async () => {
    const fleet = await Fleet.create("AwsVirtualIP", 40);
    opened.push(fleet);
    expect((await fleet.callsWithin(5 * 60_000))["ReplaceRoute(dry)"]).toBe(3);
  });

  it("asks for the Elastic IPs of a region once per interval, however many there are", async () => {
    const [few, many] = [await callsPerMinute("AwsElasticIP", 2), await callsPerMinute("AwsElasticIP", 40)];
    expect([few["DescribeAddresses"], many["DescribeAddresses"]]).toEqual([6, 6]);
    // Each has an interface of its own per member; they are read together.
    expect(many["DescribeNetworkInterfaces"]).toBeLessThanOrEqual(2.4);
  });

  it("walks a zone of Route 53 once per interval, however many records it has, within five requests per second", async () => {
    const fleet = await Fleet.create("AwsDns", 40);
    opened.push(fleet);
    const calls = await fleet.callsPerMinute();
    expect(await fleet.verdicts("AwsDns", "Ready")).toEqual(["True Active"]);
    expect(await fleet.verdicts("AwsDns", "PreflightOK")).toEqual(["True Passed"]);
    expect(await fleet.verdicts("AwsDns", "Propagated")).toEqual(["True InSync"]);
    expect(calls["ListResourceRecordSets"]).toBe(2);
    expect(calls["GetChange"] ?? 0).toBe(0);
    expect(fleet.busiestSecondOfRoute53()).toBeLessThanOrEqual(5);
  });

  it("brings a hundred records of Route 53 up within seconds: they share their changes and readings", async () => {
    const fleet = await Fleet.create("AwsDns", 100);
    opened.push(fleet);
    const calls = await fleet.callsWithin(10_000);
    expect(await fleet.verdicts("AwsDns", "Ready")).toEqual(["True Active"]);
    expect(calls["ChangeResourceRecordSets"]).toBeLessThanOrEqual(10);
    expect(fleet.busiestSecondOfRoute53()).toBeLessThanOrEqual(5);
  });

  it("walks an Azure zone once per interval, however many records it has", async () => {
    const calls = await callsPerMinute("AzureDns", 40);
    expect(calls["RecordSets.List"]).toBe(2);
    expect(calls["RecordSets.Get"] ?? 0).toBe(0);
  });

  it("reads a load balancer once per interval, however many probe ports it has", async () => {
    const calls = await callsPerMinute("LbProbePort", 40);
    expect(calls["Microsoft.Network/loadBalancers/read"]).toBeLessThanOrEqual(12);
  });
});
