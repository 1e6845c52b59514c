/** Writes of cloud pointers: only by the newest leader that acted, and never back to an older grant. */
import type { RouteWrite } from "../network/cloud.ts";
import type { World } from "../world.ts";
import type { Grants } from "./grants.ts";
import type { Violate } from "./invariants.ts";

export class Pointers {
  readonly #world: World;
  readonly #grants: Grants;
  readonly #violate: Violate;
  /** Processes that wrote pointers as leaders, in the order of their first write. */
  readonly #leaders: unknown[] = [];
  /** Highest epoch for which the pointer of a group was moved. */
  readonly #epochs = new Map<string, number>();

  constructor(world: World, grants: Grants, violate: Violate) {
    this.#world = world;
    this.#grants = grants;
    this.#violate = violate;
    world.cloud.onRouteSent = (write) => this.#sent(write);
  }

  #sent({ process, destinationCidr, networkInterfaceId }: RouteWrite): void {
    const at = this.#leaders.indexOf(process);
    if (at < 0) this.#leaders.push(process);
    else if (at < this.#leaders.length - 1)
      this.#violate("deposed-pointer", `${process.name} moved ${destinationCidr} after a newer leader acted`);
    const group = this.#world.groups.find(({ address }) => destinationCidr === `${address}/32`);
    const [node] = [...this.#world.enis].find(([, eniId]) => eniId === networkInterfaceId) ?? [];
    if (group === undefined || node === undefined) return;
    const epoch = this.#grants.of(group.name).findLast((grant) => grant.node === node)?.epoch ?? 0;
    const highest = this.#epochs.get(group.name) ?? 0;
    this.#world.trace.note(process.name, `moves ${destinationCidr} to ${node} (granted last under ${epoch})`);
    if (epoch < highest)
      this.#violate(
        "older-pointer",
        `${group.name}: moved to ${node} (epoch ${epoch}) after it was moved for ${highest}`,
      );
    this.#epochs.set(group.name, Math.max(highest, epoch));
  }
}
