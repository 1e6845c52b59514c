/** The kinds of the core group that the product and kubectl meet: enough schema for merging, tables and `explain`. */
import { at, isJsonObject, stringAt, type ApiObject } from "../json.ts";
import type { Column, Resource } from "../resource.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import { CONDITION, int, kindSchema, list, listMap, loose, obj, str, strings } from "./schemas.ts";

type Optional =
  | "shortNames"
  | "categories"
  | "hasStatus"
  | "columns"
  | "custom"
  | "countsGenerations"
  | "createOnUpdate"
  | "unconditionalUpdate";

/** A built-in resource; the usual is filled in. */
export function builtin(
  given: Omit<Resource, Optional | "listKind" | "singular" | "storage"> & Partial<Pick<Resource, Optional | "storage">>,
): Resource {
  return {
    singular: given.kind.toLowerCase(),
    listKind: `${given.kind}List`,
    shortNames: [],
    categories: [],
    hasStatus: false,
    columns: [nameColumn, ageColumn],
    custom: false,
    countsGenerations: false,
    createOnUpdate: false,
    unconditionalUpdate: true,
    storage: `${given.plural}.${given.group}`,
    ...given,
  };
}

const core = { group: "", version: "v1" } as const;

const namespaces = builtin({
  ...core,
  plural: "namespaces",
  kind: "Namespace",
  shortNames: ["ns"],
  namespaced: false,
  hasStatus: true,
  columns: [nameColumn, { name: "Status", type: "string", priority: 0, value: ".status.phase" }, ageColumn],
  selectable: ["status.phase"],
  onCreate: (object) => {
    object["spec"] = { finalizers: ["kubernetes"] };
    object["status"] = { phase: "Active" };
    object.metadata.labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name };
  },
  schema: kindSchema("Namespace provides a scope for names.", {
    spec: obj("Behaviour of the Namespace.", { finalizers: list("Must be empty before removal.", { type: "string" }) }),
    status: obj("Current state of the Namespace.", {
      phase: str("Active or Terminating."),
      conditions: listMap("Latest observations.", ["type"], CONDITION),
    }),
  }),
});

function nodeStatus(node: ApiObject): string {
  const conditions = at(node, "status", "conditions");
  const ready = (Array.isArray(conditions) ? conditions : []).find((each) => stringAt(each, "type") === "Ready");
  const state = stringAt(ready, "status");
  const text = state === "True" ? "Ready" : state === undefined ? "Unknown" : "NotReady";
  return at(node, "spec", "unschedulable") === true ? `${text},SchedulingDisabled` : text;
}

function nodeRoles(node: ApiObject): string {
  const prefix = "node-role.kubernetes.io/";
  const roles = Object.keys(node.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.length === 0 ? "<none>" : roles.map((label) => label.slice(prefix.length)).join(",");
}

function nodeAddress(type: string): (node: ApiObject) => string {
  return (node) => {
    const addresses = at(node, "status", "addresses");
    const found = (Array.isArray(addresses) ? addresses : []).find((each) => stringAt(each, "type") === type);
    return stringAt(found, "address") ?? "<none>";
  };
}

const nodeColumns: readonly Column[] = [
  nameColumn,
  { name: "Status", type: "string", priority: 0, value: nodeStatus },
  { name: "Roles", type: "string", priority: 0, value: nodeRoles },
  ageColumn,
  { name: "Version", type: "string", priority: 0, value: ".status.nodeInfo.kubeletVersion" },
  { name: "Internal-IP", type: "string", priority: 1, value: nodeAddress("InternalIP") },
  { name: "External-IP", type: "string", priority: 1, value: nodeAddress("ExternalIP") },
  { name: "OS-Image", type: "string", priority: 1, value: ".status.nodeInfo.osImage" },
  { name: "Kernel-Version", type: "string", priority: 1, value: ".status.nodeInfo.kernelVersion" },
  { name: "Container-Runtime", type: "string", priority: 1, value: ".status.nodeInfo.containerRuntimeVersion" },
];

const nodes = builtin({
  ...core,
  plural: "nodes",
  kind: "Node",
  shortNames: ["no"],
  namespaced: false,
  hasStatus: true,
  columns: nodeColumns,
  selectable: ["spec.unschedulable"],
  schema: kindSchema("Node is a worker node.", {
    spec: loose("Behaviour of the node.", {
      providerID: str("ID of the node assigned by the cloud provider."),
      unschedulable: { type: "boolean", description: "No new pods are scheduled here." },
      podCIDR: str("IP range for pods."),
      taints: list("Taints of the node.", loose("A taint.")),
    }),
    status: loose("Most recently observed state.", {
      addresses: listMap(
        "Addresses of the node.",
        ["type", "address"],
        obj("An address.", {
          type: str("Hostname, InternalIP, ExternalIP."),
          address: str("The address."),
        }),
      ),
      conditions: listMap("Observed conditions.", ["type"], CONDITION),
      nodeInfo: loose("Versions of what runs on the node."),
      capacity: loose("Total resources."),
      allocatable: loose("Resources for scheduling."),
    }),
  }),
});

function entryCount(object: ApiObject): number {
  return ["data", "binaryData"].reduce((sum, field) => {
    const entries = object[field];
    return sum + (isJsonObject(entries) ? Object.keys(entries).length : 0);
  }, 0);
}

const dataColumn: Column = { name: "Data", type: "string", priority: 0, value: entryCount };

/** stringData is for writing only: its values move into data. */
function encodeStringData(secret: ApiObject): void {
  const { stringData } = secret;
  if (!isJsonObject(stringData)) return;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString("base64"),
  ]);
  secret["data"] = { ...(isJsonObject(secret["data"]) ? secret["data"] : {}), ...Object.fromEntries(encoded) };
  delete secret["stringData"];
}

const secrets = builtin({
  ...core,
  plural: "secrets",
  kind: "Secret",
  namespaced: true,
  columns: [nameColumn, { name: "Type", type: "string", priority: 0, value: ".type" }, dataColumn, ageColumn],
  selectable: ["type"],
  normalize: encodeStringData,
  onCreate: (object) => {
    object["type"] ??= "Opaque";
  },
  schema: kindSchema("Secret holds secret data of a certain type.", {
    type: str("Facilitates handling of the data."),
    immutable: { type: "boolean", description: "The data cannot be updated." },
    data: strings("Base64-encoded values."),
    stringData: strings("Plain values; written into data."),
  }),
});

const configmaps = builtin({
  ...core,
  plural: "configmaps",
  kind: "ConfigMap",
  shortNames: ["cm"],
  namespaced: true,
  columns: [nameColumn, dataColumn, ageColumn],
  schema: kindSchema("ConfigMap holds configuration data.", {
    immutable: { type: "boolean", description: "The data cannot be updated." },
    data: strings("UTF-8 values."),
    binaryData: strings("Base64-encoded values."),
  }),
});

const serviceaccounts = builtin({
  ...core,
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  shortNames: ["sa"],
  namespaced: true,
  columns: [
    nameColumn,
    {
      name: "Secrets",
      type: "string",
      priority: 0,
      value: (object) => (Array.isArray(object["secrets"]) ? object["secrets"].length : 0),
    },
    ageColumn,
  ],
  schema: kindSchema("ServiceAccount is an identity for processes.", {
    secrets: listMap("Secrets of the account.", ["name"], loose("A reference.", { name: str("Name.") })),
    imagePullSecrets: list("Secrets for pulling images.", loose("A reference.")),
    automountServiceAccountToken: { type: "boolean", description: "Mount the token into pods." },
  }),
});

function readyContainers(pod: ApiObject): string {
  const statuses = at(pod, "status", "containerStatuses");
  const containers = at(pod, "spec", "containers");
  const ready = (Array.isArray(statuses) ? statuses : []).filter((each) => at(each, "ready") === true).length;
  return `${ready}/${Array.isArray(containers) ? containers.length : 0}`;
}

const pods = builtin({
  ...core,
  plural: "pods",
  kind: "Pod",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  hasStatus: true,
  columns: [
    nameColumn,
    { name: "Ready", type: "string", priority: 0, value: readyContainers },
    { name: "Status", type: "string", priority: 0, value: ".status.phase" },
    { name: "Restarts", type: "string", priority: 0, value: () => "0" },
    ageColumn,
    { name: "IP", type: "string", priority: 1, value: ".status.podIP" },
    { name: "Node", type: "string", priority: 1, value: ".spec.nodeName" },
  ],
  selectable: ["spec.nodeName", "status.phase", "spec.restartPolicy", "status.podIP"],
  onCreate: (object) => {
    object["status"] = { phase: "Pending" };
  },
  schema: kindSchema("Pod is a collection of containers on a host.", {
    spec: loose("Desired behaviour.", {
      nodeName: str("Node the pod runs on."),
      containers: listMap(
        "Containers of the pod.",
        ["name"],
        loose("A container.", {
          name: str("Name of the container."),
          image: str("Image of the container."),
          ports: {
            type: "array",
            items: loose("A port.", {
              containerPort: int("Port number."),
              protocol: str("Protocol.", { default: "TCP" }),
            }),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
          },
        }),
      ),
    }),
    status: loose("Observed state.", {
      phase: str("Pending, Running, Succeeded, Failed, Unknown."),
      conditions: listMap("Current conditions.", ["type"], CONDITION),
    }),
  }),
});

export const CORE_KINDS: readonly Resource[] = [namespaces, nodes, secrets, configmaps, serviceaccounts, pods];
