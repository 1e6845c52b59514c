import { describe, expect, it } from "vitest";
import { type KubeApi, KubeError, type Patch, type ResourceType, type WriteOptions } from "../kube/ports.ts";
import {
  addFinalizer,
  applyStatus,
  isSameStatus,
  removeAnnotation,
  removeFinalizer,
  type StatusObject,
} from "./status-writer.ts";

const TYPE: ResourceType = {
  group: "understudy.dev",
  version: "v1alpha1",
  plural: "failovergroups",
  kind: "FailoverGroup",
  namespaced: true,
};
const KEY = { namespace: "ha", name: "g" };
const group = (status: object, finalizers?: string[]): StatusObject => ({
  metadata: { ...KEY, uid: "u", resourceVersion: "7", ...(finalizers === undefined ? {} : { finalizers }) },
  status,
});

function recorder(failure?: KubeError) {
  const patches: [Patch, WriteOptions | undefined][] = [];
  const api = {
    patch: async (_type: unknown, _key: unknown, patch: Patch, options?: WriteOptions) => {
      patches.push([patch, options]);
      if (failure !== undefined) throw failure;
      return await Promise.resolve({ metadata: { name: "g", resourceVersion: "8" } });
    },
  } as unknown as KubeApi;
  return { api, patches };
}

describe("status", () => {
  it("is applied as a whole, and guarded by the version when asked for", async () => {
    const { api, patches } = recorder();
    const observed = group({ epoch: 1 });
    await applyStatus(api, TYPE, observed, { epoch: 2 }, { fieldManager: "c", timeoutMs: 100 });
    const written = await applyStatus(api, TYPE, observed, { epoch: 2 }, { fieldManager: "c", onlyIfUnchanged: true });
    expect(written.metadata.resourceVersion).toBe("8");
    const common = { type: "apply", fieldManager: "c", force: true };
    expect(patches).toEqual([
      [
        { ...common, body: { metadata: KEY, status: { epoch: 2 } } },
        { timeoutMs: 100, subresource: "status" },
      ],
      [
        { ...common, body: { metadata: { ...KEY, resourceVersion: "7" }, status: { epoch: 2 } } },
        { subresource: "status" },
      ],
    ]);
  });

  it("is not written when our part is there already, whatever others wrote", async () => {
    const { api, patches } = recorder();
    const observed = group({ epoch: 2, conditions: [{ type: "B" }, { type: "A" }], reports: [{ node: "n1" }] });
    const wanted = { epoch: 2, active: undefined, conditions: [{ type: "A" }, { type: "B" }] };
    expect(await applyStatus(api, TYPE, observed, wanted, { fieldManager: "c", othersFields: ["reports"] })).toBe(
      observed,
    );
    expect(patches).toEqual([]);
  });

  it("is written when a field that we no longer want is still there", async () => {
    const { api, patches } = recorder();
    await applyStatus(api, TYPE, group({ epoch: 2, hold: { reason: "x" } }), { epoch: 2 }, { fieldManager: "c" });
    expect(patches).toHaveLength(1);
  });

  it.each([
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: [1, 2] }, { a: [2, 1] }, false],
    [{ a: [{ node: "x", v: 1 }, { node: "y" }] }, { a: [{ node: "y" }, { v: 1, node: "x" }] }, true],
    [{ a: [{ epoch: 2 }, { epoch: 1 }] }, { a: [{ epoch: 1 }, { epoch: 2 }] }, false],
    [{ a: null }, {}, false],
    [{ a: "1" }, { a: 1 }, false],
  ])("%j and %j: the same is %s", (one, other, same) => expect(isSameStatus(one, other)).toBe(same));
});

describe("an operation's annotation", () => {
  const annotation = { name: "understudy.dev/move-to", value: "n2" };

  it("is removed only with the value that was acted on", async () => {
    const { api, patches } = recorder();
    expect(await removeAnnotation(api, TYPE, KEY, annotation)).toBe(true);
    const path = "/metadata/annotations/understudy.dev~1move-to";
    expect(patches[0]?.[0].body).toEqual([
      { op: "test", path, value: "n2" },
      { op: "remove", path },
    ]);
    const changed = recorder(new KubeError({ code: "Invalid", status: 422, reason: "Invalid" }, "test failed"));
    expect(await removeAnnotation(changed.api, TYPE, KEY, annotation)).toBe(false);
    const down = recorder(new KubeError({ code: "Unreachable" }, "down"));
    await expect(removeAnnotation(down.api, TYPE, KEY, annotation)).rejects.toThrow("down");
  });
});

describe("a finalizer", () => {
  it("is added and removed by compare-and-set, once", async () => {
    const { api, patches } = recorder();
    await addFinalizer(api, TYPE, group({}), "understudy.dev/in-use");
    await addFinalizer(api, TYPE, group({}, ["understudy.dev/in-use"]), "understudy.dev/in-use");
    await removeFinalizer(api, TYPE, group({}, ["other", "understudy.dev/in-use"]), "understudy.dev/in-use");
    await removeFinalizer(api, TYPE, group({}), "understudy.dev/in-use");
    const metadata = { resourceVersion: "7", uid: "u" };
    expect(patches.map(([patch]) => patch.body)).toEqual([
      { metadata: { ...metadata, finalizers: ["understudy.dev/in-use"] } },
      { metadata: { ...metadata, finalizers: ["other"] } },
    ]);
  });

  it("of an object that is gone is removed", async () => {
    const { api } = recorder(new KubeError({ code: "NotFound", status: 404, reason: "NotFound" }, "gone"));
    await removeFinalizer(api, TYPE, group({}, ["f"]), "f");
  });
});
