/** Requests that name no resource: health, version, discovery, OpenAPI. */
import type { JsonObject } from "../json.ts";
import type { ResourceRegistry } from "../resource.ts";
import { aggregated, apiGroupList, apiResourceList, apiVersions, oneApiGroup } from "./discovery.ts";
import { discoveryVersion } from "./negotiation.ts";
import { openApiDocument, openApiIndex } from "./openapi.ts";

export interface MetaAnswer {
  readonly contentType: string;
  readonly body: JsonObject | string;
}

const JSON_TYPE = "application/json";

/** Kubernetes whose behaviour is imitated; kubectl accepts one minor version up and down. */
const VERSION: JsonObject = {
  major: "1",
  minor: "32",
  gitVersion: "v1.32.0+understudy",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: "linux/amd64",
};

/** Undefined when the path means nothing here. */
export function handleMeta(
  registry: ResourceRegistry,
  path: string,
  accept: string | undefined,
): MetaAnswer | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const [first, second, third, fourth] = parts;
  if (["healthz", "livez", "readyz"].includes(first ?? "") && parts.length === 1) {
    return { contentType: "text/plain; charset=utf-8", body: "ok" };
  }
  if (first === "version" && parts.length === 1) return json(VERSION);
  if (first === "openapi" && second === "v3") return openApi(registry, parts.slice(2));
  if (first === "api") return coreDiscovery(registry, parts.slice(1), accept);
  if (first !== "apis") return undefined;
  if (second === undefined) return groupDiscovery(registry, false, accept) ?? json(apiGroupList(registry));
  if (third === undefined) return json(oneApiGroup(registry, second));
  return fourth === undefined ? json(apiResourceList(registry, second, third)) : undefined;
}

function coreDiscovery(
  registry: ResourceRegistry,
  rest: readonly string[],
  accept: string | undefined,
): MetaAnswer | undefined {
  if (rest.length === 0) return groupDiscovery(registry, true, accept) ?? json(apiVersions());
  return rest.length === 1 ? json(apiResourceList(registry, "", rest[0] ?? "")) : undefined;
}

function groupDiscovery(registry: ResourceRegistry, core: boolean, accept: string | undefined): MetaAnswer | undefined {
  const version = discoveryVersion(accept);
  if (version === undefined) return undefined;
  const body = aggregated(registry, core, `apidiscovery.k8s.io/${version}`);
  const contentType = `${JSON_TYPE};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  return { contentType, body };
}

function openApi(registry: ResourceRegistry, rest: readonly string[]): MetaAnswer | undefined {
  const [kind, first = "", second = ""] = rest;
  if (kind === undefined) return json(openApiIndex(registry));
  if (kind === "api" && rest.length === 2) return json(openApiDocument(registry, "", first));
  return kind === "apis" && rest.length === 3 ? json(openApiDocument(registry, first, second)) : undefined;
}

function json(body: JsonObject | undefined): MetaAnswer | undefined {
  return body === undefined ? undefined : { contentType: JSON_TYPE, body };
}
