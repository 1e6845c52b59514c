/**
 * Who names which machine: every Node and every group, by node and by machine. Made from the caches for everybody at once and
 * kept for a moment, since all groups ask on every look.
 */
import { vmText } from "../../cloud/fencing-ports.ts";
import { parseVmRef } from "../../cloud/vm-ref.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Caches } from "../shared/sources.ts";

/** A machine that somebody has just named counts after so long at the latest, in milliseconds. */
const MAX_AGE_MS = 1_000;

export class NamedMachines {
  readonly #clock: Clock;
  #madeAtMs = Number.NEGATIVE_INFINITY;
  #idsOf = new Map<string, Set<string>>();
  #nodesOf = new Map<string, Set<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Provider ids that anybody names for the node. */
  idsOf(node: string, caches: Pick<Caches, "nodes" | "groups">): readonly string[] {
    this.#refresh(caches);
    return [...(this.#idsOf.get(node) ?? [])];
  }

  /** Nodes other than `node` for which anybody names the machine that `providerId` means. */
  othersOf(node: string, providerId: string, caches: Pick<Caches, "nodes" | "groups">): readonly string[] {
    this.#refresh(caches);
    return [...(this.#nodesOf.get(machineText(providerId)) ?? [])].filter((other) => other !== node);
  }

  #refresh({ nodes, groups }: Pick<Caches, "nodes" | "groups">): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#madeAtMs < MAX_AGE_MS) return;
    this.#madeAtMs = nowMs;
    this.#idsOf = new Map();
    this.#nodesOf = new Map();
    for (const node of nodes.list()) this.#note(node.metadata.name, node.spec?.providerID);
    for (const group of groups.list()) {
      for (const { node, providerID } of group.spec.members) this.#note(node, providerID);
    }
  }

  #note(node: string, id: string | undefined): void {
    if (id === undefined || id === "" || this.#idsOf.get(node)?.has(id) === true) return;
    add(this.#idsOf, node, id);
    add(this.#nodesOf, machineText(id), node);
  }
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, new Set([value]));
  else values.add(value);
}

/** One text per machine, however its id is written. */
function machineText(providerId: string): string {
  const vm = parseVmRef(providerId);
  return vm === undefined ? providerId : vmText(vm);
}
