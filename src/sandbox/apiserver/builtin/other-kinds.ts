/** Leases and CustomResourceDefinitions. */
import { at, type ApiObject } from "../json.ts";
import type { Resource } from "../resource.ts";
import type { StatusCause } from "../status-error.ts";
import { ageColumn, nameColumn } from "./columns.ts";
import { builtin } from "./core-kinds.ts";
import { CONDITION, int, kindSchema, list, listMap, loose, microTime, obj, str } from "./schemas.ts";

/** Rules of pkg/apis/coordination/validation. */
function checkLease(lease: ApiObject): StatusCause[] {
  const causes: StatusCause[] = [];
  const duration = at(lease, "spec", "leaseDurationSeconds");
  if (typeof duration === "number" && duration <= 0) {
    const message = `Invalid value: ${duration}: must be greater than 0`;
    causes.push({ reason: "FieldValueInvalid", message, field: "spec.leaseDurationSeconds" });
  }
  const transitions = at(lease, "spec", "leaseTransitions");
  if (typeof transitions === "number" && transitions < 0) {
    const message = `Invalid value: ${transitions}: must be greater than or equal to 0`;
    causes.push({ reason: "FieldValueInvalid", message, field: "spec.leaseTransitions" });
  }
  return causes;
}

const leases = builtin({
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
  createOnUpdate: true,
  unconditionalUpdate: false,
  check: checkLease,
  columns: [nameColumn, { name: "Holder", type: "string", priority: 0, value: ".spec.holderIdentity" }, ageColumn],
  schema: kindSchema("Lease defines a lease concept.", {
    spec: obj("Specification of the Lease.", {
      holderIdentity: str("Identity of the holder."),
      leaseDurationSeconds: int("Seconds that candidates wait after renewTime before they acquire by force."),
      acquireTime: microTime("When the current lease was acquired."),
      renewTime: microTime("When the current holder last renewed."),
      leaseTransitions: int("Transitions between holders."),
      strategy: str("Strategy for picking the leader of a coordinated election."),
      preferredHolder: str("Holder to which the lease is to be handed over."),
    }),
  }),
});

/** Not served by name, but the object that everything else follows from. */
const customresourcedefinitions = builtin({
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  namespaced: false,
  hasStatus: true,
  countsGenerations: true,
  unconditionalUpdate: false,
  columns: [
    nameColumn,
    { name: "Created At", type: "date", priority: 0, value: (crd) => crd.metadata.creationTimestamp },
  ],
  schema: kindSchema("CustomResourceDefinition represents a resource exposed on the API server.", {
    spec: obj("How the resource appears.", {
      group: str("API group."),
      scope: str("Cluster or Namespaced."),
      names: loose("Names of the resource.", {
        shortNames: list("Short names.", { type: "string" }),
        categories: list("Grouped resources it belongs to.", { type: "string" }),
      }),
      versions: list("All versions.", loose("A version.")),
      conversion: loose("How versions convert."),
      preserveUnknownFields: { type: "boolean", description: "Must be false." },
    }),
    status: obj("Current state.", {
      conditions: listMap("State of the definition.", ["type"], CONDITION),
      acceptedNames: loose("Names in use."),
      storedVersions: list("Versions that were ever stored.", { type: "string" }),
    }),
  }),
});

export const OTHER_KINDS: readonly Resource[] = [leases, customresourcedefinitions];
