/**
 * OpenAPI v3 documents, one per group and version: kubectl reads them for `explain`, and asks them whether the server
 * validates fields before it applies anything.
 *
 * Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
 */
import { createHash } from "node:crypto";
import type { JsonObject } from "../json.ts";
import { apiVersionOf, type GroupVersion, type Resource, type ResourceRegistry } from "../resource.ts";
import { publicSchema } from "../validation.ts";

function pathOf({ group, version }: GroupVersion): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/** The index: a document per group version, its URL changing with its content. */
export function openApiIndex(registry: ResourceRegistry): JsonObject {
  const paths = registry.groupVersions().map((each) => {
    const text = JSON.stringify(openApiDocument(registry, each.group, each.version));
    const hash = createHash("sha256").update(text).digest("hex").toUpperCase();
    return [pathOf(each), { serverRelativeURL: `/openapi/v3/${pathOf(each)}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(paths) };
}

export function openApiDocument(registry: ResourceRegistry, group: string, version: string): JsonObject | undefined {
  const resources = registry.inGroupVersion(group, version);
  if (resources.length === 0) return undefined;
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.32.0" },
    paths: Object.fromEntries(resources.flatMap(pathsOf)),
    components: { schemas: Object.fromEntries(resources.map((each) => [schemaName(each), kindSchema(each)])) },
  };
}

/** `understudy.dev` v1alpha1 X -> `dev.understudy.v1alpha1.X`, as the real server names them. */
function schemaName({ group, version, kind }: Resource): string {
  const prefix = group === "" ? "io.k8s.api.core" : group.split(".").toReversed().join(".");
  return `${prefix}.${version}.${kind}`;
}

function kindSchema(resource: Resource): JsonObject {
  const { group, version, kind, schema } = resource;
  return { ...publicSchema(schema), "x-kubernetes-group-version-kind": [{ group, version, kind }] };
}

const QUERY = ["dryRun", "fieldManager", "fieldValidation"];

function parameters(...more: readonly string[]): JsonObject[] {
  return [...QUERY, ...more].map((name) => ({ name, in: "query", schema: { type: "string", uniqueItems: true } }));
}

function pathsOf(resource: Resource): [string, JsonObject][] {
  const base = `/${pathOf(resource)}${resource.namespaced ? "/namespaces/{namespace}" : ""}/${resource.plural}`;
  const one = objectPath(resource);
  const paths: [string, JsonObject][] = [
    [base, { get: operation(resource, "list"), post: operation(resource, "post") }],
    [`${base}/{name}`, one],
  ];
  if (resource.hasStatus) paths.push([`${base}/{name}/status`, one]);
  return paths;
}

function objectPath(resource: Resource): JsonObject {
  return {
    get: operation(resource, "get"),
    put: operation(resource, "put"),
    patch: operation(resource, "patch", "force"),
    delete: operation(resource, "delete"),
  };
}

function operation(resource: Resource, action: string, ...more: readonly string[]): JsonObject {
  const { group, version, kind } = resource;
  const content = { "application/json": { schema: { $ref: `#/components/schemas/${schemaName(resource)}` } } };
  const writes = action === "post" || action === "put" || action === "patch";
  return {
    operationId: `${action}${apiVersionOf(resource).replaceAll(/[^a-z0-9]/gi, "")}${kind}`,
    ...(writes ? { parameters: parameters(...more) } : {}),
    ...(action === "patch" ? { requestBody: { content: PATCH_CONTENT } } : {}),
    responses: { "200": { description: "OK", content } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

const PATCH_CONTENT = Object.fromEntries(
  ["json-patch+json", "merge-patch+json", "apply-patch+yaml"].map((type) => [
    `application/${type}`,
    { schema: { type: "object" } },
  ]),
);
