/**
 * Kubernetes behind small ports. Everything above this folder speaks in these types; only the adapters in this
 * folder know HTTP and the client library.
 */
import { CodedError } from "../lib/errors.ts";

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

/** Any Kubernetes object. Times are strings: the API sends strings, and no rule compares two machines' clocks. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** One kind of object, as the URL needs it. */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

export interface ObjectList<T extends KubeObject> {
  readonly resourceVersion: string;
  readonly items: readonly T[];
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export interface CallOptions {
  /** Overrides the client's deadline for this request, in milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** Omitted: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version. */
  readonly resourceVersion: string;
  /** Asks the server to end the watch after so long, in seconds. */
  readonly timeoutSeconds: number;
  /** Ends the watch with `ResultUnknown` (`timedOut`) when nothing, not even a bookmark, arrives for so long. */
  readonly idleTimeoutMs: number;
  /** Aborting ends the watch without an error. */
  readonly signal: AbortSignal;
}

export type Patch =
  /** Server-side apply; a `metadata.resourceVersion` in the body makes it a compare-and-set. */
  | { readonly type: "apply"; readonly body: KubeObject; readonly fieldManager: string; readonly force: boolean }
  | { readonly type: "merge"; readonly body: unknown; readonly fieldManager?: string }
  | { readonly type: "json"; readonly body: readonly JsonPatchOperation[]; readonly fieldManager?: string };

export type JsonPatchOperation =
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export interface WriteOptions extends CallOptions {
  readonly subresource?: "status";
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

/** Reads and writes. Reads are consistent (no `resourceVersion=0`); every call ends within its deadline. */
export interface KubeApi {
  /** Undefined only when the server says that this object does not exist; an unknown kind is a `NotFound` error. */
  get<T extends KubeObject>(type: ResourceType, key: ObjectKey, options?: CallOptions): Promise<T | undefined>;
  list<T extends KubeObject>(type: ResourceType, options?: ListOptions): Promise<ObjectList<T>>;
  /** Yields until the server ends the watch (then it returns) or it fails (then it throws a `KubeError`). */
  watch<T extends KubeObject>(type: ResourceType, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T>;
  /** Compare-and-set when `object.metadata.resourceVersion` is given. */
  replace<T extends KubeObject>(type: ResourceType, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(type: ResourceType, key: ObjectKey, patch: Patch, options?: WriteOptions): Promise<T>;
  delete(
    type: ResourceType,
    key: ObjectKey,
    options?: CallOptions & { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<void>;
}

export type KubeErrorDetail =
  /** The request did not happen or was refused; nothing was written. */
  | {
      readonly code:
        | "NotFound"
        | "AlreadyExists"
        | "Conflict"
        | "Gone"
        | "Invalid"
        | "Forbidden"
        | "Unauthorized"
        | "TooManyRequests";
      readonly status: number;
      readonly reason: string;
      readonly retryAfterMs?: number;
    }
  /** The request may or may not have been carried out: a timeout, a broken connection or a 5xx after it was sent. */
  | { readonly code: "ResultUnknown"; readonly status?: number; readonly timedOut?: boolean }
  /** The connection was refused or the name did not resolve: the request was not sent. */
  | { readonly code: "Unreachable" }
  /** An answer that does not parse. */
  | { readonly code: "Malformed" };

export class KubeError extends CodedError<KubeErrorDetail> {
  override readonly name = "KubeError";
}

export function isKubeError(thrown: unknown, ...codes: readonly KubeErrorDetail["code"][]): thrown is KubeError {
  return thrown instanceof KubeError && (codes.length === 0 || codes.includes(thrown.code));
}

/** `namespace/name`, the form in which queues and logs name an object. */
export function keyText(key: ObjectKey): string {
  return key.namespace === "" ? key.name : `${key.namespace}/${key.name}`;
}

export function keyOf(object: KubeObject): ObjectKey {
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
}
