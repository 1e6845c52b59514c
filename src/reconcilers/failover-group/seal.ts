/**
 * The seal of a group's disks (DESIGN 4.4, 7; amendment A5): grant and in-sync set live in two objects, so before a
 * grant every MirrorDisk of the group gets the grant's epoch, by compare-and-set on the very record that the candidate
 * was judged by. From then on a change that the primary before sent late fails, for it is conditional on its own epoch.
 *
 * The invariant: whoever is granted was in the set that was sealed; only `force-promote` goes past it, and says so in
 * the set itself. A seal without a grant does no harm: the next epoch is higher. Pure.
 */
import type { JsonPatchOperation } from "../../kube/ports.ts";
import { assert } from "../../lib/assert.ts";
import type { Choice } from "./plan-candidates.ts";
import type { DiskSeen, Seen } from "./seen.ts";
import type { Step } from "./steps.ts";

type SealStep = Extract<Step, { do: "Seal" }>;

interface Disk {
  readonly name: string;
  readonly disk: DiskSeen;
}

/** The disks of the group as they were seen; one whose object is missing blocks the grant elsewhere. */
export function disksOf(seen: Seen): Disk[] {
  return seen.resources.flatMap(({ kind, resource, object }) =>
    kind !== "MirrorDisk" || object?.disk === undefined ? [] : [{ name: resource.name, disk: object.disk }],
  );
}

/** Why the copies of `node` do not allow it to take the group, as a sentence; undefined: it is in every set. */
export function outOfSync(seen: Seen, node: string): string | undefined {
  for (const { name, disk } of disksOf(seen)) {
    if (disk.inSync?.members.includes(node) === true) continue;
    if (disk.inSync === undefined) return `MirrorDisk ${name} has no record yet of which copies are in sync`;
    const { generation, epoch, members } = disk.inSync;
    return `the copy of MirrorDisk ${name} on ${node} does not hold every acknowledged write: in sync are ${members.join(", ")} (generation ${generation}, epoch ${epoch})`;
  }
  return undefined;
}

/**
 * What must be written before `choice` is granted `epoch`. `isForced`: a person chose a copy that may lack writes; the
 * set then becomes this copy alone, in the same compare-and-set.
 */
export function sealSteps(seen: Seen, epoch: number, choice: Choice, isForced: boolean): SealStep[] {
  return disksOf(seen).map(({ name, disk }) => {
    assert(epoch > (disk.primary?.epoch ?? 0), "a seal rises above the one before it");
    const isMember = disk.inSync?.members.includes(choice.node) === true;
    assert(isMember || isForced, "only a copy that is in sync is sealed for a grant");
    return { do: "Seal", name, node: choice.node, epoch, disk, replacesSet: !isMember };
  });
}

/** The compare-and-set: nothing of it is carried out unless seal and set are those that were seen. */
export function sealPatch({ node, epoch, disk, replacesSet }: SealStep): JsonPatchOperation[] {
  const { inSync, primary, resourceVersion, hasStatus } = disk;
  return [
    ...(inSync === undefined || primary === undefined
      ? [test("/metadata/resourceVersion", resourceVersion)]
      : [test("/status/primary/epoch", primary.epoch), test("/status/inSync/generation", inSync.generation)]),
    ...(hasStatus ? [] : [{ op: "add", path: "/status", value: {} } as const]),
    { op: "add", path: "/status/primary", value: { node, epoch } },
    ...(replacesSet
      ? [
          {
            op: "add",
            path: "/status/inSync",
            value: { generation: (inSync?.generation ?? 0) + 1, epoch, members: [node] },
          } as const,
        ]
      : []),
  ];
}

function test(path: string, value: unknown): JsonPatchOperation {
  return { op: "test", path, value };
}
