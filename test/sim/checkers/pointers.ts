/** Writes of cloud pointers: only by the newest leader that acted, and never back to an older grant. */
import type { RouteWrite } from "../network/cloud.ts";
import type { Lease } from "../../../src/api/session-lease.ts";
import { LEADER_LEASE } from "../names.ts";
import type { World } from "../world.ts";
import type { Grants } from "./grants.ts";
import type { Violate } from "./invariants.ts";

export class Pointers {
  readonly #world: World;
  readonly #grants: Grants;
  readonly #violate: Violate;
  /** Processes in the order in which they were elected. */
  readonly #leaders: unknown[] = [];
  /** Place of the newest leader that wrote a pointer. */
  #newestAt = -1;
  /** Highest epoch for which the pointer of a group was moved. */
  readonly #epochs = new Map<string, number>();

  constructor(world: World, grants: Grants, violate: Violate) {
    this.#world = world;
    this.#grants = grants;
    this.#violate = violate;
    world.api.core.store.listen((change) => {
      if (change.object.metadata.name === LEADER_LEASE) this.#elected(change.object as unknown as Lease);
    });
    world.cloud.onRouteSent = (write) => this.#sent(write);
  }

  #elected(lease: Lease): void {
    const name = lease.spec?.holderIdentity?.split("_")[0];
    const process = this.#world.controllers.find((controller) => controller.name === name)?.process;
    if (process !== undefined && process !== this.#leaders.at(-1)) this.#leaders.push(process);
  }

  #sent({ process, destinationCidr, networkInterfaceId }: RouteWrite): void {
    const at = this.#leaders.lastIndexOf(process);
    if (at < this.#newestAt)
      this.#violate("deposed-pointer", `${process.name} moved ${destinationCidr} after a newer leader acted`);
    this.#newestAt = Math.max(this.#newestAt, at);
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
