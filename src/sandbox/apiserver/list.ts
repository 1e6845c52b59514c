/**
 * Lists: selection, pages and older states. A continue token names a version and the last key, and the following pages are
 * read from the state at that version, so that a list in pages is as consistent as one read at once.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
 */
import { isJsonObject, type ApiObject } from "./json.ts";
import { view, type Resource } from "./resource.ts";
import type { Matches } from "./selectors.ts";
import { badRequest, expired, StatusError } from "./status-error.ts";
import { storeKey, type Store } from "./store.ts";

export interface ListRequest {
  readonly resource: Resource;
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined;
  readonly matches?: Matches | undefined;
  readonly limit?: number | undefined;
  readonly continueToken?: string | undefined;
  /** With `exact`: the state at this version. Else only a lower bound, which the present state always meets. */
  readonly resourceVersion?: string | undefined;
  readonly exact?: boolean | undefined;
  /** A stale answer: the state this many versions back. For fault injection. */
  readonly versionsBehind?: number | undefined;
}

export interface Page {
  readonly items: readonly ApiObject[];
  readonly resourceVersion: string;
  readonly continueToken?: string;
  readonly remaining?: number;
}

export function listPage(store: Store, request: ListRequest): Page {
  const token = request.continueToken === undefined ? undefined : parseToken(request.continueToken);
  const version = token?.version ?? wantedVersion(store, request);
  const state =
    version === store.version ? store.list(request.resource.storage) : store.listAt(request.resource.storage, version);
  if (state === undefined) throw tooOld(token === undefined, version);
  const { namespace, matches, resource, limit } = request;
  const selected = state
    .filter((stored) => namespace === undefined || stored.metadata.namespace === namespace)
    .filter((stored) => token === undefined || keyOf(stored) > token.after)
    .map((stored) => view(resource, stored))
    .filter((object) => matches === undefined || matches(object));
  const items = limit === undefined || limit <= 0 ? selected : selected.slice(0, limit);
  const last = items.at(-1);
  const resourceVersion = String(version);
  if (items.length === selected.length || last === undefined) return { items, resourceVersion };
  const page = { items, resourceVersion, continueToken: tokenText(version, keyOf(last)) };
  return matches === undefined ? { ...page, remaining: selected.length - items.length } : page;
}

function wantedVersion(store: Store, request: ListRequest): number {
  if (request.versionsBehind !== undefined) {
    return Math.max(store.historyStart, store.version - request.versionsBehind);
  }
  const asked = request.resourceVersion;
  if (asked === undefined || asked === "" || asked === "0") return store.version;
  const version = Number(asked);
  if (!Number.isSafeInteger(version) || version < 0) throw badRequest(`invalid resource version: ${asked}`);
  if (version > store.version) throw tooLarge(version, store.version);
  return request.exact === true ? version : store.version;
}

function tooLarge(version: number, current: number): Error {
  const message = `Timeout: Too large resource version: ${version}, current: ${current}`;
  const cause = { reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "" };
  return new StatusError(504, "Timeout", message, { causes: [cause], retryAfterSeconds: 1 });
}

function tooOld(isFirst: boolean, version: number): Error {
  if (isFirst) return expired(`The resourceVersion for the provided list is too old: ${version}`);
  return expired(
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
  );
}

function keyOf(object: ApiObject): string {
  return storeKey(object.metadata.namespace ?? "", object.metadata.name);
}

function tokenText(version: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: version, after })).toString("base64url");
}

function parseToken(text: string): { version: number; after: string } {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (isJsonObject(token) && typeof token["v"] === "number" && typeof token["after"] === "string") {
      return { version: token["v"], after: token["after"] };
    }
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  throw badRequest("continue key is not valid");
}
