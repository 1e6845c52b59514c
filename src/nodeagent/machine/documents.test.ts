import { describe, expect, test } from "vitest";
import { scheduledEventsOf } from "../../api/scheduled-events.ts";
import { awsIdentity, awsMaintenance, awsRebalance, awsSpotAction } from "./aws-documents.ts";
import { azureEvents, azureMachine } from "./azure-documents.ts";

describe("documents of EC2", () => {
  test("the identity document says instance and zone, as the Node's provider id has them", () => {
    const document = {
      instanceId: "i-0aaa",
      availabilityZone: "eu-central-1a",
      region: "eu-central-1",
      accountId: "1",
    };
    expect(awsIdentity(document)).toEqual({
      cloud: "aws",
      providerId: "aws:///eu-central-1a/i-0aaa",
      zone: "eu-central-1a",
    });
    expect(awsIdentity({ ...document, instanceId: "../../x" })).toBeUndefined();
    expect(awsIdentity("<html>")).toBeUndefined();
  });

  // The examples of the EC2 user guide, "View scheduled events" and "Spot instance interruption notices".
  test("maintenance that is neither over nor called off", () => {
    const entry = {
      NotBefore: "21 Jan 2019 09:00:43 GMT",
      Code: "system-reboot",
      Description: "scheduled reboot",
      EventId: "instance-event-0d59937288b749b32",
      NotAfter: "21 Jan 2019 09:17:23 GMT",
      State: "active",
    };
    const at = "2019-01-21T09:00:43.000Z";
    expect(awsMaintenance([entry])).toEqual([{ id: entry.EventId, type: "Reboot", notBefore: at }]);
    expect(
      awsMaintenance(
        ["instance-stop", "instance-retirement", "system-maintenance", "instance-reboot", "unheard-of"].map((Code) => ({
          ...entry,
          Code,
        })),
      ).map(({ type }) => type),
    ).toEqual(["Stop", "Retirement", "Maintenance", "Reboot"]);
    expect(
      awsMaintenance([
        { ...entry, State: "completed" },
        { ...entry, State: "canceled" },
      ]),
    ).toEqual([]);
    expect(awsMaintenance(undefined)).toEqual([]);
  });

  test("a spot machine is taken away, or is likely to be", () => {
    expect(awsSpotAction({ action: "terminate", time: "2017-09-18T08:22:00Z" })).toMatchObject([
      { type: "Preempt", notBefore: "2017-09-18T08:22:00.000Z" },
    ]);
    expect(awsSpotAction(undefined)).toEqual([]);
    expect(awsRebalance({ noticeTime: "2020-10-27T08:22:00Z" })).toEqual([
      { id: "rebalance-2020-10-27T08:22:00Z", type: "Rebalance" },
    ]);
    expect(awsRebalance(undefined)).toEqual([]);
  });
});

describe("documents of Azure", () => {
  const resourceId =
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/TestGroup1/providers/Microsoft.Compute/virtualMachines/node1";

  test("the compute document says which machine it is, and its zone where it has one", () => {
    const document = { name: "node1", resourceId, zone: "2", location: "japaneast" };
    expect(azureMachine(document)).toEqual({
      cloud: "azure",
      providerId: `azure://${resourceId}`,
      name: "node1",
      zone: "japaneast-2",
    });
    expect(azureMachine({ ...document, zone: "" })?.zone).toBeUndefined();
    expect(azureMachine({ name: "node1" })).toBeUndefined();
  });

  // The example of "Azure Metadata Service: Scheduled Events for Linux VMs".
  const entry = {
    EventId: "C7061BAC-AFDC-4513-B24B-AA5F13A16123",
    EventStatus: "Scheduled",
    EventType: "Freeze",
    ResourceType: "VirtualMachine",
    Resources: ["WestNO_0", "WestNO_1"],
    NotBefore: "Mon, 11 Apr 2022 22:26:58 GMT",
    Description: "Virtual machine is being paused because of a memory-preserving Live Migration operation.",
    EventSource: "Platform",
    DurationInSeconds: 5,
  };

  test("events of this machine, whatever the case of its name, and of no other of the set", () => {
    const document = { DocumentIncarnation: 1, Events: [entry] };
    expect(azureEvents(document, "westno_1")).toEqual([
      { id: entry.EventId, type: "Freeze", notBefore: "2022-04-11T22:26:58.000Z", durationSeconds: 5 },
    ]);
    expect(azureEvents(document, "WestNO_2")).toEqual([]);
    expect(azureEvents({}, "WestNO_0")).toEqual([]);
  });

  test("one that has begun has no time any more; an unknown duration (-1) is none", () => {
    const begun = { ...entry, EventStatus: "Started", NotBefore: "", DurationInSeconds: -1, EventType: "Redeploy" };
    expect(azureEvents({ Events: [begun] }, "WestNO_0")).toEqual([
      { id: entry.EventId, type: "Redeploy", isStarted: true },
    ]);
  });
});

test("what was published by another version is read as far as it is known", () => {
  const event = { id: "e1", type: "Reboot", notBefore: "2026-01-01T00:00:00Z" };
  const strange = [{ ...event, type: "Explode" }, { ...event, id: "" }, { ...event, notBefore: "soon" }, 7, null];
  expect(scheduledEventsOf([event, ...strange])).toEqual([event]);
  expect(scheduledEventsOf("nothing")).toEqual([]);
  expect(scheduledEventsOf(Array.from({ length: 40 }, () => event))).toHaveLength(16);
});
