/**
 * A dump: everything that a decision about groups rests on, as one JSON value, so that it can be explained later and
 * elsewhere. No Secret is ever in it. Explaining a live cluster is making a dump and explaining that.
 */
import { RESOURCE_KINDS, type ResourceKind } from "../../api/kinds.ts";
import { LEASE, type Lease } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import type { KubeApi, KubeObject, ObjectKey, ResourceType } from "../../kube/ports.ts";
import { assert } from "../../lib/assert.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Cache, Caches, Node, ResourceCaches } from "../shared/sources.ts";
import { NO_MEMORY } from "./memory.ts";
import { observeGroup } from "./observe.ts";
import type { Seen } from "./seen.ts";
import { SessionObserver } from "./session-observer.ts";
import type { Sessions } from "./session-poller.ts";
import type { FailoverGroup } from "./types.ts";

export const DUMP_VERSION = 1;

export interface Dump {
  readonly understudyDump: typeof DUMP_VERSION;
  readonly takenAt: string;
  /** What the installation's flags say. */
  readonly timings: Timings;
  readonly leaseNamespace: string;
  /** Two reads of all session Leases or more: who renews between them lives. */
  readonly reads: readonly { readonly sentMs: number; readonly arrival: Instant; readonly leases: readonly Lease[] }[];
  readonly groups: readonly FailoverGroup[];
  readonly nodes: readonly Node[];
  readonly resources: Readonly<Record<string, readonly KubeObject[]>>;
}

/** What `parsed` is not, as a sentence; undefined when it is a dump this version can read. */
export function whatIsWrongWithDump(parsed: unknown): string | undefined {
  if (typeof parsed !== "object" || parsed === null || !("understudyDump" in parsed))
    return "this is not a dump of understudy dump";
  const version = parsed.understudyDump;
  return version === DUMP_VERSION
    ? undefined
    : `the dump has version ${String(version)}, this program reads version ${DUMP_VERSION}`;
}

/** One group of the dump as the reconciler would have seen it at the last read. Undefined: no such group in it. */
export async function seenInDump(dump: Dump, key: ObjectKey): Promise<Seen | undefined> {
  const observer = new SessionObserver({ timings: dump.timings });
  for (const { leases, arrival, sentMs } of dump.reads) observer.read(leases, arrival, sentMs);
  const now = takenInstant(dump);
  const sessions: Sessions = {
    view: (node) => observer.view(node, now),
    nodes: () => observer.nodes(),
    answered: () => undefined,
    refresh: () => undefined,
  };
  const settings = { timings: dump.timings, isRecoveryPaused: false };
  return await observeGroup(key, NO_MEMORY, {
    kube: dumpReader(dump),
    sessions,
    caches: cachesOf(dump),
    settings,
    leaseNamespace: dump.leaseNamespace,
  });
}

/** The moment the dump is about. */
export function takenInstant(dump: Dump): Instant {
  const last = dump.reads.at(-1);
  assert(last !== undefined, "a dump holds at least one read of the sessions");
  return last.arrival;
}

function cachesOf(dump: Dump): Caches {
  const resources = Object.fromEntries(RESOURCE_KINDS.map((kind) => [kind, cacheOf(dump.resources[kind] ?? [])]));
  return {
    groups: cacheOf(dump.groups),
    nodes: cacheOf(dump.nodes),
    // Objects of a dump were read by kind; their shape is as true as the API server's answer was.
    resources: resources as unknown as ResourceCaches & Record<ResourceKind, Cache<KubeObject>>,
  };
}

function cacheOf<T extends KubeObject>(objects: readonly T[]): Cache<T> {
  const isAt =
    (key: ObjectKey) =>
    (object: T): boolean =>
      object.metadata.name === key.name && (object.metadata.namespace ?? "") === key.namespace;
  return { get: (key) => objects.find(isAt(key)), list: () => objects };
}

/** Answers the two reads that `observeGroup` makes. */
function dumpReader(dump: Dump): Pick<KubeApi, "get"> {
  const leases = dump.reads.at(-1)?.leases ?? [];
  return {
    get: <T extends KubeObject>(type: ResourceType, key: ObjectKey): Promise<T | undefined> => {
      const objects: readonly KubeObject[] = type.kind === LEASE.kind ? leases : dump.groups;
      const found = objects.find(
        ({ metadata }) => metadata.name === key.name && (metadata.namespace ?? "") === key.namespace,
      );
      return Promise.resolve(found as T | undefined);
    },
  };
}
