/**
 * In which order the resources of a group come up and go down (API.md 1.1, 7.4). Pure; used by the worker for the
 * local halves and by the controller for the cloud halves, so that both follow one plan.
 *
 * A resource has up to two halves: `local` (on the member: address, listener, command, mount) and `cloud` (route,
 * record, association). The default order, when `dependsOn` is omitted:
 *
 *   storage ─┬─> local half of AwsVirtualIP ─┐
 *            └────────────────────────────────┴─> commands in list order ─> pointers
 *
 * so that a service can bind to the address before traffic is sent there. With `dependsOn` a resource waits for
 * exactly what is named; the local half of AwsVirtualIP waits for the storage among that only.
 *
 * Must never do: drop a resource silently. A cycle is a value that names it.
 */
import { assert } from "../lib/assert.ts";
import type { FailoverGroupSpec, GroupResource } from "./generated/types.ts";
import type { GroupResourceKind } from "./kinds.ts";

export type Half = "local" | "cloud";

/** One half of one resource. `after` holds the ids of the halves that must be active before. */
export interface ResourceHalf {
  readonly id: string;
  readonly resource: string;
  readonly kind: GroupResourceKind;
  readonly half: Half;
  readonly after: readonly string[];
}

export type ActivationOrder =
  /** Each half stands after everything it waits for. */
  | { readonly type: "Ordered"; readonly halves: readonly ResourceHalf[] }
  /** Names of resources, the first repeated at the end: `a -> b -> a`. */
  | { readonly type: "Cyclic"; readonly cycle: readonly string[] }
  /** Admission refuses this; an object from before the rule may still have it. */
  | { readonly type: "UnknownDependency"; readonly resource: string; readonly dependency: string };

const HALVES: Readonly<Record<GroupResourceKind, readonly Half[]>> = {
  AwsVirtualIP: ["local", "cloud"],
  AwsElasticIP: ["cloud"],
  AwsDns: ["cloud"],
  AzureDns: ["cloud"],
  LbProbePort: ["local"],
  MirrorDisk: ["local"],
  exec: ["local"],
};

export function halfId(resource: string, half: Half): string {
  return `${resource}/${half}`;
}

/** Kind of a resource of a group: that of the object, or `exec`. */
export function kindOf(resource: GroupResource): GroupResourceKind {
  return resource.kind ?? "exec";
}

/** The halves that a kind has. */
export function halvesOf(kind: GroupResourceKind): readonly Half[] {
  return HALVES[kind];
}

export function activationOrder(spec: Pick<FailoverGroupSpec, "resources">): ActivationOrder {
  const names = new Set(spec.resources.map(({ name }) => name));
  for (const { name, dependsOn } of spec.resources) {
    const dependency = dependsOn?.find((wanted) => !names.has(wanted));
    if (dependency !== undefined) return { type: "UnknownDependency", resource: name, dependency };
  }
  const unordered = spec.resources.flatMap((resource, index) =>
    halvesWithDependencies(spec.resources, resource, index),
  );
  return sortHalves(unordered);
}

function halvesWithDependencies(all: readonly GroupResource[], resource: GroupResource, index: number): ResourceHalf[] {
  const kind = kindOf(resource);
  return HALVES[kind].map((half) => {
    const waitsForStorageOnly = kind === "AwsVirtualIP" && half === "local";
    const dependencies = dependenciesOf(all, resource, index);
    const after = waitsForStorageOnly
      ? dependencies.filter((id) => id.kind === "MirrorDisk").map(({ id }) => id)
      : dependencies.map(({ id }) => id);
    const own = half === "cloud" && HALVES[kind].includes("local") ? [halfId(resource.name, "local")] : [];
    return {
      id: halfId(resource.name, half),
      resource: resource.name,
      kind,
      half,
      after: [...new Set([...after, ...own])],
    };
  });
}

interface Dependency {
  readonly id: string;
  readonly kind: GroupResourceKind;
}

function dependenciesOf(all: readonly GroupResource[], resource: GroupResource, index: number): Dependency[] {
  const everyHalf = (wanted: readonly GroupResource[]): Dependency[] =>
    wanted.flatMap((one) => HALVES[kindOf(one)].map((half) => ({ id: halfId(one.name, half), kind: kindOf(one) })));
  const { dependsOn } = resource;
  if (dependsOn !== undefined) return everyHalf(all.filter(({ name }) => dependsOn.includes(name)));
  const ofKind = (kind: GroupResourceKind, among = all): GroupResource[] => among.filter((one) => kindOf(one) === kind);
  const storage = everyHalf(ofKind("MirrorDisk"));
  switch (kindOf(resource)) {
    case "MirrorDisk":
      return [];
    case "exec": {
      const addresses = ofKind("AwsVirtualIP").map(({ name }) => ({
        id: halfId(name, "local"),
        kind: "AwsVirtualIP" as const,
      }));
      return [...storage, ...addresses, ...everyHalf(ofKind("exec", all.slice(0, index)))];
    }
    case "AwsVirtualIP":
    case "AwsElasticIP":
    case "AwsDns":
    case "AzureDns":
    case "LbProbePort":
      return [...storage, ...everyHalf(ofKind("exec"))];
  }
}

/** Stable topological order: among halves that could be next, the first of the list. */
function sortHalves(unordered: readonly ResourceHalf[]): ActivationOrder {
  const sorted: ResourceHalf[] = [];
  const done = new Set<string>();
  while (sorted.length < unordered.length) {
    const next = unordered.find(({ id, after }) => !done.has(id) && after.every((wanted) => done.has(wanted)));
    if (next === undefined) return { type: "Cyclic", cycle: findCycle(unordered.filter(({ id }) => !done.has(id))) };
    sorted.push(next);
    done.add(next.id);
  }
  return { type: "Ordered", halves: sorted };
}

/** Every half of `stuck` waits for another one of it, so that following those leads into a cycle. */
function findCycle(stuck: readonly ResourceHalf[]): string[] {
  const byId = new Map(stuck.map((half) => [half.id, half]));
  const walked: ResourceHalf[] = [];
  let current = stuck[0];
  while (current !== undefined && !walked.includes(current)) {
    walked.push(current);
    current = current.after.map((id) => byId.get(id)).find((half) => half !== undefined);
  }
  assert(current !== undefined, "a half that cannot be ordered waits for another such half");
  const names = [...walked.slice(walked.indexOf(current)), current].map(({ resource }) => resource);
  const cycle = names.filter((name, index) => name !== names[index - 1]);
  return cycle.length === 1 ? [...cycle, ...cycle] : cycle;
}

/** Halves that may come up now: not active yet, and everything they wait for is. */
export function readyToActivate(halves: readonly ResourceHalf[], active: ReadonlySet<string>): ResourceHalf[] {
  return halves.filter(({ id, after }) => !active.has(id) && after.every((wanted) => active.has(wanted)));
}

/**
 * Halves that may go down now: active, and nothing active waits for them, directly or through halves that are down
 * already. Reverse order of activation.
 */
export function readyToDeactivate(halves: readonly ResourceHalf[], active: ReadonlySet<string>): ResourceHalf[] {
  const needed = new Set<string>();
  for (const { id, after } of halves.toReversed()) {
    if (active.has(id) || needed.has(id)) for (const wanted of after) needed.add(wanted);
  }
  return halves.filter(({ id }) => active.has(id) && !needed.has(id)).toReversed();
}
