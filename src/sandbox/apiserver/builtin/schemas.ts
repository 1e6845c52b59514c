/** Short builders for the schemas of built-in kinds, and the schema of `metadata` that every kind shares. */
import type { Schema } from "../resource.ts";

export function str(description: string, extra: Partial<Schema> = {}): Schema {
  return { type: "string", description, ...extra };
}

export function int(description: string, extra: Partial<Schema> = {}): Schema {
  return { type: "integer", format: "int32", description, ...extra };
}

export function bool(description: string): Schema {
  return { type: "boolean", description };
}

/** metav1.Time: RFC 3339, kept with whole seconds. */
export function time(description: string): Schema {
  return { type: "string", format: "date-time", description };
}

/** metav1.MicroTime: exactly six fractional digits. */
export function microTime(description: string): Schema {
  return { type: "string", format: MICRO_TIME, description };
}

export const MICRO_TIME = "micro-time";

export function obj(description: string, properties: Record<string, Schema>, extra: Partial<Schema> = {}): Schema {
  return { type: "object", description, properties, ...extra };
}

export function list(description: string, items: Schema, extra: Partial<Schema> = {}): Schema {
  return { type: "array", description, items, "x-kubernetes-list-type": "atomic", ...extra };
}

export function listMap(description: string, keys: string[], items: Schema): Schema {
  return list(description, items, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys });
}

export function strings(description: string): Schema {
  return { type: "object", description, additionalProperties: { type: "string" } };
}

/** Anything below is kept as it is. */
export function loose(description: string, properties?: Record<string, Schema>): Schema {
  return {
    type: "object",
    description,
    ...(properties === undefined ? {} : { properties }),
    "x-kubernetes-preserve-unknown-fields": true,
  };
}

export const OBJECT_META: Schema = obj("Standard object's metadata.", {
  name: str("Name, unique within a namespace."),
  generateName: str("Prefix from which the server makes a name when none is given."),
  namespace: str("Namespace that holds the object."),
  uid: str("Identity of this very object in time and space."),
  resourceVersion: str("Opaque version of the object, for optimistic concurrency and watches."),
  generation: { type: "integer", format: "int64", description: "Rises with every change of the desired state." },
  creationTimestamp: time("When the object was created."),
  deletionTimestamp: time("When deletion was asked for; the object goes when its finalizers are gone."),
  deletionGracePeriodSeconds: { type: "integer", format: "int64", description: "Seconds allowed for termination." },
  selfLink: str("Not used any more."),
  labels: strings("Identifying key and value pairs, for selectors."),
  annotations: strings("Non-identifying key and value pairs."),
  finalizers: list(
    "Must be empty before the object is removed.",
    { type: "string" },
    { "x-kubernetes-list-type": "set" },
  ),
  ownerReferences: listMap(
    "Objects this one depends on; it is collected when all of them are gone.",
    ["uid"],
    obj(
      "An owner in the same namespace, or cluster-scoped.",
      {
        apiVersion: str("API version of the owner."),
        kind: str("Kind of the owner."),
        name: str("Name of the owner."),
        uid: str("UID of the owner."),
        controller: bool("True for the managing controller."),
        blockOwnerDeletion: bool("Foreground deletion of the owner waits for this object."),
      },
      { required: ["apiVersion", "kind", "name", "uid"] },
    ),
  ),
  managedFields: list("Which manager manages which fields.", {
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  }),
});

/** The full schema of a kind: apiVersion, kind and metadata beside its own properties. */
export function kindSchema(
  description: string,
  properties: Record<string, Schema>,
  extra: Partial<Schema> = {},
): Schema {
  return obj(
    description,
    {
      apiVersion: str("Versioned schema of this representation."),
      kind: str("The resource this object represents."),
      metadata: OBJECT_META,
      ...properties,
    },
    extra,
  );
}

export const CONDITION: Schema = obj("One aspect of the current state.", {
  type: str("Type of the condition."),
  status: str("True, False or Unknown."),
  observedGeneration: { type: "integer", format: "int64", description: "Generation the condition is about." },
  lastTransitionTime: time("When the status last changed."),
  lastHeartbeatTime: time("When the condition was last reported."),
  lastUpdateTime: time("When the condition was last updated."),
  reason: str("Machine-readable reason."),
  message: str("Text for people."),
});
