import { describe, expect, it } from "vitest";
import { DEFINITIONS } from "./definitions.ts";
import { COVERAGE, isFieldImplemented, notImplementedFields } from "./implemented.ts";
import { rootSchema } from "./kind-definition.ts";
import { KIND_NAMES, type KindName } from "./kinds.ts";
import type { Schema } from "./schema.ts";
import { compileSchema } from "./schema-validation.ts";
import { isJsonMap } from "./structural.ts";

/** Paths of all fields that hold a value, without indices. */
function leaves(schema: Schema, path: string): string[] {
  if (schema.type === "array") return leaves(schema.items ?? {}, `${path}[]`);
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return [path];
  return properties.flatMap(([name, sub]) => leaves(sub, path === "" ? name : `${path}.${name}`));
}

function defaulted(kind: KindName, spec: object): unknown {
  const object = compileSchema(rootSchema(DEFINITIONS[kind])).applyDefaults({ metadata: { name: "x" }, spec });
  return isJsonMap(object) ? object["spec"] : undefined;
}

describe.each(KIND_NAMES)("the lists of %s", (kind) => {
  const paths = leaves(DEFINITIONS[kind].spec, "");

  it("name every field of the spec, in one list", () => {
    expect(paths.filter((path) => isFieldImplemented(kind, path) === undefined)).toEqual([]);
  });

  it("name no field that the spec does not have", () => {
    const { now, later, laterValues } = COVERAGE[kind];
    const entries = [...now, ...later, ...Object.keys(laterValues ?? {})].filter((entry) => entry !== "");
    const known = (entry: string): boolean =>
      paths.some((path) => path === entry || path.startsWith(`${entry}.`) || path.startsWith(`${entry}[`));
    expect(entries.filter((entry) => !known(entry))).toEqual([]);
  });
});

describe("notImplementedFields", () => {
  const base = { members: [{ node: "a" }], resources: [{ kind: "AwsVirtualIP", name: "vip" }] };

  it.each<[string, KindName, object, string[]]>([
    ["nothing in a plain group", "FailoverGroup", base, []],
    [
      "nothing in a field that carries its default",
      "FailoverGroup",
      { ...base, failover: { scope: "Anywhere" }, scheduledEvents: { action: "Act" } },
      [],
    ],
    [
      "nothing in a scope and in what events lead to",
      "FailoverGroup",
      { ...base, failover: { scope: "SameRegion" }, scheduledEvents: { action: "Ignore" } },
      [],
    ],
    [
      "nothing in switches by their presence",
      "FailoverGroup",
      { ...base, monitors: { availabilityZone: {} }, fencing: { awsStopInstance: {} }, isolation: {} },
      [],
    ],
    ["nothing in a final action", "FailoverGroup", { ...base, failover: { finalAction: "RebootNode" } }, []],
    [
      "a kind in the list",
      "FailoverGroup",
      { ...base, resources: [...base.resources, { kind: "MirrorDisk", name: "md" }] },
      ["spec.resources[1].kind: MirrorDisk"],
    ],
    ["a whole kind", "MirrorDisk", { dataDevice: "/dev/a", metadataDevice: "/dev/b" }, ["kind MirrorDisk"]],
    [
      "nothing in a virtual IP with everything",
      "AwsVirtualIP",
      { address: "10.1.0.20", sourceDestCheck: "Repair", credentials: { secretRef: { name: "s" } } },
      [],
    ],
    [
      "nothing in a probe port with its load balancer",
      "LbProbePort",
      { port: 1, dsr: { frontendAddress: "10.0.0.1" }, azureLoadBalancer: { name: "lb" } },
      [],
    ],
  ])("finds %s", (_name, kind, spec, expected) => {
    expect(notImplementedFields(kind, defaulted(kind, spec)).sort()).toEqual([...expected].sort());
  });
});
