/**
 * Fencing on Azure: power-off with skipShutdown (Virtual Machines - Power Off: "skipShutdown ... non-graceful VM shutdown"),
 * and what counts as off.
 *
 * The instance view comes from the resource provider that carries the power-off out, so a read after it is not older than
 * it. A hibernated machine is deallocated too, but its processes go on when it starts: no proof. Nor is a machine that is
 * not found: a wrong id or subscription gives the same answer.
 */
import { assert } from "../../lib/assert.ts";
import { CloudError } from "../errors.ts";
import type { AzureVm, Fencer, PowerOffOptions, PowerReading, PowerState, VmRef } from "../fencing-ports.ts";
import type { CallDeadline } from "./caller.ts";
import { isAllowed } from "./permissions.ts";
import type { AzureVmPort } from "./vm-client.ts";

/** Power states of the instance view ("States and billing status of Azure Virtual Machines"). */
const STATES: Readonly<Record<string, PowerState>> = {
  creating: "running",
  starting: "running",
  running: "running",
  stopping: "stopping",
  deallocating: "stopping",
  stopped: "off",
  deallocated: "off",
};

const POWER = "powerstate/";
const HIBERNATION = "hibernationstate/";

export class AzureFencer implements Fencer {
  readonly areReadsConsistent = true;
  readonly #vms: AzureVmPort;

  constructor(vms: AzureVmPort) {
    this.#vms = vms;
  }

  async state(vm: VmRef, options: CallDeadline): Promise<PowerReading> {
    return readingOf(await this.#vms.statuses(azure(vm), options));
  }

  async powerOff(vm: VmRef, { graceful, timeoutMs }: PowerOffOptions): Promise<"off" | "stopping"> {
    await this.#vms.powerOff(azure(vm), !graceful, { timeoutMs });
    return "stopping";
  }

  async powerOn(vm: VmRef, options: CallDeadline): Promise<void> {
    await this.#vms.start(azure(vm), options);
  }

  async check(vm: VmRef, options: CallDeadline): Promise<void> {
    const machine = azure(vm);
    await this.#vms.statuses(machine, options);
    const set = machine.scaleSet === undefined ? "virtualMachines" : "virtualMachineScaleSets/virtualMachines";
    const action = `Microsoft.Compute/${set}/powerOff/action`;
    const permissions = await this.#vms.permissions(machine, options);
    if (isAllowed(permissions, action)) return;
    const detail = { code: "NotAuthorized", action: "VirtualMachines.PowerOff" } as const;
    throw new CloudError(detail, `the identity may not ${action} on ${machine.name} in ${machine.resourceGroup}`);
  }
}

function readingOf(statuses: readonly string[]): PowerReading {
  const codes = statuses.map((code) => code.toLowerCase());
  const hibernation = codes.find((code) => code.startsWith(HIBERNATION));
  const powers = codes.filter((code) => code.startsWith(POWER)).map((code) => code.slice(POWER.length));
  const [power] = powers;
  if (power === undefined || powers.length > 1) return { state: "unknown", detail: "no power state in the answer" };
  const state = STATES[power] ?? "unknown";
  if (state === "off" && hibernation !== undefined)
    return { state: "unknown", detail: `${power} by hibernation: what ran goes on when it starts` };
  return { state, detail: power };
}

function azure(vm: VmRef): AzureVm {
  assert(vm.provider === "azure", "an Azure fencer stops machines of Azure");
  return vm;
}
