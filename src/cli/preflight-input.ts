/**
 * What `preflight` looks at: groups, their resources and Nodes, from a cluster, from a dump, or from manifests. Reads
 * only; manifests have no status, so that only the policy and what stands in them can be told.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { FailoverGroup } from "../api/generated/types.ts";
import { FAILOVER_GROUP, isKindName, isResourceKind, KINDS, RESOURCE_KINDS, type ResourceKind } from "../api/kinds.ts";
import { LEASE, type Lease, SESSION_LABEL } from "../api/session-lease.ts";
import { isJsonMap } from "../api/structural.ts";
import type { KubeApi, KubeObject, ResourceType } from "../kube/ports.ts";
import { type Dump, whatIsWrongWithDump } from "../reconcilers/failover-group/dump.ts";
import { factsOf } from "../reconcilers/pointer/members.ts";
import type { Node } from "../reconcilers/shared/sources.ts";

export interface PreflightInput {
  readonly groups: readonly FailoverGroup[];
  readonly resources: Readonly<Partial<Record<ResourceKind, readonly KubeObject[]>>>;
  readonly nodes: readonly Node[];
  readonly leases: readonly Lease[];
  /** False: manifests, which nobody has checked against anything. */
  readonly hasStatus: boolean;
}

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

export async function readCluster(kube: KubeApi, namespace: string, systemNamespace: string): Promise<PreflightInput> {
  const resources: Partial<Record<ResourceKind, readonly KubeObject[]>> = {};
  for (const kind of RESOURCE_KINDS) resources[kind] = (await kube.list<KubeObject>(KINDS[kind], { namespace })).items;
  return {
    groups: (await kube.list<FailoverGroup>(FAILOVER_GROUP, { namespace })).items,
    resources,
    nodes: (await kube.list<Node>(NODE, {})).items,
    leases: (await kube.list<Lease>(LEASE, { namespace: systemNamespace, labelSelector: SESSION_LABEL })).items,
    hasStatus: true,
  };
}

/** A dump of `understudy dump`, a manifest, or a folder of manifests. Throws an `Error` fit to be shown. */
export function readFiles(name: string): PreflightInput {
  const texts = textsOf(name);
  const [only = ""] = texts;
  const parsed = texts.length === 1 ? jsonOf(only) : undefined;
  return whatIsWrongWithDump(parsed) === undefined ? ofDump(parsed as Dump) : ofManifests(name, texts);
}

/** API.md 1.1: the group's word, else the Node's, else what the agent read from the instance metadata. */
export function providerIdOf(input: PreflightInput, group: FailoverGroup, node: string): string | undefined {
  const given = group.spec.members.find((member) => member.node === node)?.providerID;
  const ofNode = input.nodes.find(({ metadata }) => metadata.name === node)?.spec?.providerID;
  const lease = input.leases.find(({ metadata }) => metadata.name === node);
  return given ?? (ofNode === "" ? undefined : ofNode) ?? factsOf(lease)?.providerId;
}

function ofDump({ groups, resources, nodes, reads }: Dump): PreflightInput {
  return { groups, resources, nodes, leases: reads.at(-1)?.leases ?? [], hasStatus: true };
}

function ofManifests(name: string, texts: readonly string[]): PreflightInput {
  const objects = texts.flatMap((text) => {
    const parsed = parseAllDocuments(text, { logLevel: "silent" });
    const documents = "empty" in parsed ? [] : parsed;
    const [broken] = documents.flatMap(({ errors }) => errors);
    if (broken !== undefined) throw new Error(`${name}: ${broken.message.split("\n")[0]}`);
    return documents.map((document): unknown => document.toJS()).filter(isKubeObject);
  });
  const ofKind = (kind: string): readonly KubeObject[] => objects.filter((object) => object.kind === kind);
  const groups = ofKind("FailoverGroup") as readonly FailoverGroup[];
  if (groups.length === 0) throw new Error(`${name}: there is no FailoverGroup in it`);
  const kinds = [...new Set(objects.map(({ kind = "" }) => kind))].filter(isResourceKind);
  const resources = Object.fromEntries(kinds.map((kind) => [kind, ofKind(kind)]));
  return { groups, resources, nodes: ofKind("Node"), leases: [], hasStatus: false };
}

function isKubeObject(value: unknown): value is KubeObject {
  if (!isJsonMap(value) || typeof value["kind"] !== "string" || !isJsonMap(value["metadata"])) return false;
  return value["kind"] === "Node" || isKindName(value["kind"]);
}

function textsOf(name: string): string[] {
  const names = statSync(name).isDirectory()
    ? readdirSync(name)
        .filter((file) => /\.(ya?ml|json)$/.test(file))
        .sort()
        .map((file) => join(name, file))
    : [name];
  return names.map((file) => readFileSync(file, "utf8"));
}

/** Undefined: it is no JSON, so perhaps YAML. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
