/** Applying YAML as a user would: every document of every file of a folder, by server-side apply, in order. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { KINDS } from "../../api/kinds.ts";
import type { KubeApi, KubeObject, ResourceType } from "../../kube/ports.ts";

const core = (kind: string, plural: string, namespaced: boolean): ResourceType => ({
  group: "",
  version: "v1",
  plural,
  kind,
  namespaced,
});

export const NAMESPACE = core("Namespace", "namespaces", false);
export const NODE = core("Node", "nodes", false);
export const EVENT = core("Event", "events", true);
const CUSTOM_RESOURCE_DEFINITION: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

const TYPES: Readonly<Record<string, ResourceType>> = {
  ...KINDS,
  Namespace: NAMESPACE,
  Node: NODE,
  ConfigMap: core("ConfigMap", "configmaps", true),
  Secret: core("Secret", "secrets", true),
  ServiceAccount: core("ServiceAccount", "serviceaccounts", true),
  CustomResourceDefinition: CUSTOM_RESOURCE_DEFINITION,
};

/** Who kubectl says it is in server-side apply. */
const FIELD_MANAGER = "kubectl";

/** All objects of the YAML files of a folder, in the order of their names. Throws on a file that does not parse. */
export function readManifests(folder: string): KubeObject[] {
  const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  return files.sort().flatMap((name) => {
    const documents = parseAllDocuments(readFileSync(join(folder, name), "utf8"));
    return [...documents].flatMap((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw new Error(`${join(folder, name)}: ${error.message}`);
      const value: unknown = document.toJS();
      return value === null ? [] : [value as KubeObject];
    });
  });
}

/** Applies objects to `namespace` where they name none. */
export async function applyAll(api: KubeApi, objects: readonly KubeObject[], namespace: string): Promise<void> {
  for (const object of objects) {
    const type = TYPES[object.kind ?? ""];
    if (type === undefined) throw new Error(`kind ${object.kind ?? "?"} is not known to the sandbox`);
    const place = type.namespaced ? (object.metadata.namespace ?? namespace) : "";
    const body = { ...object, metadata: { ...object.metadata, ...(place === "" ? {} : { namespace: place }) } };
    const key = { namespace: place, name: object.metadata.name };
    await api.patch(type, key, { type: "apply", body, fieldManager: FIELD_MANAGER, force: false });
  }
}
