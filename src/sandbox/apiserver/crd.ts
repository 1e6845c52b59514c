/**
 * CustomResourceDefinitions: checked, established at once, and turned into resources, one per served version.
 *
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/
 */
import { messageOf } from "../../lib/errors.ts";
import { ageColumn, nameColumn } from "./builtin/columns.ts";
import { OBJECT_META } from "./builtin/schemas.ts";
import { at, isJsonObject, stringAt, type ApiObject, type JsonObject } from "./json.ts";
import { apiVersionOf, type Column, type Resource, type Schema } from "./resource.ts";
import type { StatusCause } from "./status-error.ts";
import { customEngine } from "./validation.ts";

export const CRD_STORAGE = "customresourcedefinitions.apiextensions.k8s.io";

function versionsOf(crd: ApiObject): JsonObject[] {
  const versions = at(crd, "spec", "versions");
  return Array.isArray(versions) ? versions.filter(isJsonObject) : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function required(field: string, message = "Required value"): StatusCause {
  return { reason: "FieldValueRequired", message, field };
}

function invalid(field: string, value: unknown, why: string): StatusCause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(value)}: ${why}`, field };
}

export function checkCrd(crd: ApiObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const group = stringAt(crd, "spec", "group") ?? "";
  const plural = stringAt(crd, "spec", "names", "plural") ?? "";
  if (group === "") causes.push(required("spec.group"));
  if (plural === "") causes.push(required("spec.names.plural"));
  if (stringAt(crd, "spec", "names", "kind") === undefined) causes.push(required("spec.names.kind"));
  if (crd.metadata.name !== `${plural}.${group}`) {
    causes.push(invalid("metadata.name", crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  const scope = stringAt(crd, "spec", "scope");
  if (scope !== "Namespaced" && scope !== "Cluster") {
    const message = `Unsupported value: ${JSON.stringify(scope ?? "")}: supported values: "Cluster", "Namespaced"`;
    causes.push({ reason: "FieldValueNotSupported", message, field: "spec.scope" });
  }
  const versions = versionsOf(crd);
  if (versions.filter((version) => version["storage"] === true).length !== 1) {
    causes.push(invalid("spec.versions", versions.length, "must have exactly one version marked as storage version"));
  }
  for (const [index, version] of versions.entries()) causes.push(...checkVersion(version, `spec.versions[${index}]`));
  return causes;
}

function checkVersion(version: JsonObject, path: string): StatusCause[] {
  const field = `${path}.schema.openAPIV3Schema`;
  const schema = at(version, "schema", "openAPIV3Schema");
  if (!isJsonObject(schema)) return [required(field, "Required value: schemas are required")];
  if (schema["type"] !== "object")
    return [invalid(`${field}.type`, schema["type"] ?? "", 'must be "object" at the root')];
  const structural = [...checkMetadataSchema(schema, field), ...checkStructural(schema, field)];
  if (structural.length > 0) return structural;
  try {
    customEngine(withMetadata(schema as Schema));
    return [];
  } catch (thrown) {
    return [invalid(field, "schema", messageOf(thrown))];
  }
}

/** The main rules of structural schemas: every part has a type, and lists say what they hold. */
function checkStructural(schema: JsonObject, path: string): StatusCause[] {
  const causes: StatusCause[] = [];
  const free = schema["x-kubernetes-preserve-unknown-fields"] === true || schema["x-kubernetes-int-or-string"] === true;
  if (typeof schema["type"] !== "string" && !free)
    causes.push(required(`${path}.type`, "Required value: must not be empty for specified object fields"));
  if (schema["type"] === "array" && !isJsonObject(schema["items"]))
    causes.push(required(`${path}.items`, "Required value: must be specified"));
  causes.push(...checkListMap(schema, path));
  if (isJsonObject(schema["items"])) causes.push(...checkStructural(schema["items"], `${path}.items`));
  for (const [name, property] of Object.entries(isJsonObject(schema["properties"]) ? schema["properties"] : {})) {
    if (isJsonObject(property)) causes.push(...checkStructural(property, `${path}.properties[${name}]`));
  }
  if (isJsonObject(schema["additionalProperties"])) {
    causes.push(...checkStructural(schema["additionalProperties"], `${path}.additionalProperties`));
  }
  return causes;
}

/** Every key of a list map must be there, so that items can be told apart. */
function checkListMap(schema: JsonObject, path: string): StatusCause[] {
  const keys = strings(schema["x-kubernetes-list-map-keys"]);
  const needed = strings(at(schema, "items", "required"));
  const why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
  return keys
    .filter((key) => !needed.includes(key) && at(schema, "items", "properties", key, "default") === undefined)
    .map((key) => required(`${path}.items.properties[${key}].default`, `Required value: ${why}`));
}

function checkMetadataSchema(schema: JsonObject, path: string): StatusCause[] {
  const fields = Object.keys((at(schema, "properties", "metadata", "properties") ?? {}) as JsonObject);
  if (fields.every((field) => field === "name" || field === "generateName")) return [];
  const why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
  return [{ reason: "FieldValueForbidden", message: `Forbidden: ${why}`, field: `${path}.properties[metadata]` }];
}

/** Names filled in and status as the server's controllers would write it. */
export function establishCrd(crd: ApiObject, time: string): ApiObject {
  const names = at(crd, "spec", "names") as JsonObject;
  const kind = String(names["kind"]);
  const full = {
    ...names,
    singular: names["singular"] ?? kind.toLowerCase(),
    listKind: names["listKind"] ?? `${kind}List`,
  };
  const condition = (type: string, reason: string, message: string): JsonObject => ({
    type,
    status: "True",
    lastTransitionTime: time,
    reason,
    message,
  });
  const stored = versionsOf(crd).find((version) => version["storage"] === true)?.["name"];
  const known = strings(at(crd, "status", "storedVersions"));
  const conditions = at(crd, "status", "conditions");
  return {
    ...crd,
    spec: { conversion: { strategy: "None" }, ...(crd["spec"] as JsonObject), names: full },
    status: {
      conditions: Array.isArray(conditions)
        ? conditions
        : [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
          ],
      acceptedNames: full,
      storedVersions: known.includes(String(stored)) ? known : [...known, String(stored)],
    },
  };
}

/** One resource per served version. */
export function resourcesOfCrd(crd: ApiObject): Resource[] {
  const names = at(crd, "spec", "names") as JsonObject;
  const group = stringAt(crd, "spec", "group") ?? "";
  const versions = versionsOf(crd);
  const stored = String(versions.find((version) => version["storage"] === true)?.["name"]);
  return versions
    .filter((version) => version["served"] !== false)
    .map((version) => {
      const name = String(version["name"]);
      const isStored = name === stored;
      const into =
        (target: string) =>
        (object: ApiObject): ApiObject => ({
          ...object,
          apiVersion: apiVersionOf({ group, version: target }),
        });
      return {
        group,
        version: name,
        plural: String(names["plural"]),
        singular: String(names["singular"]),
        kind: String(names["kind"]),
        listKind: String(names["listKind"]),
        shortNames: strings(names["shortNames"]),
        categories: strings(names["categories"]),
        namespaced: stringAt(crd, "spec", "scope") === "Namespaced",
        hasStatus: isJsonObject(at(version, "subresources", "status")),
        schema: withMetadata(at(version, "schema", "openAPIV3Schema") as Schema),
        columns: columnsOf(version["additionalPrinterColumns"]),
        custom: true,
        countsGenerations: true,
        createOnUpdate: false,
        unconditionalUpdate: false,
        storage: `${String(names["plural"])}.${group}`,
        selectable: selectableOf(version["selectableFields"]),
        ...(isStored ? {} : { toStored: into(stored), fromStored: into(name) }),
      };
    });
}

/** CRDs leave `metadata` to the server; merging and `explain` need its schema. */
function withMetadata(schema: Schema): Schema {
  const { metadata: _given, ...properties } = schema.properties ?? {};
  return {
    ...schema,
    properties: {
      apiVersion: { type: "string", description: "Versioned schema of this representation of an object." },
      kind: { type: "string", description: "The REST resource this object represents." },
      metadata: OBJECT_META,
      ...properties,
    },
  };
}

function selectableOf(fields: unknown): string[] {
  return (Array.isArray(fields) ? fields : []).map((each) => (stringAt(each, "jsonPath") ?? "").replace(/^\./, ""));
}

function columnsOf(given: unknown): Column[] {
  if (!Array.isArray(given) || given.length === 0) return [nameColumn, ageColumn];
  const columns = given.filter(isJsonObject).map((column): Column => ({
    name: String(column["name"]),
    type: String(column["type"]),
    ...(typeof column["format"] === "string" ? { format: column["format"] } : {}),
    ...(typeof column["description"] === "string" ? { description: column["description"] } : {}),
    priority: typeof column["priority"] === "number" ? column["priority"] : 0,
    value: String(column["jsonPath"]),
  }));
  return [nameColumn, ...columns];
}
