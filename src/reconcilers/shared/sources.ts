/** Read-only views that the reconcilers are given: caches fed by watches, never to be used to judge a session. */
import type { FailoverGroup, ObjectByKind } from "../../api/generated/types.ts";
import type { ResourceKind } from "../../api/kinds.ts";
import type { KubeObject, ObjectKey } from "../../kube/ports.ts";

/** A cache of one type of object; an `Informer` is one. */
export interface Cache<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
}

/** A cache that takes in the answers to our own writes, so that the next look does not see the state before them. */
export interface WritableCache<T extends KubeObject> extends Cache<T> {
  absorb(object: T): void;
}

export type ResourceCaches = { readonly [Kind in ResourceKind]: Cache<ObjectByKind[Kind]> };

/** A Node, as far as this product reads it. */
export interface Node extends KubeObject {
  readonly spec?: {
    readonly providerID?: string;
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key: string; readonly effect: string; readonly value?: string }[];
  };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}

export interface Caches {
  readonly groups: Cache<FailoverGroup>;
  readonly nodes: Cache<Node>;
  readonly resources: ResourceCaches;
}

/** What an operator should see on an object. `reason` is a CamelCase word; the recorder aggregates repetitions. */
export interface EventSink {
  tell(object: KubeObject, type: "Normal" | "Warning", reason: string, message: string): void;
}
