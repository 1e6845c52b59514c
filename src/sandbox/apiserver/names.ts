/**
 * Rules of names, labels and other metadata that hold for every kind.
 *
 * Source: k8s.io/apimachinery/pkg/util/validation, https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
import { isJsonObject, type ApiMeta } from "./json.ts";
import type { StatusCause } from "./status-error.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const MAX_NAME = 253;
const MAX_LABEL = 63;
/** Of all annotations together, in characters (a real server: 256 KiB). */
const MAX_ANNOTATIONS = 262_144;

const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_TEXT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

function invalidValue(field: string, value: unknown, why: string): StatusCause {
  return { reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(value)}: ${why}`, field };
}

function isQualifiedName(key: string): boolean {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2 || name.length > MAX_LABEL || !LABEL_PART.test(name)) return false;
  return parts.length === 1 || (SUBDOMAIN.test(parts[0] ?? "") && (parts[0] ?? "").length <= MAX_NAME);
}

export function checkMetadata(metadata: ApiMeta): StatusCause[] {
  const causes: StatusCause[] = [];
  if (metadata.name.length > MAX_NAME) {
    causes.push(invalidValue("metadata.name", metadata.name, `must be no more than ${MAX_NAME} characters`));
  } else if (!SUBDOMAIN.test(metadata.name)) {
    causes.push(invalidValue("metadata.name", metadata.name, SUBDOMAIN_TEXT));
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!isQualifiedName(key)) causes.push(invalidValue("metadata.labels", key, QUALIFIED_TEXT));
    if (value.length > MAX_LABEL) {
      causes.push(invalidValue("metadata.labels", value, `must be no more than ${MAX_LABEL} characters`));
    } else if (value !== "" && !LABEL_PART.test(value)) causes.push(invalidValue("metadata.labels", value, LABEL_TEXT));
  }
  const annotations = Object.entries(metadata.annotations ?? {});
  for (const [key] of annotations) {
    if (!isQualifiedName(key.toLowerCase())) causes.push(invalidValue("metadata.annotations", key, QUALIFIED_TEXT));
  }
  const size = annotations.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (size > MAX_ANNOTATIONS) {
    const message = `Too long: may not be more than ${MAX_ANNOTATIONS} bytes`;
    causes.push({ reason: "FieldValueTooLong", message, field: "metadata.annotations" });
  }
  for (const finalizer of metadata.finalizers ?? []) {
    if (!isQualifiedName(finalizer)) causes.push(invalidValue("metadata.finalizers", finalizer, QUALIFIED_TEXT));
  }
  return [...causes, ...checkOwners(metadata)];
}

function checkOwners(metadata: ApiMeta): StatusCause[] {
  const causes: StatusCause[] = [];
  for (const [index, owner] of (metadata.ownerReferences ?? []).entries()) {
    for (const field of ["apiVersion", "kind", "name", "uid"] as const) {
      if (!isJsonObject(owner) || owner[field] === undefined || owner[field] === "") {
        const path = `metadata.ownerReferences[${index}].${field}`;
        causes.push({
          reason: "FieldValueInvalid",
          message: `Invalid value: "": ${field} must not be empty`,
          field: path,
        });
      }
    }
  }
  const controllers = (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const why = "Only one reference can have Controller set to true";
    causes.push(invalidValue("metadata.ownerReferences", controllers.length, why));
  }
  return causes;
}
