import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { AZURE_CALLS } from "./azure-calls.ts";
import { azureRole } from "./azure-role.ts";

describe("the calls to Azure", () => {
  it("are all in the table of permissions, and nothing else is", () => {
    const text = globSync("src/cloud/azure/*.ts").map((file) => readFileSync(file, "utf8"));
    const sent = text.flatMap((source) =>
      [...source.matchAll(/(?:\.call|#read)(?:<[^>]*>)?\(\s*"([^"]+)"/g)].map(([, name = ""]) => name),
    );
    expect([...new Set(sent)].sort()).toEqual(Object.keys(AZURE_CALLS).sort());
  });

  it("make a role with each action once, to be assigned where the resources are", () => {
    const vm = { variant: "machine", subscriptionId: "s1", resourceGroup: "g1" } as const;
    const role = azureRole("understudy-failover1", [
      { call: "VirtualMachines.PowerOff", ...vm },
      { call: "VirtualMachines.PowerOff", ...vm },
      { call: "VirtualMachines.PowerOff", ...vm, variant: "scaleSet" },
      { call: "RecordSets.Get", variant: "private", subscriptionId: undefined, resourceGroup: "g2" },
    ]);
    expect(role).toMatchObject({
      Name: "understudy-failover1",
      IsCustom: true,
      Actions: [
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/powerOff/action",
        "Microsoft.Compute/virtualMachines/powerOff/action",
        "Microsoft.Network/privateDnsZones/A/read",
      ],
      AssignableScopes: ["/subscriptions/SUBSCRIPTION-ID/resourceGroups/g2", "/subscriptions/s1/resourceGroups/g1"],
    });
  });
});
