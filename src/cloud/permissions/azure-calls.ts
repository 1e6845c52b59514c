/**
 * Every call that the Azure clients send, by the name under which it is measured, with the action that a role must allow
 * ("Azure permissions for Compute", "... for Networking", "... for Management and governance"). A test finds calls that
 * are not here.
 */

/** What the action's resource type is when the same call is made on one of several. */
export type AzureVariant = "machine" | "scaleSet" | "public" | "private";

const COMPUTE = "Microsoft.Compute/virtualMachines";
const SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines";
const NETWORK = "Microsoft.Network";

export const AZURE_CALLS = {
  "VirtualMachines.InstanceView": onMachine("instanceView/read"),
  "VirtualMachines.PowerOff": onMachine("powerOff/action"),
  "VirtualMachines.Start": onMachine("start/action"),
  "Permissions.List": () => "Microsoft.Authorization/permissions/read",
  "RecordSets.Get": onZone("A/read"),
  "RecordSets.List": onZone("A/read"),
  "RecordSets.CreateOrUpdate": onZone("A/write"),
  "RecordSets.Delete": onZone("A/delete"),
  "VirtualNetworkLinks.List": () => `${NETWORK}/privateDnsZones/virtualNetworkLinks/read`,
  "LoadBalancers.Get": () => `${NETWORK}/loadBalancers/read`,
  "NetworkInterfaces.Get": () => `${NETWORK}/networkInterfaces/read`,
  "PublicIPAddresses.Get": () => `${NETWORK}/publicIPAddresses/read`,
} as const satisfies Readonly<Record<string, (variant: AzureVariant) => string>>;

export type AzureCall = keyof typeof AZURE_CALLS;

function onMachine(verb: string): (variant: AzureVariant) => string {
  return (variant) => `${variant === "scaleSet" ? SCALE_SET : COMPUTE}/${verb}`;
}

function onZone(verb: string): (variant: AzureVariant) => string {
  return (variant) => `${NETWORK}/${variant === "private" ? "privateDnsZones" : "dnsZones"}/${verb}`;
}
