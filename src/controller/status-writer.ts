/**
 * Writes that controllers share: status by server-side apply, removal of an operation's annotation, finalizers.
 *
 * Server-side apply lets several writers own parts of one status: what a manager applied before and leaves out now is
 * removed, what others applied stays. So a caller always passes its WHOLE part, and names the parts that are others'.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import {
  type CallOptions,
  isKubeError,
  type KubeApi,
  type KubeObject,
  keyOf,
  type ObjectKey,
  type ResourceType,
} from "../kube/ports.ts";

export interface StatusObject extends KubeObject {
  status?: object | undefined;
}

export interface StatusWrite extends CallOptions {
  readonly fieldManager: string;
  /** Top-level fields of the status that belong to other writers; left out of the comparison. */
  readonly othersFields?: readonly string[];
  /** Compare-and-set: fails with `Conflict` unless the object is still the one that was observed. */
  readonly onlyIfUnchanged?: boolean;
}

/**
 * Makes our part of the status equal to `wanted`. Writes nothing when `observed` shows that already, and returns the
 * object as the server has it (or `observed`). Throws `KubeError`.
 */
export async function applyStatus<T extends StatusObject>(
  api: KubeApi,
  type: ResourceType,
  observed: T,
  wanted: object,
  write: StatusWrite,
): Promise<T> {
  if (isSameStatus(withoutFields(observed.status ?? {}, write.othersFields ?? []), wanted)) return observed;
  const { name, namespace, resourceVersion } = observed.metadata;
  const isGuarded = write.onlyIfUnchanged === true && resourceVersion !== undefined;
  const body: StatusObject = {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(isGuarded ? { resourceVersion } : {}) },
    status: wanted,
  };
  const patch = { type: "apply", body, fieldManager: write.fieldManager, force: true } as const;
  return await api.patch<T>(type, keyOf(observed), patch, { ...callOptions(write), subresource: "status" });
}

/** Whether two statuses say the same: absent and undefined are one, and lists with a key (`type`, `node`, `name`) have no order. */
export function isSameStatus(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one)) return Array.isArray(other) && isSameList(one, other);
  // What is not said and what is null are one.
  if (typeof one !== "object" || one === null) return (one ?? null) === (other ?? null);
  if (typeof other !== "object" || other === null || Array.isArray(other)) return false;
  return isSameFields(one, other);
}

const LIST_KEYS = ["type", "node", "name"] as const;

function isSameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one.length !== other.length) return false;
  const sorted = inKeyOrder(other);
  return inKeyOrder(one).every((item, at) => isSameStatus(item, sorted[at]));
}

function isSameFields(one: object, other: object): boolean {
  const others = other as Readonly<Record<string, unknown>>;
  let count = 0;
  for (const [name, value] of Object.entries(one)) {
    if (value === undefined) continue;
    count += 1;
    if (others[name] === undefined || !isSameStatus(value, others[name])) return false;
  }
  return count === Object.values(other).filter((value) => value !== undefined).length;
}

function inKeyOrder(list: readonly unknown[]): readonly unknown[] {
  const key = LIST_KEYS.find((name) => list.every((item) => typeof field(item, name) === "string"));
  if (key === undefined) return list;
  return [...list].sort((a, b) => (String(field(a, key)) < String(field(b, key)) ? -1 : 1));
}

function field(item: unknown, name: string): unknown {
  return typeof item === "object" && item !== null ? (item as Readonly<Record<string, unknown>>)[name] : undefined;
}

function withoutFields(status: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(status).filter(([name]) => !names.includes(name)));
}

/**
 * Removes an annotation if it still has the value that was acted on (API.md 3). False when it has not, or is gone: then
 * it is a newer request and stays.
 */
export async function removeAnnotation(
  api: KubeApi,
  type: ResourceType,
  key: ObjectKey,
  annotation: { readonly name: string; readonly value: string },
  options: CallOptions = {},
): Promise<boolean> {
  const path = `/metadata/annotations/${pointerPart(annotation.name)}`;
  const body = [
    { op: "test", path, value: annotation.value },
    { op: "remove", path },
  ] as const;
  try {
    await api.patch(type, key, { type: "json", body }, options);
    return true;
  } catch (thrown) {
    // A `test` that fails is 422, https://datatracker.ietf.org/doc/html/rfc5789#section-2.2
    if (isKubeError(thrown, "Invalid", "NotFound")) return false;
    throw thrown;
  }
}

/** One part of a JSON Pointer, RFC 6901 section 3. */
function pointerPart(text: string): string {
  return text.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Adds a finalizer by compare-and-set; `observed` when it is there already. Throws `Conflict` when observed is old. */
export async function addFinalizer<T extends KubeObject>(
  api: KubeApi,
  type: ResourceType,
  observed: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<T> {
  const present = observed.metadata.finalizers ?? [];
  return present.includes(finalizer)
    ? observed
    : await setFinalizers(api, type, observed, [...present, finalizer], options);
}

/** Removes a finalizer by compare-and-set; an object that is gone is as good. Throws `Conflict` when observed is old. */
export async function removeFinalizer<T extends KubeObject>(
  api: KubeApi,
  type: ResourceType,
  observed: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<void> {
  const present = observed.metadata.finalizers ?? [];
  if (!present.includes(finalizer)) return;
  try {
    await setFinalizers(
      api,
      type,
      observed,
      present.filter((other) => other !== finalizer),
      options,
    );
  } catch (thrown) {
    if (!isKubeError(thrown, "NotFound")) throw thrown;
  }
}

async function setFinalizers<T extends KubeObject>(
  api: KubeApi,
  type: ResourceType,
  observed: T,
  finalizers: readonly string[],
  options: CallOptions,
): Promise<T> {
  const { resourceVersion, uid } = observed.metadata;
  const body = { metadata: { resourceVersion, uid, finalizers } };
  return await api.patch<T>(type, keyOf(observed), { type: "merge", body }, options);
}

function callOptions({ timeoutMs, signal }: CallOptions): CallOptions {
  return { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal === undefined ? {} : { signal }) };
}
