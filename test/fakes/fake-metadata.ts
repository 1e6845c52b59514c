/** Instance metadata in memory. */
import type { ScheduledEvent } from "../../src/api/scheduled-events.ts";
import type { MachineIdentity, MachineMetadata, Metadata } from "../../src/nodeagent/machine/port.ts";

export class FakeMetadata implements MachineMetadata {
  /** Undefined: there is no such service. */
  machine: MachineIdentity | undefined;
  announced: ScheduledEvent[] = [];
  /** While set, events cannot be read. */
  trouble: string | undefined;
  /** While set, nothing can be acknowledged. */
  isDeaf = false;
  readonly acknowledged: string[] = [];
  asked = 0;

  constructor(machine?: MachineIdentity) {
    this.machine = machine;
  }

  async identity(): Promise<Metadata<MachineIdentity>> {
    this.asked++;
    return this.machine === undefined ? { ok: false, message: "no route" } : { ok: true, value: this.machine };
  }

  async events(): Promise<Metadata<readonly ScheduledEvent[]>> {
    if (this.trouble !== undefined) return { ok: false, message: this.trouble };
    return { ok: true, value: [...this.announced] };
  }

  async acknowledge(_machine: MachineIdentity, eventIds: readonly string[]): Promise<Metadata<undefined>> {
    if (this.isDeaf) return { ok: false, message: "no answer" };
    this.acknowledged.push(...eventIds);
    return { ok: true, value: undefined };
  }
}
