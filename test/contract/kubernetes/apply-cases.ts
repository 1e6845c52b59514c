/**
 * What server-side apply must do, as a table: run on the pure functions, on the embedded server and on a real one.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import type { Schema } from "../../../src/api/schema.ts";

type JsonObject = Record<string, unknown>;

const text: Schema = { type: "string" };
/** One field of every way to merge. */
export const thingSchema: Schema = {
  type: "object",
  properties: {
    apiVersion: text,
    kind: text,
    spec: {
      type: "object",
      properties: {
        replicas: { type: "integer" },
        image: text,
        settings: { type: "object", additionalProperties: text },
        pair: { type: "object", "x-kubernetes-map-type": "atomic", properties: { left: text, right: text } },
        command: { type: "array", items: text, "x-kubernetes-list-type": "atomic" },
        plain: { type: "array", items: text },
        tags: { type: "array", items: text, "x-kubernetes-list-type": "set" },
        ports: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["port", "protocol"],
          items: {
            type: "object",
            required: ["port"],
            properties: { port: { type: "integer" }, protocol: { type: "string", default: "TCP" }, name: text },
          },
        },
        members: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["node"],
          items: {
            type: "object",
            required: ["node"],
            properties: { node: text, state: text, facts: { type: "object", properties: { a: text, b: text } } },
          },
        },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: { type: "object", properties: { epoch: { type: "integer" } } },
  },
};

export interface ApplyStep {
  readonly by: string;
  readonly do: "apply" | "force" | "update";
  readonly spec?: JsonObject;
  readonly metadata?: JsonObject;
  /** Only at the status endpoint. */
  readonly status?: JsonObject;
}

export interface ApplyCase {
  readonly what: string;
  readonly steps: readonly ApplyStep[];
  readonly spec?: JsonObject;
  readonly metadata?: JsonObject;
  /** Manager (with operation) -> its fields. */
  readonly owners?: Readonly<Record<string, JsonObject>>;
  /** Message of the conflict that the last step ends in. */
  readonly conflict?: string;
  /** Field for which a server refuses the last step as Invalid. */
  readonly invalid?: string;
}

export const APPLY_CASES: readonly ApplyCase[] = [
  {
    what: "the first apply creates and owns what it names, leaves only",
    steps: [{ by: "a", do: "apply", spec: { replicas: 1, settings: { k: "v" } }, metadata: { labels: { x: "y" } } }],
    spec: { replicas: 1, settings: { k: "v" } },
    owners: {
      "a Apply": {
        "f:metadata": { "f:labels": { "f:x": {} } },
        "f:spec": { "f:replicas": {}, "f:settings": { "f:k": {} } },
      },
    },
  },
  {
    what: "a create by update owns containers too",
    steps: [{ by: "a", do: "update", spec: { settings: { k: "v" } } }],
    owners: { "a Update": { "f:spec": { ".": {}, "f:settings": { ".": {}, "f:k": {} } } } },
  },
  {
    what: "managers that name different fields live side by side",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1 } },
      { by: "b", do: "apply", spec: { image: "i" } },
    ],
    spec: { replicas: 1, image: "i" },
    owners: { "a Apply": { "f:spec": { "f:replicas": {} } }, "b Apply": { "f:spec": { "f:image": {} } } },
  },
  {
    what: "managers that apply the same value share the field",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1 } },
      { by: "b", do: "apply", spec: { replicas: 1 } },
    ],
    owners: { "a Apply": { "f:spec": { "f:replicas": {} } }, "b Apply": { "f:spec": { "f:replicas": {} } } },
  },
  {
    what: "another value is a conflict with the manager that applied it",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1 } },
      { by: "b", do: "apply", spec: { replicas: 2 } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "a": .spec.replicas',
  },
  {
    what: "a conflict with an update names the version it wrote",
    steps: [
      { by: "edit", do: "update", spec: { replicas: 1 } },
      { by: "b", do: "apply", spec: { replicas: 2 } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "edit" using v1: .spec.replicas',
  },
  {
    what: "several conflicts are listed by manager",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "c", do: "apply", spec: { tags: ["t"], command: ["x"] } },
      { by: "b", do: "apply", spec: { replicas: 2, image: "j", command: ["y"] } },
    ],
    conflict:
      'Apply failed with 3 conflicts: conflicts with "a":\n- .spec.image\n- .spec.replicas\nconflicts with "c":\n- .spec.command',
  },
  {
    what: "force takes the field over",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "b", do: "force", spec: { replicas: 2 } },
    ],
    spec: { replicas: 2, image: "i" },
    owners: { "a Apply": { "f:spec": { "f:image": {} } }, "b Apply": { "f:spec": { "f:replicas": {} } } },
  },
  {
    what: "a manager that loses its last field disappears",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1 } },
      { by: "b", do: "force", spec: { replicas: 2 } },
    ],
    owners: { "b Apply": { "f:spec": { "f:replicas": {} } } },
  },
  {
    what: "after losing a field, its former manager conflicts in turn",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "b", do: "force", spec: { replicas: 2 } },
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "b": .spec.replicas',
  },
  {
    what: "a field no longer applied goes",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "a", do: "apply", spec: { image: "i" } },
    ],
    spec: { image: "i" },
    owners: { "a Apply": { "f:spec": { "f:image": {} } } },
  },
  {
    what: "a field no longer applied stays while another manager applies it",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "b", do: "apply", spec: { replicas: 1 } },
      { by: "a", do: "apply", spec: { image: "i" } },
    ],
    spec: { replicas: 1, image: "i" },
    owners: { "a Apply": { "f:spec": { "f:image": {} } }, "b Apply": { "f:spec": { "f:replicas": {} } } },
  },
  {
    what: "a field that nobody applied stays when a manager drops others",
    steps: [
      { by: "edit", do: "update", spec: { image: "i" } },
      { by: "a", do: "apply", spec: { replicas: 1, settings: { k: "v" } } },
      { by: "a", do: "apply", spec: { replicas: 1 } },
    ],
    spec: { image: "i", replicas: 1 },
  },
  {
    what: "the last label no longer applied takes the map along",
    steps: [
      { by: "a", do: "apply", spec: {}, metadata: { labels: { x: "y" } } },
      { by: "a", do: "apply", spec: {}, metadata: {} },
    ],
    metadata: { name: "x" },
  },
  {
    what: "an update takes fields from appliers",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "edit", do: "update", spec: { replicas: 5, image: "i" } },
    ],
    owners: { "a Apply": { "f:spec": { "f:image": {} } }, "edit Update": { "f:spec": { "f:replicas": {} } } },
  },
  {
    what: "an update that removes a field takes it from its manager",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, image: "i" } },
      { by: "edit", do: "update", spec: { image: "i" } },
    ],
    owners: { "a Apply": { "f:spec": { "f:image": {} } } },
  },
  {
    what: "the same name applies and updates as two managers",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1 } },
      { by: "a", do: "update", spec: { replicas: 2 } },
    ],
    owners: { "a Update": { "f:spec": { "f:replicas": {} } } },
  },
  {
    what: "items of a list map merge by key and keep their owners",
    steps: [
      { by: "a", do: "apply", spec: { members: [{ node: "n1", state: "Up" }] } },
      { by: "b", do: "apply", spec: { members: [{ node: "n2", state: "Up" }] } },
    ],
    spec: {
      members: [
        { node: "n1", state: "Up" },
        { node: "n2", state: "Up" },
      ],
    },
    owners: {
      "a Apply": { "f:spec": { "f:members": { 'k:{"node":"n1"}': { ".": {}, "f:node": {}, "f:state": {} } } } },
      "b Apply": { "f:spec": { "f:members": { 'k:{"node":"n2"}': { ".": {}, "f:node": {}, "f:state": {} } } } },
    },
  },
  {
    what: "two managers own different fields of one item",
    steps: [
      { by: "a", do: "apply", spec: { members: [{ node: "n1", state: "Up" }] } },
      { by: "b", do: "apply", spec: { members: [{ node: "n1", facts: { a: "1" } }] } },
    ],
    spec: { members: [{ node: "n1", state: "Up", facts: { a: "1" } }] },
  },
  {
    what: "a conflict inside an item names its key",
    steps: [
      { by: "a", do: "apply", spec: { members: [{ node: "n1", state: "Up" }] } },
      { by: "b", do: "apply", spec: { members: [{ node: "n1", state: "Down" }] } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "a": .spec.members[node="n1"].state',
  },
  {
    what: "an item no longer applied goes, the others' stay",
    steps: [
      { by: "a", do: "apply", spec: { members: [{ node: "n1", state: "Up" }, { node: "n3" }] } },
      { by: "b", do: "apply", spec: { members: [{ node: "n2", state: "Up" }] } },
      { by: "a", do: "apply", spec: { members: [{ node: "n3" }] } },
    ],
    spec: { members: [{ node: "n3" }, { node: "n2", state: "Up" }] },
  },
  {
    what: "an item that another manager shares stays, without what only the first applied",
    steps: [
      { by: "a", do: "apply", spec: { members: [{ node: "n1", state: "Up" }] } },
      { by: "b", do: "apply", spec: { members: [{ node: "n1", facts: { a: "1" } }] } },
      { by: "a", do: "apply", spec: { replicas: 1 } },
    ],
    spec: { replicas: 1, members: [{ node: "n1", facts: { a: "1" } }] },
  },
  {
    what: "the last item no longer applied takes the list along",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1, members: [{ node: "n1" }] } },
      { by: "a", do: "apply", spec: { replicas: 1 } },
    ],
    spec: { replicas: 1 },
  },
  {
    what: "a key that is left out takes its default",
    steps: [
      { by: "a", do: "apply", spec: { ports: [{ port: 80, protocol: "TCP", name: "web" }] } },
      { by: "b", do: "apply", spec: { ports: [{ port: 80, name: "other" }] } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "a": .spec.ports[port=80,protocol="TCP"].name',
  },
  {
    what: "sets merge by value",
    steps: [
      { by: "a", do: "apply", spec: { tags: ["x", "y"] } },
      { by: "b", do: "apply", spec: { tags: ["y", "z"] } },
      { by: "a", do: "apply", spec: { tags: ["y"] } },
    ],
    spec: { tags: ["y", "z"] },
    owners: {
      "a Apply": { "f:spec": { "f:tags": { 'v:"y"': {} } } },
      "b Apply": { "f:spec": { "f:tags": { 'v:"y"': {}, 'v:"z"': {} } } },
    },
  },
  {
    what: "finalizers of different managers live side by side",
    steps: [
      { by: "a", do: "apply", spec: {}, metadata: { finalizers: ["x.dev/a"] } },
      { by: "b", do: "apply", spec: {}, metadata: { finalizers: ["x.dev/b"] } },
      { by: "a", do: "apply", spec: {}, metadata: {} },
    ],
    metadata: { name: "x", finalizers: ["x.dev/b"] },
  },
  {
    what: "an atomic list is one field",
    steps: [
      { by: "a", do: "apply", spec: { command: ["x"] } },
      { by: "b", do: "apply", spec: { command: ["x", "y"] } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "a": .spec.command',
  },
  {
    what: "a list without a type is atomic",
    steps: [
      { by: "a", do: "apply", spec: { plain: ["x"] } },
      { by: "b", do: "force", spec: { plain: ["y"] } },
    ],
    spec: { plain: ["y"] },
    owners: { "b Apply": { "f:spec": { "f:plain": {} } } },
  },
  {
    what: "an atomic map is one field",
    steps: [
      { by: "a", do: "apply", spec: { pair: { left: "l" } } },
      { by: "b", do: "force", spec: { pair: { right: "r" } } },
    ],
    spec: { pair: { right: "r" } },
    owners: { "b Apply": { "f:spec": { "f:pair": {} } } },
  },
  {
    what: "fields without a schema merge as maps",
    steps: [
      { by: "a", do: "apply", spec: { free: { x: { y: 1 }, l: [1] } } },
      { by: "b", do: "apply", spec: { free: { x: { z: 2 } } } },
    ],
    spec: { free: { x: { y: 1, z: 2 }, l: [1] } },
    owners: {
      "a Apply": { "f:spec": { "f:free": { "f:l": {}, "f:x": { ".": {}, "f:y": {} } } } },
      "b Apply": { "f:spec": { "f:free": { "f:x": { ".": {}, "f:z": {} } } } },
    },
  },
  {
    what: "an empty map is claimed as such",
    steps: [{ by: "a", do: "apply", spec: { settings: {} } }],
    owners: { "a Apply": { "f:spec": { "f:settings": {} } } },
  },
  {
    what: "the status endpoint is a manager of its own",
    steps: [
      { by: "a", do: "apply", spec: { replicas: 1 } },
      { by: "a", do: "apply", status: { epoch: 1 } },
    ],
    owners: { "a Apply": { "f:spec": { "f:replicas": {} } }, "a Apply/status": { "f:status": { "f:epoch": {} } } },
  },
  {
    what: "a conflict with a status manager names the subresource",
    steps: [
      { by: "a", do: "apply", status: { epoch: 1 } },
      { by: "b", do: "apply", status: { epoch: 2 } },
    ],
    conflict: 'Apply failed with 1 conflict: conflict with "a" with subresource "status": .status.epoch',
  },
  {
    what: "an empty list is claimed by nobody",
    steps: [{ by: "a", do: "apply", spec: { tags: [], image: "i" } }],
    owners: { "a Apply": { "f:spec": { "f:image": {} } } },
  },
  {
    what: "items come in the order of the configuration, others keep their place between",
    steps: [
      { by: "a", do: "apply", spec: { tags: ["n2", "n1", "n3"] } },
      { by: "b", do: "apply", spec: { tags: ["n3", "n2"] } },
    ],
    spec: { tags: ["n1", "n3", "n2"] },
  },
  {
    what: "live items come before new ones at the same place",
    steps: [
      { by: "a", do: "apply", spec: { tags: ["n1", "n2", "n3"] } },
      { by: "b", do: "apply", spec: { tags: ["n2", "n4", "n1"] } },
    ],
    spec: { tags: ["n2", "n3", "n4", "n1"] },
  },
  {
    what: "a map that is emptied while it is still claimed turns null, which the schema refuses",
    steps: [
      { by: "a", do: "apply", spec: { settings: { k: "v" } } },
      { by: "a", do: "apply", spec: { settings: {} } },
    ],
    invalid: "spec.settings",
  },
];
