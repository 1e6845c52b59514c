/**
 * The virtual machines of one Azure subscription in memory: what the endpoint answers from and what drives the machines.
 *
 *   running --powerOff--> stopping --off--> stopped --start--> starting --boot--> running
 *
 * A guest that crashes stays `running`: Azure does not notice. Values are replaced, never changed in place.
 */
import { type Clock, sleep } from "../../lib/clock.ts";

export type ArmPowerState = "starting" | "running" | "stopping" | "stopped" | "deallocating" | "deallocated";

export interface ArmMachine {
  readonly resourceGroup: string;
  readonly name: string;
  readonly scaleSet?: string;
  readonly power: ArmPowerState;
  /** Its memory is kept on disk (only with `deallocated`). */
  readonly isHibernated?: boolean;
}

export interface ArmOperation {
  readonly id: string;
  readonly status: "InProgress" | "Succeeded" | "Failed";
}

/** What really runs the machines. A rejection leaves the machine as it was and fails the operation. */
export interface ArmHypervisor {
  start(machine: ArmMachine): Promise<void>;
  stop(machine: ArmMachine, options: { readonly skipShutdown: boolean }): Promise<void>;
}

export interface VirtualMachinesOptions {
  readonly subscriptionId: string;
  /** Least time between `stopping` and `stopped`, in ms; default 1000. */
  readonly stopMs?: number;
  /** Least time between `starting` and `running`, in ms; default 1000. */
  readonly startMs?: number;
  /** For how long an operation stays `InProgress` after the machine has reached its state, in ms; default 500. */
  readonly lingerMs?: number;
}

const MAX_OPERATIONS = 1_000;

export class VirtualMachines {
  readonly subscriptionId: string;
  stopMs: number;
  startMs: number;
  readonly #lingerMs: number;
  readonly #clock: Clock;
  readonly #machines = new Map<string, ArmMachine>();
  readonly #operations = new Map<string, ArmOperation>();
  #hypervisor: ArmHypervisor = { start: () => Promise.resolve(), stop: () => Promise.resolve() };
  #lastOperation = 0;

  constructor(options: VirtualMachinesOptions, modules: { readonly clock: Clock }) {
    this.subscriptionId = options.subscriptionId;
    this.stopMs = options.stopMs ?? 1_000;
    this.startMs = options.startMs ?? 1_000;
    this.#lingerMs = options.lingerMs ?? 500;
    this.#clock = modules.clock;
  }

  setHypervisor(hypervisor: ArmHypervisor): void {
    this.#hypervisor = hypervisor;
  }

  /** Adds or replaces a machine: also what somebody else does to it. */
  put(machine: ArmMachine): void {
    this.#machines.set(keyOf(machine), machine);
  }

  remove(machine: Pick<ArmMachine, "resourceGroup" | "name" | "scaleSet">): void {
    this.#machines.delete(keyOf(machine));
  }

  find(wanted: Pick<ArmMachine, "resourceGroup" | "name" | "scaleSet">): ArmMachine | undefined {
    return this.#machines.get(keyOf(wanted));
  }

  operation(id: string): ArmOperation | undefined {
    return this.#operations.get(id);
  }

  powerOff(machine: ArmMachine, options: { readonly skipShutdown: boolean }): ArmOperation {
    if (machine.power === "stopped" || machine.power === "deallocated") return this.#begin(() => Promise.resolve());
    const stopping = { ...machine, power: "stopping" } as const;
    this.put(stopping);
    const work = this.#hypervisor.stop(machine, options);
    return this.#begin(() => this.#settle(stopping, work, this.stopMs, "stopped"));
  }

  start(machine: ArmMachine): ArmOperation {
    if (machine.power === "running" || machine.power === "starting") return this.#begin(() => Promise.resolve());
    const { isHibernated: _kept, ...rest } = machine;
    const starting = { ...rest, power: "starting" } as const;
    this.put(starting);
    const work = this.#hypervisor.start(machine);
    return this.#begin(() => this.#settle(starting, work, this.startMs, "running"));
  }

  async #settle(before: ArmMachine, work: Promise<void>, leastMs: number, power: ArmPowerState): Promise<void> {
    await Promise.all([work, sleep(this.#clock, leastMs)]);
    if (this.find(before) === before) this.put({ ...before, power });
  }

  #begin(work: () => Promise<void>): ArmOperation {
    const id = `operation-${++this.#lastOperation}`;
    const note = (status: ArmOperation["status"]): void => void this.#operations.set(id, { id, status });
    note("InProgress");
    const [oldest] = this.#operations.keys();
    if (this.#operations.size > MAX_OPERATIONS && oldest !== undefined) this.#operations.delete(oldest);
    void work()
      .then(() => sleep(this.#clock, this.#lingerMs))
      .then(
        () => note("Succeeded"),
        () => note("Failed"),
      );
    return { id, status: "InProgress" };
  }
}

/** Resource ids do not distinguish case. */
function keyOf({
  resourceGroup,
  name,
  scaleSet = "",
}: Pick<ArmMachine, "resourceGroup" | "name" | "scaleSet">): string {
  return `${resourceGroup}/${scaleSet}/${name}`.toLowerCase();
}
