import { describe, expect, test } from "vitest";
import { APPLY_CASES, thingSchema, type ApplyStep } from "../../../../test/contract/kubernetes/apply-cases.ts";
import { OBJECT_META } from "../builtin/schemas.ts";
import type { ApiObject } from "../json.ts";
import { StatusError } from "../status-error.ts";
import { applyConfig, trackUpdate, type Writer } from "./field-manager.ts";

/** As the server completes it. */
const schema = { ...thingSchema, properties: { ...thingSchema.properties, metadata: OBJECT_META } };

function writerOf(step: ApplyStep): Writer {
  const subresource = step.status === undefined ? "" : "status";
  return { manager: step.by, apiVersion: "v1", subresource, separateStatus: true, time: "2026-01-01T00:00:00Z" };
}

function run(steps: readonly ApplyStep[]): ApiObject | undefined {
  let live: ApiObject | undefined;
  for (const step of steps) {
    const config: ApiObject = {
      apiVersion: "v1",
      kind: "Thing",
      metadata: { name: "x", ...step.metadata },
      ...(step.spec === undefined ? {} : { spec: step.spec }),
      ...(step.status === undefined ? {} : { status: step.status }),
    };
    if (step.do !== "update") live = applyConfig(schema, live, config, writerOf(step), step.do === "force");
    else
      live = trackUpdate(
        schema,
        live,
        { ...live, ...config, metadata: { ...live?.metadata, ...config.metadata } },
        writerOf(step),
      );
  }
  return live;
}

function ownersOf(object: ApiObject | undefined): Record<string, unknown> {
  const entries = object?.metadata.managedFields ?? [];
  return Object.fromEntries(
    entries.map((entry) => {
      const subresource = entry.subresource === undefined ? "" : `/${entry.subresource}`;
      return [`${entry.manager} ${entry.operation}${subresource}`, entry.fieldsV1];
    }),
  );
}

describe("server-side apply", () => {
  test.each(APPLY_CASES)("$what", ({ steps, spec, metadata, owners, conflict }) => {
    if (conflict !== undefined) {
      expect(() => run(steps)).toThrow(expect.objectContaining({ code: 409, reason: "Conflict", message: conflict }));
      return;
    }
    const result = run(steps);
    if (spec !== undefined) expect(result?.["spec"]).toEqual(spec);
    if (metadata !== undefined) expect({ ...result?.metadata, managedFields: undefined }).toEqual(metadata);
    if (owners !== undefined) expect(ownersOf(result)).toEqual(owners);
  });

  test("an apply that changes nothing gives back the very object", () => {
    const step: ApplyStep = { by: "a", do: "apply", spec: { replicas: 1, members: [{ node: "n" }] } };
    const live = run([step]);
    const again = applyConfig(
      schema,
      live,
      { apiVersion: "v1", kind: "Thing", metadata: { name: "x" }, spec: { members: [{ node: "n" }], replicas: 1 } },
      { ...writerOf(step), time: "2027-01-01T00:00:00Z" },
      false,
    );
    expect(again).toBe(live);
  });

  test("a configuration that names an item twice is refused", () => {
    const twice = { by: "a", do: "apply", spec: { members: [{ node: "n" }, { node: "n" }] } } as const;
    expect(() => run([twice])).toThrow(StatusError);
  });

  test("an object from before tracking belongs to before-first-apply", () => {
    const live: ApiObject = { apiVersion: "v1", kind: "Thing", metadata: { name: "x" }, spec: { replicas: 1 } };
    const config: ApiObject = { apiVersion: "v1", kind: "Thing", metadata: { name: "x" }, spec: { replicas: 2 } };
    const writer = writerOf({ by: "b", do: "apply" });
    expect(() => applyConfig(schema, live, config, writer, false)).toThrow(
      /"before-first-apply" using v1: .spec.replicas/,
    );
  });

  test("an update may clear the managers with an empty entry", () => {
    const live = run([{ by: "a", do: "apply", spec: { replicas: 1 } }]);
    const next = { ...live, metadata: { name: "x", managedFields: [{}] } } as ApiObject;
    const cleared = trackUpdate(schema, live, next, writerOf({ by: "c", do: "update" }));
    expect(cleared.metadata.managedFields).toBeUndefined();
  });

  test("more than ten updating managers share one bucket", () => {
    const steps = Array.from({ length: 14 }, (_, n): ApplyStep => {
      const settings = Object.fromEntries(Array.from({ length: n + 1 }, (_, key) => [`k${key}`, "v"]));
      return { by: `m${n}`, do: "update", spec: { settings } };
    });
    const managers = run(steps)?.metadata.managedFields?.map((entry) => entry.manager) ?? [];
    expect(managers).toContain("ancient-changes");
    expect(managers.length).toBeLessThanOrEqual(11);
  });
});
