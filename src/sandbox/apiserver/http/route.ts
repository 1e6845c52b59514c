/** URLs of the API to what they name. */
import type { ResourceRegistry, Resource } from "../resource.ts";

export interface ResourceRoute {
  readonly resource: Resource;
  /** Undefined: all namespaces, or a cluster-scoped resource. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
}

/** Undefined when the path names no resource that is served. */
export function routeOf(registry: ResourceRegistry, path: string): ResourceRoute | undefined {
  const parts = path
    .split("/")
    .filter((part) => part !== "")
    .map(decodePart);
  const isCore = parts[0] === "api";
  if (!isCore && parts[0] !== "apis") return undefined;
  const group = isCore ? "" : (parts[1] ?? "");
  const version = parts[isCore ? 1 : 2] ?? "";
  const rest = parts.slice(isCore ? 2 : 3);
  const [first, second, third] = rest;
  const inNamespace = first === "namespaces" && third !== undefined ? registry.find(group, version, third) : undefined;
  if (inNamespace?.namespaced === true) return route(inNamespace, second, rest.slice(3));
  const resource = first === undefined ? undefined : registry.find(group, version, first);
  if (resource === undefined || (resource.namespaced && rest.length > 1)) return undefined;
  return route(resource, undefined, rest.slice(1));
}

function route(resource: Resource, namespace: string | undefined, rest: readonly string[]): ResourceRoute | undefined {
  const [name, subresource = ""] = rest;
  if (rest.length > 2 || (subresource !== "" && !hasSubresource(resource, subresource))) return undefined;
  return { resource, namespace, name, subresource };
}

function hasSubresource(resource: Resource, subresource: string): boolean {
  return (
    (subresource === "status" && resource.hasStatus) || (subresource === "finalize" && resource.kind === "Namespace")
  );
}

/** A percent sign that starts no escape stays as it is: such a name exists nowhere. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (thrown) {
    if (thrown instanceof URIError) return part;
    throw thrown;
  }
}
