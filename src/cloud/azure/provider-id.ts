/**
 * The provider id of a Node on Azure (cloud-provider-azure): `azure://` and the machine's resource id, either
 * `/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/NAME` or, for a uniform scale set,
 * `.../virtualMachineScaleSets/SET/virtualMachines/INSTANCE`. Resource ids do not distinguish case. Pure.
 */
import type { AzureVm } from "../fencing-ports.ts";

const MACHINE =
  /^azure:\/\/\/subscriptions\/([0-9a-f-]{36})\/resourcegroups\/([^/]{1,90})\/providers\/microsoft\.compute\/(?:virtualmachinescalesets\/([^/]{1,64})\/)?virtualmachines\/([^/]{1,64})$/i;

/** Undefined when the text is not an Azure provider id. */
export function parseAzureProviderId(providerId: string): AzureVm | undefined {
  const [, subscriptionId, resourceGroup, scaleSet, name] = MACHINE.exec(providerId) ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || name === undefined) return undefined;
  const machine = { provider: "azure", subscriptionId, resourceGroup, name } as const;
  return scaleSet === undefined ? machine : { ...machine, scaleSet };
}
