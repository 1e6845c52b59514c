/** The disks of one group on this node: one driver each, told about the group's grant and whom the guard asks. */
import type { MirrorDisk } from "../../api/generated/types.ts";
import { keyText, type ObjectKey } from "../../kube/ports.ts";
import { InSyncDriver, type InSyncModules } from "./in-sync-driver.ts";

export interface GroupDisksModules extends Omit<InSyncModules, "absorb" | "onMustBeAsked"> {
  readonly disks: { get(key: ObjectKey): MirrorDisk | undefined; absorb(disk: MirrorDisk): void };
  /** Whom the guard must ask as far as this disk goes; undefined: not known, so everybody. */
  readonly onMustBeAsked: (disk: string, members: readonly string[] | undefined) => void;
}

/** What the disks must know of their group. */
export interface DiskTenure {
  /** Names of the group's MirrorDisks. */
  readonly names: readonly string[];
  /** While the group is being recorded or served here. */
  readonly epoch: number | undefined;
  /** Whom the guard asks for promises. */
  readonly asked: readonly string[];
}

export class GroupDisks {
  readonly #namespace: string;
  readonly #node: string;
  readonly #modules: GroupDisksModules;
  readonly #drivers = new Map<string, InSyncDriver>();

  constructor(namespace: string, node: string, modules: GroupDisksModules) {
    this.#namespace = namespace;
    this.#node = node;
    this.#modules = modules;
  }

  follow({ names, epoch, asked }: DiskTenure): void {
    for (const [name, driver] of this.#drivers) {
      if (names.includes(name)) continue;
      driver.follow(undefined, []);
      driver.close();
      this.#drivers.delete(name);
    }
    for (const name of names) {
      if (!this.#drivers.has(name) && epoch !== undefined) this.#add(name);
      this.#drivers.get(name)?.follow(epoch, asked);
    }
  }

  /** The object has changed, as far as the cache knows. */
  changed(key: ObjectKey): void {
    if (key.namespace === this.#namespace) this.#drivers.get(key.name)?.see(this.#modules.disks.get(key));
  }

  close(): void {
    for (const driver of this.#drivers.values()) driver.close();
  }

  #add(name: string): void {
    const { disks, onMustBeAsked } = this.#modules;
    const key = { namespace: this.#namespace, name };
    const driver = new InSyncDriver(key, this.#node, {
      ...this.#modules,
      absorb: (disk) => disks.absorb(disk),
      onMustBeAsked: (members) => onMustBeAsked(name, members),
    });
    this.#drivers.set(name, driver);
    driver.see(disks.get(key));
    this.#modules.log.debug("disk followed", { disk: keyText(key) });
  }
}
