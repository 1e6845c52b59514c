import { describe, expect, it } from "vitest";
import type { Fencing } from "../../api/generated/types.ts";
import { fenceTargetOf } from "./fencing-target.ts";
import { IDLE } from "./fencing-view.ts";
import type { MemberSeen } from "./seen.ts";

const COMMON = { policy: "Required", timeout: "120s", afterwards: "LeaveStopped" } as const;
const AWS: Fencing = { ...COMMON, awsStopInstance: { shutdown: "Skip" } };
const AZURE: Fencing = { ...COMMON, azurePowerOff: { shutdown: "Skip" } };
const SUBSCRIPTION = "11111111-2222-3333-4444-555555555555";
const azureId = (group: string, tail: string): string =>
  `azure:///subscriptions/${SUBSCRIPTION}/${group}/providers/Microsoft.Compute/${tail}`;
const VM = azureId("resourceGroups/TestGroup1", "virtualMachines/node1");

function member(providerIds: readonly string[], sharedWith: readonly string[] = []): MemberSeen {
  const verdict = { state: "Unknown", reason: "NotRead" } as const;
  const session = { node: "node1", verdict };
  return {
    node: "node1",
    session,
    isSessionReadAfterGroup: false,
    providerIds,
    sharedWith,
    fence: IDLE,
    isBooted: false,
  };
}

describe("the machine of a member", () => {
  it.each<[string, Fencing, string[], object]>([
    ["an instance", AWS, ["aws:///eu-central-1a/i-0aaa"], { region: "eu-central-1", instanceId: "i-0aaa" }],
    [
      "two ways to write one instance",
      AWS,
      ["aws:///eu-central-1a/i-0aaa", "aws://1234/eu-central-1a/i-0aaa"],
      { instanceId: "i-0aaa" },
    ],
    ["a machine of Azure", AZURE, [VM], { subscriptionId: SUBSCRIPTION, resourceGroup: "TestGroup1", name: "node1" }],
    ["its id in another case", AZURE, [VM, VM.toUpperCase().replace("AZURE://", "azure://")], { name: "node1" }],
    [
      "an instance of a scale set",
      AZURE,
      [azureId("resourceGroups/g", "virtualMachineScaleSets/aks-pool-vmss/virtualMachines/3")],
      { scaleSet: "aks-pool-vmss", name: "3" },
    ],
  ])("is found from %s", (_what, fencing, ids, vm) => {
    expect(fenceTargetOf(fencing, member(ids))).toMatchObject({ ok: true, vm });
  });

  it.each<[string, Fencing, MemberSeen, string, string]>([
    ["nobody names it", AWS, member([]), "Failed", "spec.members[].providerID"],
    ["it is in the other cloud", AWS, member([VM]), "NotSupported", "fencing.awsStopInstance cannot stop node1"],
    ["the id is no machine's", AZURE, member(["azure:///subscriptions/x"]), "NotSupported", "azurePowerOff"],
    [
      "two instances are named",
      AWS,
      member(["aws:///eu-central-1a/i-0a", "aws:///eu-central-1a/i-0b"]),
      "Failed",
      "not certain",
    ],
    [
      "the same id is in another region",
      AWS,
      member(["aws:///eu-central-1a/i-0a", "aws:///us-east-1a/i-0a"]),
      "Failed",
      "not certain",
    ],
    [
      "one of the ids cannot be read",
      AWS,
      member(["aws:///eu-central-1a/i-0a", "aws://nonsense"]),
      "NotSupported",
      "nonsense",
    ],
    [
      "another node names it too",
      AWS,
      member(["aws:///eu-central-1a/i-0a"], ["node2"]),
      "Failed",
      "node1 and node2 name the same",
    ],
  ])("is not certain when %s", (_what, fencing, seen, reason, message) => {
    expect(fenceTargetOf(fencing, seen)).toMatchObject({
      ok: false,
      reason,
      message: expect.stringContaining(message),
    });
  });
});
