/**
 * Virtual machines of one Azure subscription under one identity, on the Azure SDK.
 *
 * `powerOff` and `start` are long-running operations (Azure Resource Manager, "Track asynchronous operations"): accepted here,
 * followed by reading the machine's state. Must never do: wait for such an operation, or send one twice.
 */
import type { ComputeManagementClient, InstanceViewStatus } from "@azure/arm-compute";
import type { ComputeManagementContext } from "@azure/arm-compute/api";
import type { AzureVm } from "../fencing-ports.ts";
import type { AzureCaller, CallDeadline } from "./caller.ts";
import type { AzureConnection } from "./connections.ts";
import { clientOptions } from "./client-credential.ts";
import { listPermissions, type Permission } from "./permissions.ts";

type Sdk = typeof import("./azure-sdk.ts");

/** Machines as the SDK client offers them; `statuses` are codes such as `PowerState/running`. */
export interface AzureVmPort {
  statuses(vm: AzureVm, options: CallDeadline): Promise<string[]>;
  powerOff(vm: AzureVm, skipShutdown: boolean, options: CallDeadline): Promise<void>;
  start(vm: AzureVm, options: CallDeadline): Promise<void>;
  permissions(vm: AzureVm, options: CallDeadline): Promise<Permission[]>;
}

export class AzureVmClient implements AzureVmPort {
  readonly #client: ComputeManagementClient;
  readonly #context: ComputeManagementContext;
  readonly #caller: AzureCaller;

  constructor(sdk: Sdk, { credential, subscriptionId, endpoints, caller }: AzureConnection) {
    const options = clientOptions(endpoints);
    this.#client = new sdk.ComputeManagementClient(credential, subscriptionId, options);
    this.#context = sdk.createComputeManagement(credential, subscriptionId, options);
    this.#caller = caller;
  }

  statuses(vm: AzureVm, options: CallDeadline): Promise<string[]> {
    return this.#caller.call("VirtualMachines.InstanceView", "read", options, async (abortSignal) => {
      const { resourceGroup, scaleSet, name } = vm;
      const { statuses = [] }: { statuses?: InstanceViewStatus[] } =
        scaleSet === undefined
          ? await this.#client.virtualMachines.instanceView(resourceGroup, name, { abortSignal })
          : await this.#client.virtualMachineScaleSetVMs.getInstanceView(resourceGroup, scaleSet, name, {
              abortSignal,
            });
      return statuses.flatMap(({ code }) => code ?? []);
    });
  }

  powerOff(vm: AzureVm, skipShutdown: boolean, options: CallDeadline): Promise<void> {
    return this.#caller.call("VirtualMachines.PowerOff", "write", options, async (abortSignal) => {
      const { resourceGroup, scaleSet, name } = vm;
      const how = { skipShutdown, abortSignal };
      await (scaleSet === undefined
        ? this.#client.virtualMachines.powerOff(resourceGroup, name, how).submitted()
        : this.#client.virtualMachineScaleSetVMs.powerOff(resourceGroup, scaleSet, name, how).submitted());
    });
  }

  start(vm: AzureVm, options: CallDeadline): Promise<void> {
    return this.#caller.call("VirtualMachines.Start", "write", options, async (abortSignal) => {
      const { resourceGroup, scaleSet, name } = vm;
      await (scaleSet === undefined
        ? this.#client.virtualMachines.start(resourceGroup, name, { abortSignal }).submitted()
        : this.#client.virtualMachineScaleSetVMs.start(resourceGroup, scaleSet, name, { abortSignal }).submitted());
    });
  }

  permissions(vm: AzureVm, options: CallDeadline): Promise<Permission[]> {
    return this.#caller.call("Permissions.List", "read", options, (abortSignal) =>
      listPermissions(this.#context, resourceId(vm), abortSignal),
    );
  }
}

function resourceId({ subscriptionId, resourceGroup, scaleSet, name }: AzureVm): string {
  const compute = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute`;
  const machine = scaleSet === undefined ? "" : `/virtualMachineScaleSets/${scaleSet}`;
  return `${compute}${machine}/virtualMachines/${name}`;
}
