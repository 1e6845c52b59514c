/** Microsoft.Compute of the emulated Azure: instance view, power off and start of machines, and their operations. */
import { type ArmAnswer, type ArmCall, ArmError, type ArmProvider, type ArmRequest } from "./provider.ts";
import type { ArmMachine, VirtualMachines } from "./virtual-machines.ts";

type Named = Pick<ArmMachine, "resourceGroup" | "name" | "scaleSet">;
type MachineAction = "InstanceView" | "PowerOff" | "Start";

const MACHINE =
  /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/microsoft\.compute\/(?:virtualmachinescalesets\/([^/]+)\/)?virtualmachines\/([^/]+)\/(instanceview|poweroff|start)$/i;
const OPERATION = /^\/subscriptions\/([^/]+)\/providers\/microsoft\.compute\/locations\/[^/]+\/operations\/([^/]+)$/i;

const ACTIONS: Readonly<
  Record<string, { readonly name: MachineAction; readonly method: string; readonly verb: string }>
> = {
  instanceview: { name: "InstanceView", method: "GET", verb: "instanceView/read" },
  poweroff: { name: "PowerOff", method: "POST", verb: "powerOff/action" },
  start: { name: "Start", method: "POST", verb: "start/action" },
};

export class ComputeProvider implements ArmProvider {
  readonly #machines: VirtualMachines;

  constructor(machines: VirtualMachines) {
    this.#machines = machines;
  }

  callOf(method: string, path: string): ArmCall | undefined {
    const [, owner, id] = OPERATION.exec(path) ?? [];
    if (owner !== undefined && id !== undefined) return { name: "Operation", run: () => this.#operation(owner, id) };
    const [, subscription, resourceGroup, scaleSet, name, tail = ""] = MACHINE.exec(path) ?? [];
    const found = ACTIONS[tail.toLowerCase()];
    if (subscription === undefined || resourceGroup === undefined || name === undefined) return undefined;
    if (found === undefined || found.method !== method) return undefined;
    const machine = scaleSet === undefined ? { resourceGroup, name } : { resourceGroup, name, scaleSet };
    const set = scaleSet === undefined ? "virtualMachines" : "virtualMachineScaleSets/virtualMachines";
    return {
      name: found.name,
      permission: `Microsoft.Compute/${set}/${found.verb}`,
      run: (request) => this.#run(found.name, subscription, machine, request),
    };
  }

  #operation(subscription: string, id: string): ArmAnswer {
    this.#assertSubscription(subscription);
    const operation = this.#machines.operation(id);
    if (operation === undefined) throw new ArmError(404, "NotFound", `There is no operation ${id}.`);
    return { status: 200, body: { name: operation.id, status: operation.status } };
  }

  #run(action: MachineAction, subscription: string, named: Named, { url, endpointUrl }: ArmRequest): ArmAnswer {
    this.#assertSubscription(subscription);
    const machines = this.#machines;
    const machine = machines.find(named);
    if (machine === undefined)
      throw new ArmError(
        404,
        "ResourceNotFound",
        `The Resource 'Microsoft.Compute/virtualMachines/${named.name}' under resource group '${named.resourceGroup}' was not found.`,
      );
    if (action === "InstanceView") return instanceViewOf(machine);
    const skipShutdown = url.searchParams.get("skipShutdown") === "true";
    const operation = action === "PowerOff" ? machines.powerOff(machine, { skipShutdown }) : machines.start(machine);
    const path = `/subscriptions/${machines.subscriptionId}/providers/Microsoft.Compute/locations/virtual/operations/${operation.id}`;
    const location = `${endpointUrl}${path}?api-version=2024-07-01`;
    return { status: 202, headers: { "azure-asyncoperation": location, location, "retry-after": "1" } };
  }

  #assertSubscription(subscription: string): void {
    if (subscription.toLowerCase() === this.#machines.subscriptionId.toLowerCase()) return;
    throw new ArmError(404, "SubscriptionNotFound", `The subscription '${subscription}' could not be found.`);
  }
}

function instanceViewOf({ power, isHibernated }: ArmMachine): ArmAnswer {
  const statuses = [
    { code: "ProvisioningState/succeeded", level: "Info", displayStatus: "Provisioning succeeded" },
    { code: `PowerState/${power}`, level: "Info", displayStatus: `VM ${power}` },
    ...(isHibernated === true
      ? [{ code: "HibernationState/Hibernated", level: "Info", displayStatus: "Hibernated" }]
      : []),
  ];
  return { status: 200, body: { statuses } };
}
