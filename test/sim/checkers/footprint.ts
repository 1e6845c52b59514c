/** What a VM has of a group: its kernel is asked, nobody else. */
import { daemonsOf } from "../host/commands.ts";
import type { SimVm } from "../vm.ts";
import type { GroupFacts } from "../world.ts";

/** As words; empty: nothing. */
export function footprintOf(vm: SimVm, group: GroupFacts): string[] {
  const { kernel } = vm;
  const found: string[] = [];
  if (kernel.addresses.has(group.address)) found.push("address");
  if (kernel.listeners.has(group.port)) found.push("probe port");
  for (const epoch of epochsOf(vm, group)) found.push(`process of epoch ${epoch}`);
  return found;
}

export function hasFootprint(vm: SimVm, group: GroupFacts): boolean {
  const { kernel } = vm;
  if (kernel.addresses.has(group.address) || kernel.listeners.has(group.port)) return true;
  return daemonsOf(kernel.processes.values(), group.name).length > 0;
}

/** Epochs under which its processes serve. */
export function epochsOf(vm: SimVm, group: GroupFacts): number[] {
  return daemonsOf(vm.kernel.processes.values(), group.name).map((daemon) =>
    Number(daemon.environment["UNDERSTUDY_EPOCH"]),
  );
}

/** Everything of the group that a client could notice is there, under this epoch. */
export function servesWholly(vm: SimVm, group: GroupFacts, epoch: number): boolean {
  const { kernel } = vm;
  return (
    vm.machine.isOn &&
    !vm.machine.isFrozen &&
    kernel.addresses.has(group.address) &&
    kernel.listeners.has(group.port) &&
    epochsOf(vm, group).includes(epoch)
  );
}
