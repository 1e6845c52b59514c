/** Faults of one machine that need its watchdog as well. */
import type { SimVm } from "../vm.ts";
import type { Undo } from "./fault.ts";

export function freezeAroundPet(vm: SimVm, share: number): { readonly on: string; readonly undo?: Undo } {
  const { watchdog } = vm.kernel;
  const guard = vm.guardProcess;
  if (watchdog === undefined || guard === undefined) return { on: vm.node };
  let hasStalled = false;
  watchdog.onPet = (moment, process) => {
    if (process !== guard) return;
    if (moment === "before" && !hasStalled) {
      hasStalled = true;
      process.stallNext({ after: 0, durationMs: watchdog.leftMs * share, isMachineWide: false });
    } else if (moment === "after" && hasStalled) {
      watchdog.onPet = () => undefined;
      process.pause();
    }
  };
  return {
    on: guard.name,
    undo: () => {
      watchdog.onPet = () => undefined;
      guard.resume();
    },
  };
}

export function pauseMachine(vm: SimVm, stopsMonotonic: boolean): { readonly on: string; readonly undo: Undo } {
  const { machine, node } = vm;
  const { boot } = machine;
  const device = vm.kernel.watchdog?.pause();
  machine.freeze({ stopsMonotonic });
  vm.isBeyondWatchdog = true;
  return {
    on: node,
    undo: () => {
      if (machine.boot !== boot) return;
      device?.go();
      machine.thaw();
    },
  };
}
