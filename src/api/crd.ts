/**
 * The CustomResourceDefinition of a kind, as an object: printed to `crds/*.yaml` and served by the embedded API
 * server, so that both are the same.
 */
import type { KindDefinition } from "./kind-definition.ts";
import { rootSchema } from "./kind-definition.ts";
import type { Json, Schema } from "./schema.ts";

type JsonObject = { readonly [key: string]: Json };

/** The schema as Kubernetes takes it: without the generator's own keys. */
export function crdSchema(schema: Schema): JsonObject {
  const { typeName: _typeName, tsType: _tsType, properties, items, additionalProperties, ...rest } = schema;
  return {
    ...(rest as JsonObject),
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, sub]) => [name, crdSchema(sub)])) }),
    ...(items === undefined ? {} : { items: crdSchema(items) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "boolean" ? additionalProperties : crdSchema(additionalProperties),
        }),
  };
}

export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: JsonObject;
}

export function crdOf(definition: KindDefinition): CustomResourceDefinition {
  const { kind, printerColumns } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.plural}.${kind.group}` },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: kind.listKind,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: kind.categories,
      },
      scope: "Namespaced",
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: printerColumns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema: crdSchema(rootSchema(definition)) },
        },
      ],
    },
  };
}
